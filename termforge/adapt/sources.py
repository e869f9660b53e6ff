"""Prompts from tables: which columns hold what, and the refusal of everything that is not as the mapping says.

Nothing malformed gets past this module: `check_prompts` reads a source to its end before a stage writes its first row,
and `read_prompts` applies the same checks to what it yields. A null or empty answer means that the row has none.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from termforge.adapt.rows import READERS, Row, Rows, hub_rows, is_known, rows_of
from termforge.errors import InputError
from termforge.schemas import Record

HUB = "hf://"


class ColumnMapping(Record):
    """Where the parts of a prompt stand in a table."""

    prompt: tuple[str, ...] = Field(min_length=1)
    """Several columns are joined by blank lines."""
    answer: str | None = None
    solution: str | None = None
    """Worked solution."""
    id: str | None = None
    """Without one, rows are named by their number."""
    dataset: str = ""
    """Name for the provenance; by default that of the file, folder or repository."""
    license: str = ""


class Prompt(NamedTuple):
    text: str
    dataset: str
    id: str
    answer: str | None = None
    solution: str | None = None
    license: str = ""


class Checked(NamedTuple):
    """What a whole source holds."""

    rows: int
    answers: int


def check_prompts(source: str | Path, mapping: ColumnMapping, *, limit: int | None = None) -> Checked:
    """Read all that `read_prompts` would yield, in one pass, and keep nothing.

    Raises: InputError naming file, line or row, and column of the first thing that is wrong.
    """
    rows = answers = 0
    for prompt in read_prompts(source, mapping, limit=limit):
        rows += 1
        answers += prompt.answer is not None
    return Checked(rows, answers)


def read_prompts(source: str | Path, mapping: ColumnMapping, *, limit: int | None = None) -> Iterator[Prompt]:
    """Prompts of a file, a folder of files in order of their names, or `hf://owner/name[@revision][#config]`.

    Raises: InputError, as check_prompts does; a source without rows is refused too.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit: {limit} rows of {source} cannot be read; it must be at least 1")
    return islice(_read(str(source), mapping), limit)


def without_duplicates(prompts: Iterable[Prompt], counts: Counter[str]) -> Iterator[Prompt]:
    """The first of all prompts with the same text; `counts` gets "duplicate prompts" for the others."""
    seen: set[int] = set()
    for prompt in prompts:
        key = int.from_bytes(hashlib.blake2b(prompt.text.encode(), digest_size=8).digest(), "little")
        if key in seen:
            counts["duplicate prompts"] += 1
            continue
        seen.add(key)
        yield prompt


def _read(source: str, mapping: ColumnMapping) -> Iterator[Prompt]:
    if source.startswith(HUB):
        name = source.removeprefix(HUB)
        yield from _prompts(hub_rows(name), mapping, mapping.dataset or name, "")
    elif (folder := Path(source)).is_dir():
        files = sorted(path for path in folder.rglob("*") if is_known(path))
        if not files:
            raise InputError(f"{source}: the folder holds no file that ends in {', '.join(READERS)}")
        for path in files:
            prefix = f"{path.relative_to(folder).as_posix()}:"
            yield from _prompts(rows_of(path), mapping, mapping.dataset or folder.resolve().name, prefix)
    else:
        yield from _prompts(rows_of(folder), mapping, mapping.dataset or folder.name, "")


def _prompts(rows: Rows, mapping: ColumnMapping, dataset: str, prefix: str) -> Iterator[Prompt]:
    number = 0
    for number, row in rows.read(_columns(mapping)):
        values = _Values(rows, number, row)
        yield Prompt(
            text="\n\n".join([values.required(column) for column in mapping.prompt]),
            dataset=dataset,
            id=f"{prefix}{number}" if mapping.id is None else values.name(mapping.id),
            answer=None if mapping.answer is None else values.optional(mapping.answer),
            solution=None if mapping.solution is None else values.optional(mapping.solution),
            license=mapping.license,
        )
    if number == 0:
        raise InputError(f"{rows.file}: holds no rows")


def _columns(mapping: ColumnMapping) -> list[str]:
    optional = (mapping.answer, mapping.solution, mapping.id)
    return list(dict.fromkeys([*mapping.prompt, *(column for column in optional if column is not None)]))


class _Values(NamedTuple):
    """The values of one row; what does not fit is refused with its place."""

    rows: Rows
    number: int
    row: Row

    def required(self, column: str) -> str:
        text = self._text(column, self.row[column], "text").strip()
        return text or self._refuse(column, "the text is empty")

    def optional(self, column: str) -> str | None:
        value = self.row[column]
        if value is None:
            return None
        return self._text(column, _whole_number_as_text(value), "text or a whole number").strip() or None

    def name(self, column: str) -> str:
        text = self._text(column, _whole_number_as_text(self.row[column]), "text or a whole number")
        return text or self._refuse(column, "the id is empty")

    def _text(self, column: str, value: object, expected: str) -> str:
        if not isinstance(value, str):
            kind = "null" if value is None else type(value).__name__
            return self._refuse(column, f"{kind} stands where {expected} is expected")
        if not value.isascii() and not _is_unicode(value):
            return self._refuse(column, "half of a surrogate pair stands in the text, which is not valid Unicode")
        return value

    def _refuse(self, column: str, why: str) -> str:
        columns = ", ".join(map(repr, self.row))
        where = f"{self.rows.file}, {self.rows.unit} {self.number}, column {column!r}"
        raise InputError(f"{where}: {why} (columns: {columns})")


def _whole_number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
