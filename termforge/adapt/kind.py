"""What the adapters share: a kind says which texts tell its tasks apart, and what task they make.

A task is made in two ways that give the same: `task_of` builds the record, and termforge/adapt/form.py fills columns
with the texts of many prompts at once.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import NamedTuple

from termforge.adapt.sources import Prompt
from termforge.schemas import Command, Domain, File, ImageRecipe, Provenance, SourceName, Step, TerminalTask, Verifier

TESTS_FILE = "test_solution.py"
LONGEST_TYPED = 100_000
"""Characters; a solution that is longer is none, since nobody types it."""

UNTYPED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
"""A tab completes names, and other control characters are keys."""

Text = str | bytes | None
Texts = tuple[Text, ...]
"""What differs between the tasks of a kind. Each stands alone in a field that has no default; None leaves a part of the
task out, so that tasks with the same ones missing have the same shape."""


class LeftOut(Exception):
    """Why a prompt makes no task; a short fixed phrase that counts can be made of."""


class Parts(NamedTuple):
    """What a kind adds to instruction, image and provenance."""

    files: tuple[File, ...] = ()
    verifier: Verifier | None = None
    solution: tuple[Step, ...] | None = None


class Kind(NamedTuple):
    name: SourceName
    version: int
    suffix: str
    """The paper's, exactly."""
    output: str
    """The file that the suffix asks for, and that is graded."""
    image: Domain
    texts: Callable[[Prompt], Texts]
    """Raises: LeftOut."""
    parts: Callable[[Texts], Parts]
    essence: Callable[[str], str]
    """The words of a prompt by which near-duplicates are told."""
    given_tests: tuple[int, ...] = ()
    """Which texts hold the tests of the source, if any does."""

    @property
    def generator(self) -> str:
        return f"adapt/{self.name}@{self.version}"

    def instruction(self, prompt: Prompt) -> str:
        return f"{prompt.text}\n\n{self.suffix}"


def task_of(kind: Kind, prompt: Prompt, image: ImageRecipe) -> TerminalTask:
    """Raises: LeftOut."""
    texts = kind.texts(prompt)
    return assembled(kind, image, prompt.license, (kind.instruction(prompt), origin(prompt), *texts))


def assembled(kind: Kind, image: ImageRecipe, license: str, texts: Texts) -> TerminalTask:
    """The record; `texts` are instruction and origin, then those of the kind."""
    instruction, where, *rest = texts
    assert isinstance(instruction, str)
    assert isinstance(where, str)
    return TerminalTask(
        image=image,
        instruction=instruction,
        graded_paths=(kind.output,),
        provenance=Provenance(source=kind.name, generator=kind.generator, origin=where, license=license),
        **kind.parts(tuple(rest))._asdict(),
    )


def origin(prompt: Prompt) -> str:
    return f"{prompt.dataset}:{prompt.id}"


def test_file(content: Text) -> File:
    assert isinstance(content, bytes)
    return File(path=f"/tests/{TESTS_FILE}", content=content)


@cache
def beside_the_tests(name: str) -> File:
    """A module of this package that tests import; standard library only."""
    return File(path=f"/tests/{name}", content=(resources.files("termforge.adapt") / name).read_bytes())


def step(analysis: str, plan: str, keystrokes: Text) -> Step:
    assert isinstance(keystrokes, str)
    return Step(analysis=analysis, plan=plan, commands=(Command(keystrokes=keystrokes, duration_s=0.5),))


def written(path: str, text: str) -> str | None:
    """Keystrokes that write a file with this text; None where it cannot be typed as it is."""
    text = text.rstrip("\n") + "\n"
    if len(text) > LONGEST_TYPED or UNTYPED.search(text):
        return None
    end = "EOF"
    while f"\n{end}\n" in f"\n{text}":
        end += "_"
    return f"cat > {path} << '{end}'\n{text}{end}\n"
