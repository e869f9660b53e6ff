"""Skills of the domain scientific-computing, one file each."""

from termforge.forge.scientific_computing import (
    broken_compartments,
    broken_sandpile,
    cellular_automaton,
    edit_distances,
    fortran_matrix,
    linear_systems,
    root_digits,
    runge_kutta,
    sampled_signal,
    sequence_survey,
    unit_conversion,
)

SKILLS = (
    runge_kutta.SKILL,
    unit_conversion.SKILL,
    linear_systems.SKILL,
    root_digits.SKILL,
    cellular_automaton.SKILL,
    sampled_signal.SKILL,
    sequence_survey.SKILL,
    edit_distances.SKILL,
    fortran_matrix.SKILL,
    broken_sandpile.SKILL,
    broken_compartments.SKILL,
)
