"""Every skill in its domain's own image: sound by every gate, with tests that look closely."""

import re
from random import Random

import pytest

from termforge.forge import SKILLS
from termforge.forge.__main__ import main
from termforge.forge.artifacts import Artifact, Lines, Orders, Table, Tree
from termforge.forge.compose import LEVELS, forge_part, make_parts
from termforge.forge.skill import Skill
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, play
from termforge.stages.machine import Machine
from termforge.validate import ValidationConfig, validate

pytestmark = pytest.mark.docker  # it builds the images; bubblewrap plays them

MACHINE = Machine(sandbox="bubblewrap", images="domain")


@pytest.mark.bubblewrap
@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
def test_a_skill_is_sound_on_its_own_image(skill: Skill) -> None:
    task = forge_part(1, skill, MACHINE.recipes[skill.domain])
    config = ValidationConfig(oracle_runs=1, mutants=3)
    verdicts = validate(task, config, MACHINE.engine, MACHINE.inventories[skill.domain])
    assert verdicts.first_failure is None
    statuses = {gate.gate: gate.status for gate in verdicts.gates}
    assert {name for name, status in statuses.items() if status == "not run"} == {"steady"}
    assert verdicts.mutants


@pytest.mark.bubblewrap
@pytest.mark.parametrize("skill", [skill for skill in SKILLS if skill.offers], ids=lambda skill: skill.name)
def test_what_a_skill_offers_is_what_its_solution_leaves(skill: Skill) -> None:
    """To the byte: other skills compute from it what they expect."""
    for number in range(2):
        task = forge_part(number, skill, MACHINE.recipes[skill.domain])
        run = play(task, RolloutConfig(), MACHINE.engine, Oracle(task, seed="offers"))
        assert run.left is not None
        left = {file.path: file.content for file in run.left.files}
        (part,) = make_parts(Random(f"{task.provenance.origin}, parts"), [skill], 1 + number % len(set(LEVELS)))
        for path, content in (held for artifact in part.offers for held in contents(artifact).items()):
            assert left[path] == content, path


def contents(artifact: Artifact) -> dict[str, bytes]:
    if isinstance(artifact, Tree):
        return {file.path: file.content for file in artifact.files}
    if isinstance(artifact, Orders):
        return {}  # the same file as the table that comes with it
    assert isinstance(artifact, Table | Lines)
    return {artifact.path: artifact.text.encode()}


@pytest.mark.bubblewrap
def test_whoever_writes_skills_checks_many_with_one_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["file-operations/permission-scheme", "security/file-*"]
    told = ["--seeds", "2", "--mutants", "2", "--jobs", "2", "--images", "domain", "--sandbox", "bubblewrap"]
    monkeypatch.setattr("sys.argv", ["python -m termforge.forge", *names, *told])
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("file-operations/permission-scheme 0: sound (")
    assert re.fullmatch(r"(\d+) of \1 tasks of \d skills are sound", lines[-3])
    assert re.fullmatch(r"killed on average over skills: [\d.]+%; least, \S+: [\d.]+%", lines[-1])
