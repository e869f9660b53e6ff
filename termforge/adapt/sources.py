"""Prompts from tables: which columns hold what, and the refusal of everything that is not as the mapping says.

Nothing malformed gets past this module. A null or empty answer, solution or test means that the row has none.
"""

import json
from collections.abc import Iterator
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
    """Several columns are joined by blank lines. Of a conversation (a list of role and content) the first user message
    counts."""
    answer: str | None = None
    """Final answer of a math prompt."""
    solution: str | None = None
    """Worked solution (math), program or the rest of it (code), gold patch (swe)."""
    tests: str | None = None
    """Tests of the source, as text or as values that JSON can say; see code.py and swe.py."""
    entry_point: str | None = None
    """Name of the function that the tests call."""
    id: str | None = None
    """Without one, rows are named by their number."""
    dataset: str = ""
    """Name for the provenance; by default that of the file, folder or repository."""
    license: str = ""
    where: dict[str, str] = Field(default_factory=dict)
    """Rows with other values in these columns are no prompts of this source."""


class Prompt(NamedTuple):
    text: str
    dataset: str
    id: str
    answer: str | None = None
    solution: str | None = None
    license: str = ""
    tests: str | None = None
    entry_point: str | None = None


def read_prompts(source: str | Path, mapping: ColumnMapping, *, limit: int | None = None) -> Iterator[Prompt]:
    """Prompts of a file, a folder of files in order of their names, or `hf://owner/name[@revision][/files][#config]`.

    Raises: InputError naming file, line or row, and column of the first thing that is wrong; a source without rows, or
    without one of those wanted, is refused too. InfrastructureError where the hub cannot be reached.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit: {limit} rows of {source} cannot be read; it must be at least 1")
    return islice(_some(_read(str(source), mapping), str(source), mapping), limit)


def _some(prompts: Iterator[Prompt], source: str, mapping: ColumnMapping) -> Iterator[Prompt]:
    found = False
    for prompt in prompts:
        found = True
        yield prompt
    if not found:
        wanted = ", ".join(f"{column!r} is {value!r}" for column, value in mapping.where.items())
        raise InputError(f"{source}: there is no row where {wanted}")


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
    found = False
    for number, row in rows.read(_columns(mapping)):
        found = True
        if mapping.where and any(row[column] != value for column, value in mapping.where.items()):
            continue
        values = _Values(rows, number, row)
        yield Prompt(
            "\n\n".join(map(values.required, mapping.prompt)),
            dataset,
            f"{prefix}{number}" if mapping.id is None else values.name(mapping.id),
            mapping.answer and values.optional(mapping.answer),
            mapping.solution and values.optional(mapping.solution),
            mapping.license,
            mapping.tests and values.tests(mapping.tests),
            mapping.entry_point and values.optional(mapping.entry_point),
        )
    if not found:
        raise InputError(f"{rows.file}: holds no rows")


def _columns(mapping: ColumnMapping) -> list[str]:
    optional = (mapping.answer, mapping.solution, mapping.tests, mapping.entry_point, mapping.id)
    names = [*mapping.prompt, *(column for column in optional if column is not None), *mapping.where]
    return list(dict.fromkeys(names))


EXPECTED = "text or a whole number"


class _Values(NamedTuple):
    """The values of one row; what does not fit is refused with its place."""

    rows: Rows
    number: int
    row: Row

    def required(self, column: str) -> str:
        value = self.row[column]
        if isinstance(value, list) and (said := _first_user_message(value)) is not None:
            value = said
        return self._text(column, value, "text").strip() or self._refuse(column, "the text is empty")

    def optional(self, column: str) -> str | None:
        if (value := self.row[column]) is None:
            return None
        if not isinstance(value, str):
            value = _whole_number_as_text(value)
        text = value if isinstance(value, str) and value.isascii() else self._text(column, value, EXPECTED)
        return None if not text or text.isspace() else text

    def tests(self, column: str) -> str | None:
        if not isinstance(value := self.row[column], list | dict):
            return self.optional(column)
        try:
            return json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            return self._refuse(column, f"the value cannot be said in JSON ({error})")

    def name(self, column: str) -> str:
        value = self.row[column]
        if not isinstance(value, str):
            value = _whole_number_as_text(value)
        text = value if isinstance(value, str) and value.isascii() else self._text(column, value, EXPECTED)
        return text or self._refuse(column, "the id is empty")

    def _text(self, column: str, value: object, expected: str) -> str:
        if isinstance(value, str) and value.isascii():
            return value
        if not isinstance(value, str):
            kind = "null" if value is None else type(value).__name__
            return self._refuse(column, f"{kind} stands where {expected} is expected")
        if not _is_unicode(value):
            return self._refuse(column, "half of a surrogate pair stands in the text, which is not valid Unicode")
        return value

    def _refuse(self, column: str, why: str) -> str:
        columns = ", ".join(map(repr, self.row))
        where = f"{self.rows.file}, {self.rows.unit} {self.number}, column {column!r}"
        raise InputError(f"{where}: {why} (columns: {columns})")


def _first_user_message(conversation: list[object]) -> object | None:
    for message in conversation:
        if isinstance(message, dict) and message.get("role") == "user":
            return message.get("content")
    return None


def _whole_number_as_text(value: object) -> object:
    """A table of numbers with gaps says 7.0 for 7."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
