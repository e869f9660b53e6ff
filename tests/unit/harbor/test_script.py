"""Solutions as scripts and back."""

import subprocess
from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.script import HEADER, Scripted, script, scripted, steps
from termforge.schemas import Command, File, Step


def typed(*keystrokes: str, duration_s: float = 1.0) -> tuple[Step, ...]:
    commands = tuple(Command(keystrokes=keys, duration_s=duration_s) for keys in keystrokes)
    return (Step(analysis="", plan="", commands=commands),)


def ran(folder: Path, solution: tuple[Step, ...]) -> str:
    """What the script puts out when /app is `folder`."""
    text = script(solution).replace("cd /app", f"cd {folder}", 1)
    finished = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=20, check=False)
    assert finished.stderr == ""
    return finished.stdout


def test_state_goes_on_from_command_to_command(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    solution = typed("cd deep\n", "X=4", "2\n", "echo", "Space", "$X > a", "Enter", "pwd; cat a\n")
    assert ran(tmp_path, solution) == f"{tmp_path}/deep\n42\n"


def test_a_here_document_is_what_was_typed(tmp_path: Path) -> None:
    text = "#!/usr/bin/env python3\nprint('hi!', \"$HOME\" != 1)\n"
    ran(tmp_path, typed(f"cat > it.py <<'EOF'\n{text}EOF\n"))
    assert (tmp_path / "it.py").read_text() == text


def test_aliases_work_as_at_a_prompt(tmp_path: Path) -> None:
    assert ran(tmp_path, typed("alias twice='echo 2'\n", "twice\n")) == "2\n"


def test_what_runs_beside_is_given_its_time() -> None:
    text = script(typed("serve &\n", "true && true\n", duration_s=2.5)).removeprefix(HEADER)
    assert text == "serve &\nsleep 2.5\ntrue && true\n"


@pytest.mark.parametrize("keys", ["C-c", "c-d", "M-x", "Up", "F1", "Escape", "PageDown", "ls\t", "\x03", ":wq\x1b"])
def test_keys_that_only_a_terminal_understands_are_refused(keys: str) -> None:
    with pytest.raises(InputError, match="only a terminal understands"):
        script(typed("ls\n", keys))


@pytest.mark.parametrize("keys", ["update\n", "c-double\n", "echo C-c\n", "homework\n", "fi\n", "up\n"])
def test_words_that_look_like_keys_are_typed(keys: str) -> None:
    assert script(typed(keys)) == HEADER + keys


def test_an_end_that_the_script_holds_is_not_its_end() -> None:
    file = File(path="/solution/solve.sh", content=b"cat <<EOF\nEOF\n")
    [writing, _] = steps([file], {}, 60)
    assert writing.commands[-1].keystrokes == "cat > /solution/solve.sh <<'EOF_'\ncat <<EOF\nEOF\nEOF_\n"


def test_a_long_script_is_waited_for() -> None:
    [_, running] = steps([], {"A": "1 2"}, 150)
    assert [(command.keystrokes, command.duration_s) for command in running.commands] == [
        ("chmod +x /solution/solve.sh && A='1 2' /solution/solve.sh\n", 60),
        ("", 60),
        ("", 60),
    ]


FILES = (
    File(path="/solution/a 'b", content=b"cat <<EOF\n1\nEOF\n"),
    File(path="/solution/empty", content=b""),
    File(path="/solution/run", content=b"#!/bin/bash\n", mode=0o755),
    File(path="/solution/solve.sh", content=b"#!/bin/bash\n./run\n", mode=0o755),
)


def test_a_solution_that_was_a_script_is_recognized() -> None:
    assert scripted(steps(FILES, {"A": "1 '2"}, 150)) == Scripted(FILES, {"A": "1 '2"})


@pytest.mark.parametrize(
    "solution",
    [
        (),
        typed("ls\n"),
        typed("ls\n", "cat a\n", "chmod +x /solution/solve.sh && /solution/solve.sh\n"),
        steps(FILES, {}, 60) + typed("ls\n"),
        typed("ls\n") + steps(FILES, {}, 60),
    ],
)
def test_other_solutions_are_not_taken_for_one(solution: tuple[Step, ...]) -> None:
    assert scripted(solution) is None
