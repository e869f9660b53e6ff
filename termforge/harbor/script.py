"""A solution as it is typed, and as the script solve.sh: either way the same commands in the same order.

Out: keystrokes are joined into a script for a bash that is set as at a prompt, so that here-documents, `cd`, variables
and jobs go on from one command to the next. Keys that only a terminal understands have no place in a script.
In: the files of solution/ are typed as here-documents and solve.sh is run. That is recognized when it goes out again.
"""

import re
import shlex
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from termforge.errors import InputError
from termforge.schemas import Command, File, Step

HEADER = """\
#!/bin/bash -l
# Generated from the solution of a termforge task: what was typed at the prompt.
cd /app
set -o history -o histexpand -o monitor
shopt -s expand_aliases

"""
SOLVE = "/solution/solve.sh"
TYPED_KEYS = {"enter": "\n", "space": " "}
# A whole string that is a key's name is that key; tmux does not look at the case.
KEY = re.compile(
    r"(?:[cms]-|\^)+\S+|0x[0-9a-f]+|f\d{1,2}|k[cp]\S+|tab|btab|bspace|escape|up|down|left|right|home|end"
    r"|(?:np|pp)age|page(?:up|down)|ic|dc|insert|delete",
    re.IGNORECASE,
)
UNTYPED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
IN_BACKGROUND = re.compile(r"(?<!&)&[ )]*\n$")
LONGEST_WAIT_S = 60.0
TYPED = re.compile(r"cat > (?P<path>[^\n]+) <<'(?P<end>EOF_*)'\n(?P<text>.*)(?P=end)\n", re.DOTALL)
RUN = re.compile(
    rf"chmod \+x (?P<programs>{re.escape(SOLVE)}[^\n]*) && (?P<settings>.*){re.escape(SOLVE)}\n", re.DOTALL
)


class Scripted(NamedTuple):
    files: tuple[File, ...]
    """Of solution/, solve.sh among them."""
    environment: dict[str, str]
    """What solve.sh is started with."""


def script(solution: Sequence[Step]) -> str:
    """solve.sh of a solution.

    Raises: InputError for keys that a script cannot press.
    """
    commands = (command for step in solution for command in step.commands)
    text = "".join(_text(command) for command in commands)
    if SOLVE in text:
        raise InputError(f"the solution speaks of {SOLVE}, where its own script would lie")
    return HEADER + (text if text.endswith("\n") else f"{text}\n")


def _text(command: Command) -> str:
    keys = command.keystrokes
    if (typed := TYPED_KEYS.get(keys.lower())) is not None:
        return typed
    if KEY.fullmatch(keys) or UNTYPED.search(keys):
        raise InputError(f"the solution presses {keys!r}, which only a terminal understands: it is no script")
    # What runs beside the script is given the time that it was given at the prompt.
    return f"{keys}sleep {command.duration_s:g}\n" if IN_BACKGROUND.search(keys) else keys


def steps(files: Sequence[File], environment: dict[str, str], timeout_s: float) -> tuple[Step, ...]:
    """A solution that types the files of solution/ and runs solve.sh for up to `timeout_s` seconds.

    Raises: InputError for files that cannot be typed.
    """
    helpers = sorted(file.path for file in files if file.mode & 0o100 and file.path != SOLVE)
    programs = " ".join(map(shlex.quote, [SOLVE, *helpers]))
    settings = "".join(f"{name}={shlex.quote(value)} " for name, value in sorted(environment.items()))
    run = Command(keystrokes=f"chmod +x {programs} && {settings}{SOLVE}\n", duration_s=min(timeout_s, LONGEST_WAIT_S))
    waits = int((timeout_s - 1) // LONGEST_WAIT_S)
    writing = Step(
        analysis="The whole solution fits into a script, so that it can be written first and run in one go.",
        plan=f"Type {', '.join(file.path for file in files)} as here-documents.",
        commands=(_without_completion(files), *(_typed(file) for file in files)),
    )
    running = Step(
        analysis=f"{SOLVE} has been written and does everything that was asked for.",
        plan="Make it executable, run it and wait for its end.",
        commands=(run, *[Command(keystrokes="", duration_s=LONGEST_WAIT_S)] * waits),
    )
    return writing, running


def scripted(solution: Sequence[Step]) -> Scripted | None:
    """What `steps` made a solution of; None where it made no such one."""
    keys = _keys(solution)
    run = RUN.fullmatch(keys[-1]) if keys else None
    typed = [match for match in map(TYPED.fullmatch, keys[1:-1]) if match]
    if run is None or len(typed) != len(keys) - 2:
        return None
    programs = shlex.split(run["programs"])
    paths = (shlex.split(match["path"])[0] for match in typed)
    files = tuple(
        File(path=path, content=match["text"].encode(), mode=0o755 if path in programs else 0o644)
        for path, match in zip(paths, typed, strict=True)
    )
    pairs = (word.partition("=") for word in shlex.split(run["settings"]))
    found = Scripted(files, {name: value for name, _, value in pairs})
    return found if _keys(steps(*found, LONGEST_WAIT_S)) == keys else None


def _keys(solution: Sequence[Step]) -> list[str]:
    return [command.keystrokes for step in solution for command in step.commands if command.keystrokes]


def _without_completion(files: Sequence[File]) -> Command:
    """A tab would complete a name; Readline can be told to take it as it is."""
    folders = sorted({file.path.rpartition("/")[0] for file in files})
    return Command(
        keystrokes=f"bind 'set disable-completion on'; mkdir -p {' '.join(map(shlex.quote, folders))}\n", duration_s=0.5
    )


def _typed(file: File) -> Command:
    try:
        text = file.content.decode()
    except UnicodeDecodeError:
        raise InputError(f"{file.path} is not text: it cannot be typed") from None
    if UNTYPED.search(text.replace("\t", "")):
        raise InputError(f"{file.path} holds control characters: it cannot be typed")
    end = next(word for word in ("EOF" + "_" * number for number in count()) if word not in text.split("\n"))
    body = text if text.endswith("\n") or not text else f"{text}\n"
    return Command(keystrokes=f"cat > {shlex.quote(file.path)} <<'{end}'\n{body}{end}\n", duration_s=1.0)
