"""What a generator yields: one part of a task, its solution and its tests, made together from one random source.

A Skill makes a Fragment; compose.py joins three to five into a TerminalTask. Only exact arithmetic may reach a task
(integers, Fraction, sqrt): `sum` of floats and libm differ between Python versions and machines.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Artifact
from termforge.schemas import Command, Domain, File, Step


class Setting(NamedTuple):
    """Where a part plays and how hard it is."""

    folder: str
    """This part's own folder, `/app/...`."""
    level: int
    """1 easy, 2 medium, 3 hard: sizes and number of rules."""
    given: Artifact | None = None
    """What an earlier part of the same task makes, of the kind that the skill reads."""


class Check(NamedTuple):
    """One test function: body in Python, without indentation, using the helpers of checks.py."""

    name: str
    body: str
    weight: float = 1.0


class Fragment(NamedTuple):
    title: str
    brief: str
    """Everything that is asked for: paths, formats, rules. No hint of the way."""
    files: tuple[File, ...]
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    outputs: tuple[str, ...]
    """Paths that the solution writes or changes."""
    offers: tuple[Artifact, ...] = ()
    """What later parts may read: made by the solution, checked by the tests, and left alone by the brief."""


class Skill(NamedTuple):
    name: str
    domain: Domain
    folders: tuple[str, ...]
    """Names for the part's folder; at least three."""
    tools: tuple[str, ...]
    """Commands that the solution types."""
    make: Callable[[Random, Setting], Fragment]
    modules: tuple[str, ...] = ()
    """What its Python programs import beyond the standard library."""
    reads: type[Artifact] | None = None
    """The kind that it can work on; it must also do without."""
    offers: tuple[type[Artifact], ...] = ()
    """Kinds that each of its fragments offers."""
    repairs: bool = False
    """A healthy state was damaged, and the task is to find what is wrong and mend it."""

    @property
    def slug(self) -> str:
        """Prefix of its tests' names."""
        return self.name.replace("-", "_").replace("/", "_")


def text_file(path: str, text: str, mode: int = 0o644) -> File:
    return File(path=path, content=text.encode(), mode=mode)


def step(random: Random, analyses: Sequence[str], plans: Sequence[str], *commands: Command) -> Step:
    """One reply, told in one of several ways."""
    return Step(analysis=random.choice(analyses), plan=random.choice(plans), commands=commands)


def run(line: str, duration_s: float = 0.5) -> Command:
    """One line typed at the prompt."""
    return Command(keystrokes=f"{line}\n", duration_s=duration_s)


def write(path: str, text: str) -> Command:
    """A file typed as a here-document."""
    return Command(keystrokes=f"cat > {path} <<'EOF'\n{text.strip()}\nEOF\n", duration_s=0.5)


def python(text: str, duration_s: float = 2.0) -> Command:
    """A throw-away Python program typed as a here-document."""
    return Command(keystrokes=f"python3 - <<'EOF'\n{text.strip()}\nEOF\n", duration_s=duration_s)


def literal(value: object) -> str:
    """Python source of plain data; lists and dicts get an item a line."""
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"    {item!r},\n" for item in value) + "]"
    if isinstance(value, dict) and value:
        return "{\n" + "".join(f"    {key!r}: {item!r},\n" for key, item in value.items()) + "}"
    return repr(value)
