"""Skills of the domain scientific-computing, one file each."""

from termforge.forge.scientific_computing import runge_kutta

SKILLS = (runge_kutta.SKILL,)
