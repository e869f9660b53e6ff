"""Break and repair: a healthy file is damaged, and mending it is the inverse."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from termforge.forge.skill import python
from termforge.schemas import Command, File


class Damage(NamedTuple):
    """One text replaced by another in one file."""

    path: str
    right: str
    """Occurs once in the healthy file."""
    wrong: str
    """Occurs once in the damaged one."""
    cause: str
    """What is wrong, for the solution's reasoning: a clause without a full stop."""


def damaged(files: Iterable[File], damages: Sequence[Damage]) -> tuple[File, ...]:
    """Raises: ValueError where a damage does not fit exactly once: the skill is at fault."""
    return tuple(_damaged(file, [damage for damage in damages if damage.path == file.path]) for file in files)


def _damaged(file: File, damages: Sequence[Damage]) -> File:
    content = file.content
    for damage in damages:
        right, wrong = damage.right.encode(), damage.wrong.encode()
        times, content = content.count(right), content.replace(right, wrong)
        if times != 1 or content.count(wrong) != 1:
            raise ValueError(f"{file.path}: {damage.right!r} must occur once, and {damage.wrong!r} once in its place")
    return file.model_copy(update={"content": content})


def mend(damages: Sequence[Damage]) -> Command:
    """A program that puts every damage right and ends at the first that is not there."""
    pairs = "".join(f"    ({damage.path!r}, {damage.wrong!r}, {damage.right!r}),\n" for damage in damages)
    return python(f"""
from pathlib import Path

for name, wrong, right in (
{pairs}):
    path = Path(name)
    text = path.read_text()
    assert text.count(wrong) == 1, wrong
    path.write_text(text.replace(wrong, right))
""")
