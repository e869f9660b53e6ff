"""Forged tasks: solvable by their own solution, failed by doing nothing, the same everywhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.forge import SKILLS, available, forge_task
from termforge.schemas import DOMAINS, Domain, ImageRecipe, TerminalTask
from tests.unit.forge.bare_sandbox import grade, lay, play

HOST = ImageRecipe(name="host", recipe="")
GOLDEN = Path(__file__).parents[2] / "golden" / "forge_fingerprint.txt"
SEED = "forge-tests"

bubblewrap = pytest.mark.bubblewrap


def forged(count: int, seed: str = SEED) -> list[TerminalTask]:
    return [forge_task(index, seed=seed, domain=DOMAINS[index % 9], image=HOST) for index in range(count)]


@bubblewrap
@pytest.mark.parametrize("index", range(27))
def test_every_task_is_solved_by_its_solution_and_failed_by_doing_nothing(index: int, tmp_path: Path) -> None:
    terminal_task = forge_task(index, seed=SEED, domain=DOMAINS[index % 9], image=HOST)
    ids = [test.id for test in terminal_task.verifier.tests]
    root = lay(terminal_task, tmp_path)

    untouched = grade(terminal_task, root)
    assert list(untouched) == ids
    for name, reason in untouched.items():
        assert reason.startswith("AssertionError"), f"{name} without any work: {reason or 'passed'}"

    seen = play(root, (command.keystrokes for step in terminal_task.solution for command in step.commands))
    assert grade(terminal_task, root) == dict.fromkeys(ids, ""), seen


@bubblewrap
def test_a_damaged_output_fails_its_tests_only(tmp_path: Path) -> None:
    terminal_task = forge_task(0, seed=SEED, domain="data-processing", image=HOST)
    root = lay(terminal_task, tmp_path)
    play(root, (command.keystrokes for step in terminal_task.solution for command in step.commands))
    rejected = next(root.glob("app/*/rejected.csv"))
    rejected.write_text("order_id,reason\n")

    failed = [name for name, reason in grade(terminal_task, root).items() if reason]

    assert failed == ["test_outputs.py::test_data_processing_rejected_lines"]


def test_tasks_differ_and_cover_every_skill() -> None:
    tasks = forged(200)
    assert len({terminal_task.id for terminal_task in tasks}) == 200
    assert len({terminal_task.instruction for terminal_task in tasks}) == 200
    assert {name for task in tasks for name in task.provenance.skills} == {skill.name for skill in SKILLS}
    assert {len(task.provenance.skills) for task in tasks} == {2, 3}
    assert {task.provenance.difficulty for task in tasks} == {"easy", "medium", "hard"}


def test_a_task_holds_a_skill_of_its_domain_and_no_name_twice() -> None:
    for terminal_task in forged(90):
        assert any(name.startswith(f"{terminal_task.domain}/") for name in terminal_task.provenance.skills)
        assert len(set(terminal_task.provenance.skills)) == len(terminal_task.provenance.skills)
        paths = [file.path for file in terminal_task.files]
        ids = [test.id for test in terminal_task.verifier.tests]
        assert len(set(paths)) == len(paths)
        assert len(set(ids)) == len(ids)
        assert not terminal_task.needs


def test_folders_of_skills_never_meet() -> None:
    folders = [folder for skill in SKILLS for folder in skill.folders]
    assert len(set(folders)) == len(folders)


def test_some_parts_read_what_an_earlier_part_writes() -> None:
    linked = [task for task in forged(200) if "another part of this job produces" in task.instruction]
    assert len(linked) > 10
    for terminal_task in linked:
        sections = re.split(r"another part of this job produces", terminal_task.instruction)
        assert "export.csv" in sections[0]


def test_solutions_are_short_and_can_be_typed() -> None:
    for terminal_task in forged(200):
        assert 4 <= len(terminal_task.solution) <= 10
        for command in (command for step in terminal_task.solution for command in step.commands):
            assert command.keystrokes.isascii()
            assert command.keystrokes.endswith("\n")
            assert len(command.keystrokes) < 15_000
            assert "\t" not in command.keystrokes, "a tab would ask the shell for completions"
            assert not re.search(r"![^ =(\n]", command.keystrokes), "history expansion would change the line"
            assert 0 < command.duration_s <= 5


def test_instructions_name_every_file_the_tests_open() -> None:
    for terminal_task in forged(60):
        for path in re.findall(
            rb"(?:table|document|lines|output_of)\('(/app/[^']+)'", terminal_task.verifier.files[0].content
        ):
            folder, name = path.decode().rsplit("/", 1)
            assert f"{folder}/{name}" in terminal_task.instruction or (
                f"`{name}`" in terminal_task.instruction and f"`{folder}`" in terminal_task.instruction
            ), path


def test_solutions_type_only_the_tools_they_declare() -> None:
    declared = {tool for skill in SKILLS for tool in skill.tools} | {"bash", "find", "sort", "head", "ls"}
    builtins = {"cd", "echo", "printf"}
    for terminal_task in forged(60):
        for command in (command for step in terminal_task.solution for command in step.commands):
            line = re.sub(r"'[^']*'|\"[^\"]*\"", "x", command.keystrokes.split("\n", 1)[0])
            typed = {part.split()[0] for part in re.split(r"\||;|&&", line) if part.split()}
            assert typed <= declared | builtins


def test_without_limits_every_skill_is_available() -> None:
    assert available(None) == (tuple(skill.name for skill in SKILLS), {})


def test_skills_whose_tools_are_missing_are_named_and_left_out() -> None:
    everything = frozenset(tool for skill in SKILLS for tool in skill.tools) | {"bash", "find", "sort", "head", "ls"}
    commands = everything - {"sha256sum", "diff"}
    usable, missing = available(commands)
    assert missing == {
        "debugging/repair-script": ("diff",),
        "file-operations/sort-drop-folder": ("sha256sum",),
        "security/secret-scan": ("diff",),
    }
    assert len(usable) == len(SKILLS) - 3
    for index in range(40):
        terminal_task = forge_task(index, seed=SEED, domain="data-science", image=HOST, commands=commands)
        assert set(terminal_task.provenance.skills) <= set(usable)


def test_a_domain_without_a_usable_skill_is_refused_with_the_missing_command() -> None:
    with pytest.raises(InputError, match=r"security.*python3"):
        forge_task(0, seed=SEED, domain="security", image=HOST, commands=frozenset({"bash", "ls"}))


def fingerprint(python: list[str], **variables: str) -> str:
    program = (
        "import hashlib\nfrom termforge.forge import forge_task\nfrom termforge.schemas import DOMAINS, ImageRecipe\n"
        "host = ImageRecipe(name='host', recipe='')\n"
        "ids = [forge_task(i, seed='golden', domain=DOMAINS[i % 9], image=host).id for i in range(50)]\n"
        "print(hashlib.sha256(' '.join(ids).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **variables}
    finished = subprocess.run([*python, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return finished.stdout.strip()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "3", "TZ": "America/St_Johns", "PYTHONUTF8": "0"},
    ],
)
def test_the_same_seed_gives_the_same_tasks_everywhere(variables: dict[str, str]) -> None:
    assert fingerprint([sys.executable], **variables) == GOLDEN.read_text().strip()


def test_one_task_can_be_made_alone() -> None:
    domain: Domain = DOMAINS[7]
    assert forge_task(7, seed=SEED, domain=domain, image=HOST) == forged(8)[7]
    assert forge_task(7, seed="another", domain=domain, image=HOST).id != forged(8)[7].id


def test_bubblewrap_is_there_for_the_tests_above() -> None:
    assert shutil.which("bwrap"), "install bubblewrap: the tests of solutions need it"
