"""Every skill in its domain's own image: sound by every gate, with tests that look closely."""

import pytest

from termforge.forge import SKILLS
from termforge.forge.compose import forge_part
from termforge.forge.skill import Skill
from termforge.stages.machine import Machine
from termforge.validate import ValidationConfig, validate

pytestmark = pytest.mark.docker  # it builds the images; bubblewrap plays them

MACHINE = Machine(sandbox="bubblewrap", images="domain")


@pytest.mark.bubblewrap
@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_a_skill_is_sound_on_its_own_image(skill: Skill) -> None:
    task = forge_part(1, skill, MACHINE.recipes[skill.domain])
    config = ValidationConfig(oracle_runs=1, mutants=2)
    verdicts = validate(task, config, MACHINE.engine, MACHINE.inventories[skill.domain])
    assert verdicts.first_failure is None
    statuses = {gate.gate: gate.status for gate in verdicts.gates}
    assert {name for name, status in statuses.items() if status == "not run"} == {"steady"}
    assert verdicts.mutants
