"""What one part of a task hands to a later one: a file or a folder that its solution makes, and what is in it.

A skill that reads a kind computes its expected results from the artifact's content, which is known when the task is
made. Without an earlier part that offers one, the skill lays an artifact of its own.
"""

from typing import Literal, NamedTuple

from termforge.forge.orders import Orders
from termforge.schemas import File

Kind = Literal["key", "word", "date", "whole", "money"]


class Column(NamedTuple):
    name: str
    kind: Kind
    """`key`: another text in each row; `word`: one of a few texts; `date`: ISO; `whole`: an integer from 0 on; `money`:
    an amount from 0 on with exactly two decimals."""


class Table(NamedTuple):
    """A CSV file with a header, in UTF-8, `\\n` line ends, and no cell that needs quoting.

    At least eight rows, a `key`, a `word` and a `whole` or `money` column; cells are ASCII, neither empty nor framed by
    blanks.
    """

    path: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def text(self) -> str:
        return "".join(",".join(row) + "\n" for row in (self.header, *self.rows))

    def places(self, *kinds: Kind) -> list[int]:
        """Positions of the columns of these kinds."""
        return [place for place, column in enumerate(self.columns) if column.kind in kinds]


class Lines(NamedTuple):
    """A text file of at least eight lines; ASCII, none empty, each ends in `\\n`."""

    path: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


class Tree(NamedTuple):
    """A folder and every regular file below it: at least four ASCII files, neither empty nor a link."""

    path: str
    """Of the folder, absolute."""
    files: tuple[File, ...]
    """Paths are absolute."""

    @property
    def contents(self) -> dict[str, bytes]:
        """By path relative to the folder, in byte order."""
        return {
            file.path.removeprefix(f"{self.path}/"): file.content
            for file in sorted(self.files, key=lambda file: file.path)
        }


Artifact = Table | Lines | Tree | Orders
