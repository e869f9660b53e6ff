"""Forged tasks: their shape, their links, and that the same seed gives the same bytes everywhere.

Whether they are sound is shown in real sandboxes: tests/sandbox/test_forged_tasks.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from termforge.errors import InputError
from termforge.forge import SKILLS, forge_task, usable
from termforge.forge.artifacts import Artifact, Lines, Table, Tree
from termforge.forge.catalogue import FRAME_TOOLS
from termforge.forge.compose import draw_skills
from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Fragment, Setting, Skill, text_file
from termforge.forge.typed import HEREDOC
from termforge.images import Inventory
from termforge.schemas import DOMAINS, Domain, ImageRecipe, TerminalTask
from tests.golden.forge import GOLDEN

HOST = ImageRecipe(name="host", recipe="")
SEED = "forge-tests"
EVERYTHING = frozenset({*FRAME_TOOLS, *(tool for skill in SKILLS for tool in skill.tools)})
by_name = pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)


def forged(count: int, seed: str = SEED) -> list[TerminalTask]:
    return [forge_task(index, seed=seed, domain=DOMAINS[index % 9], image=HOST) for index in range(count)]


def inventory(commands: frozenset[str], modules: tuple[str, ...] = ()) -> Inventory:
    return Inventory(apt={}, python={}, commands=tuple(sorted(commands)), modules=modules)


def fragments(skill: Skill, count: int = 6) -> list[Fragment]:
    folder = f"/app/{skill.folders[0]}"
    return [skill.make(Random(f"{skill.name} {number}"), Setting(folder, 1 + number % 3)) for number in range(count)]


def test_there_are_ten_skills_a_domain() -> None:
    found = {domain: sum(skill.domain == domain for skill in SKILLS) for domain in DOMAINS}
    assert min(found.values()) >= 10, found
    assert len({skill.name for skill in SKILLS}) == len(SKILLS)
    assert all(skill.name.startswith(f"{skill.domain}/") for skill in SKILLS)


def test_tasks_differ_and_cover_every_skill() -> None:
    tasks = forged(900)
    assert len({task.id for task in tasks}) == len({task.instruction for task in tasks}) == 900
    assert {name for task in tasks for name in task.provenance.skills} == {skill.name for skill in SKILLS}
    assert {len(task.provenance.skills) for task in tasks} == {3, 4, 5}
    assert {task.provenance.difficulty for task in tasks} == {"easy", "medium", "hard"}


def test_a_task_holds_a_skill_of_its_domain_and_no_name_twice() -> None:
    for task in forged(180):
        assert any(name.startswith(f"{task.domain}/") for name in task.provenance.skills)
        assert len(set(task.provenance.skills)) == len(task.provenance.skills)
        paths = [file.path for file in task.files]
        ids = [test.id for test in task.verifier.tests]
        assert len(set(paths)) == len(paths)
        assert len(set(ids)) == len(ids)
        assert not task.needs


def test_most_tasks_have_a_part_that_reads_what_an_earlier_one_makes() -> None:
    linked = [task for task in forged(200) if "another part of this job produces" in " ".join(task.instruction.split())]
    assert len(linked) > 100


def test_a_reader_comes_after_a_writer_of_its_kind() -> None:
    for number in range(200):
        drawn = draw_skills(Random(number), DOMAINS[number % 9], SKILLS, 5)
        for place, skill in enumerate(drawn):
            writers = [other for other in drawn if other is not skill and skill.reads in other.offers]
            before = [other for other in writers if other in drawn[:place]]
            circular = any(skill.offers and other.reads in skill.offers for other in writers)
            assert before or not writers or circular, (skill.name, [other.name for other in writers])


@by_name
def test_a_skill_keeps_to_its_folder(skill: Skill) -> None:
    assert len(skill.folders) >= 3
    folder = f"/app/{skill.folders[0]}/"
    for part in fragments(skill):
        paths = [*(file.path for file in part.files), *part.outputs, *(artifact.path for artifact in part.offers)]
        assert [path for path in paths if not path.startswith(folder)] == []


@by_name
def test_the_same_source_gives_the_same_part(skill: Skill) -> None:
    assert fragments(skill, 3) == fragments(skill, 3)
    assert len(set(map(str, fragments(skill, 9)))) == 9


@by_name
def test_what_a_skill_offers_is_as_its_kind_says(skill: Skill) -> None:
    for part in fragments(skill):
        assert {type(artifact) for artifact in part.offers} == set(skill.offers)
        for artifact in part.offers:
            check_artifact(artifact)


def check_artifact(artifact: Artifact) -> None:
    if isinstance(artifact, Table):
        assert len(artifact.rows) >= 8
        assert all(len(row) == len(artifact.columns) for row in artifact.rows)
        assert all(artifact.places(*kinds) for kinds in (("key",), ("word",), ("whole", "money")))
        assert all(re.fullmatch(r"[!-~]([ -~]*[!-~])?", cell) for row in artifact.rows for cell in row)
        assert not re.search(r'[",]', "".join(cell for row in artifact.rows for cell in row))
        for place in artifact.places("money"):
            assert all(re.fullmatch(r"\d+\.\d\d", row[place]) for row in artifact.rows)
        for place in artifact.places("whole"):
            assert all(re.fullmatch(r"\d+", row[place]) for row in artifact.rows)
        for place in artifact.places("key"):
            assert len({row[place] for row in artifact.rows}) == len(artifact.rows)
    elif isinstance(artifact, Lines):
        assert len(artifact.lines) >= 8
        assert all(line.isascii() and line.strip() and "\n" not in line for line in artifact.lines)
    elif isinstance(artifact, Tree):
        assert len(artifact.files) >= 4
        assert all(file.path.startswith(f"{artifact.path}/") and file.content for file in artifact.files)


@by_name
def test_a_reader_works_on_what_any_writer_offers(skill: Skill) -> None:
    """It names the file and lays none in its place."""
    for writer in SKILLS:
        for part in fragments(writer, 3) if skill.reads in writer.offers else ():
            (given,) = (artifact for artifact in part.offers if isinstance(artifact, skill.reads or ()))
            made = skill.make(Random(0), Setting("/app/reader", 2, given))
            assert given.path in made.brief
            assert given.path not in {file.path for file in made.files} | set(made.outputs)


@by_name
def test_solutions_can_be_typed(skill: Skill) -> None:
    for part in fragments(skill):
        assert 2 <= len(part.steps) <= 5
        for command in (command for step in part.steps for command in step.commands):
            assert command.keystrokes.isascii()
            assert command.keystrokes.endswith("\n")
            assert len(command.keystrokes) < 15_000
            assert "\t" not in command.keystrokes, "a tab would ask the shell for completions"
            assert not re.search(r"![^ =(]", _at_the_prompt(command.keystrokes)), "history expansion"
            assert 0 < command.duration_s <= 5


def _at_the_prompt(keystrokes: str) -> str:
    """Bash leaves the lines of here-documents alone, and what stands in single quotes."""
    return re.sub(r"'[^']*'", "", HEREDOC.sub(r"\g<line>", keystrokes)).rstrip("\n")


def test_a_damage_that_does_not_fit_is_the_skills_fault() -> None:
    healthy = text_file("/app/x/a.ini", "port = 80\nport = 80\n")
    with pytest.raises(ValueError, match="must occur once"):
        damaged([healthy], [Damage("/app/x/a.ini", "port = 80", "port = 08", "the port is wrong")])


def test_skills_whose_tools_are_missing_are_named_and_left_out() -> None:
    modules = tuple(module for skill in SKILLS for module in skill.modules)
    found = usable(inventory(EVERYTHING - {"sha256sum"}, modules))
    assert set(found.lacking.values()) == {("sha256sum",)}
    assert set(found.lacking) == {skill.name for skill in SKILLS if "sha256sum" in skill.tools}
    assert len(found.skills) + len(found.lacking) == len(SKILLS)
    for index in range(40):
        task = forge_task(index, seed=SEED, domain="data-science", image=HOST, skills=found.skills)
        assert set(task.provenance.skills) <= {skill.name for skill in found.skills}


def test_a_domain_without_a_usable_skill_is_refused() -> None:
    with pytest.raises(InputError, match="security: 0 skills are usable"):
        forge_task(0, seed=SEED, domain="security", image=HOST, skills=usable(inventory(frozenset({"ls"}))).skills)


def fingerprint(python: list[str], **variables: str) -> str:
    program = "from tests.golden.forge import fingerprint\nprint(fingerprint())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **variables}
    finished = subprocess.run([*python, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return finished.stdout.strip()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
    ],
)
def test_the_same_seed_gives_the_same_tasks_everywhere(variables: dict[str, str]) -> None:
    assert fingerprint([sys.executable], **variables) == GOLDEN.read_text().strip()


def other_python() -> str | None:
    known = sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python3.13"))
    return next(map(str, known), None) or shutil.which("python3.13")


@pytest.mark.skipif(other_python() is None, reason="there is no Python 3.13")
def test_another_python_makes_the_same_tasks() -> None:
    fetched = Path(__file__).parents[3] / ".tools" / "bin" / "uv"
    packages = [word for name in ("pydantic", "jinja2") for word in ("--with", name)]
    command = [
        shutil.which("uv") or str(fetched),
        "run",
        "--isolated",
        "--no-project",
        "--python",
        other_python() or "",
    ]
    found = fingerprint([*command, *packages, "python"], PYTHONHASHSEED="3", TZ="America/St_Johns", LC_ALL="C")
    assert found == GOLDEN.read_text().strip()


def test_a_task_does_not_depend_on_how_many_are_made() -> None:
    domain: Domain = DOMAINS[7 % 9]
    assert forge_task(7, seed=SEED, domain=domain, image=HOST) == forged(8)[7]
    assert forge_task(7, seed="another", domain=domain, image=HOST).id != forged(8)[7].id
