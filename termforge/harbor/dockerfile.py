"""A Dockerfile as instructions with their lines; here-documents and several stages are refused. Pure text."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import shell
from termforge.harbor.variables import NAME, expand, words


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


def variables(instruction: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    """Of an ENV: `A=1 B="2 3"`, or the old `A 1`. All are expanded with the `values` of before.

    Raises: ValueError.
    """
    name, sign, value = instruction.rest.partition(" ")
    old = "=" not in name
    pairs = [(name, sign, value.strip())] if old else [word.partition("=") for word in words(instruction.rest)]
    for name, sign, _ in pairs:
        if not sign or not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is given no value, or is no name")
    return {name: expand(value, values) for name, _, value in pairs}


def arguments(instruction: Instruction, values: Mapping[str, str]) -> dict[str, str | None]:
    """Of an ARG; None where it has no default.

    Raises: ValueError.
    """
    pairs = [word.partition("=") for word in words(instruction.rest)]
    return {name: expand(value, values) if sign else None for name, sign, value in pairs}


def copied(instruction: Instruction, values: Mapping[str, str]) -> Copied:
    """Of a COPY or an ADD; sources and target in either form, words or a JSON list.

    Raises: ValueError.
    """
    rest, options = instruction.rest, {}
    while match := re.match(r"--([\w-]+)(?:=(\S+))?\s+", rest):
        options[match[1]], rest = match[2] or "", rest[match.end() :]
    given = list(map(str, json.loads(rest))) if rest.startswith("[") else words(rest)
    if len(given) < 2:
        raise ValueError("a source and a target are wanted")
    *sources, target = (expand(word, values) for word in given)
    return Copied(options, sources, target)
