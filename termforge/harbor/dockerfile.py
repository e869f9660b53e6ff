"""A Dockerfile as instructions with their lines; here-documents and several stages are refused. Pure text."""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import shell


class Instruction(NamedTuple):
    path: Path
    line: int
    name: str
    """In capitals."""
    rest: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}: {self.name} {self.rest[:80]}"

    def refused(self, reason: str) -> InputError:
        return InputError(f"{self.place}: {reason}")


class Copied(NamedTuple):
    options: dict[str, str]
    sources: list[str]
    target: str


def read(path: Path) -> list[Instruction]:
    """Instructions in order, FROM first.

    Raises: InputError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    instructions: list[Instruction] = []
    for number, line in shell.lines(text):
        name, _, rest = line.partition(" ")
        instruction = Instruction(path, number, name.upper(), rest.strip())
        if "<<" in rest and instruction.name in ("RUN", "COPY", "ADD"):
            raise instruction.refused("here-documents are not read")
        instructions.append(instruction)
    stages = [instruction for instruction in instructions if instruction.name == "FROM"]
    if not stages:
        raise InputError(f"{path}: there is no FROM")
    if len(stages) > 1:
        raise stages[1].refused("there is more than one stage")
    return instructions


def variables(instruction: Instruction) -> dict[str, str]:
    """`A=1 B="2 3"`, or the old `A 1`.

    Raises: InputError.
    """
    if not re.match(r"\w+=", instruction.rest):
        name, _, value = instruction.rest.partition(" ")
        return {name: value}
    pairs = [word.partition("=") for word in _words(instruction, instruction.rest)]
    return {name: value for name, _, value in pairs}


def copied(instruction: Instruction) -> Copied:
    """Raises: InputError."""
    rest, options = instruction.rest, {}
    while match := re.match(r"--([\w-]+)(?:=(\S+))?\s+", rest):
        options[match[1]], rest = match[2] or "", rest[match.end() :]
    words = _words(instruction, rest)
    if len(words) < 2:
        raise instruction.refused("a source and a target are wanted")
    return Copied(options, words[:-1], words[-1])


def _words(instruction: Instruction, text: str) -> list[str]:
    """Either form: words as a shell takes them, or a JSON list."""
    try:
        return list(map(str, json.loads(text))) if text.startswith("[") else shlex.split(text)
    except ValueError as error:
        raise instruction.refused(str(error)) from None
