"""Many tasks of one shape as columns, without a record for each.

A form is a task whose differing texts are blanks. What all its tasks share, the record works out once: the columns, and
the canonical JSON from which an id is hashed. So a form cannot disagree with the record it was made from, as long as
each text stands alone in a field that has no default.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pyarrow as pa

from termforge.adapt.kind import Text, Texts
from termforge.columns import TASKS, to_arrow
from termforge.schemas import TerminalTask, canonical

Drawn = dict[str | bytes, pa.Array]
"""By blank, the texts of all rows."""
BLANK = "/blank %d of a form"


class Form:
    """All tasks that `make` gives for texts with None at the same places as in `texts`."""

    def __init__(self, make: Callable[[Texts], TerminalTask], texts: Texts) -> None:
        blanks = tuple(_blank(number, text) for number, text in enumerate(texts))
        task = make(blanks)
        self._numbers = {blank: number for number, blank in enumerate(blanks) if blank is not None}
        self._row = to_arrow("tasks", [task]).to_batches()[0]
        self._template, self._order = self._canonical(task)

    def table(self, rows: Sequence[Texts]) -> pa.Table:
        """The tasks of these texts in the columns of a dataset of tasks, ids included."""
        columns = list(zip(*rows, strict=True))
        drawn: Drawn = {
            blank: pa.array(columns[number], pa.binary() if isinstance(blank, bytes) else pa.string())
            for blank, number in self._numbers.items()
        }
        filled = {name: _filled(self._row.column(name), drawn, len(rows)) for name in TASKS.names}
        filled["id"] = pa.array(self.ids(columns))
        return pa.Table.from_pydict(filled, schema=TASKS)

    def ids(self, columns: Sequence[Sequence[Any]]) -> list[str]:
        """`TerminalTask.id` of each task; `columns` are the texts by number."""
        encoded = {number: list(map(_json, columns[number])) for number in set(self._order)}
        template, sha256 = self._template, hashlib.sha256
        drawn = zip(*(encoded[number] for number in self._order), strict=True)
        return [sha256(template % texts).hexdigest()[:16] for texts in drawn]

    def _canonical(self, task: TerminalTask) -> tuple[bytes, list[int]]:
        """The bytes whose hash is the id, with `%b` for each blank in them, and the blanks' numbers in order."""
        names = {_json(blank): number for blank, number in self._numbers.items()}
        pieces = re.split(b"(" + b"|".join(map(re.escape, names)) + b")", canonical(task.content).encode())
        template = b"%b".join(piece.replace(b"%", b"%%") for piece in pieces[::2])
        return template, [names[name] for name in pieces[1::2]]


def _blank(number: int, text: Text) -> Text:
    if text is None:
        return None
    blank = BLANK % number
    return blank.encode() if isinstance(text, bytes) else blank


def _json(text: str | bytes) -> bytes:
    """As the record's JSON has it."""
    if isinstance(text, str):
        return encode_basestring(text).encode("utf-8", "surrogatepass")
    return _json_of_bytes(text)


@lru_cache(2**13)
def _json_of_bytes(content: bytes) -> bytes:
    """Test files repeat where answers do."""
    return b'"' + urlsafe_b64encode(content) + b'"'


def _filled(shared: pa.Array, drawn: Drawn, rows: int) -> pa.Array:
    """`shared`, the elements of one row, for so many rows, and in each the row's texts for the blanks."""
    elements = shared.to_pylist()
    if not _holds(elements, drawn):
        return shared.take(pa.array(np.tile(np.arange(len(shared)), rows)))
    if pa.types.is_struct(shared.type):
        fields = [_filled(shared.field(number), drawn, rows) for number in range(shared.type.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(shared.type))
    if pa.types.is_list(shared.type):
        lengths = np.tile([len(element) for element in elements], rows)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, _filled(shared.flatten(), drawn, rows), type=shared.type)
    return _spread(shared, elements, drawn, rows)


def _holds(value: Any, drawn: Drawn) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(_holds(part, drawn) for part in value) if isinstance(value, list) else value in drawn


def _spread(shared: pa.Array, elements: list[Any], drawn: Drawn, rows: int) -> pa.Array:
    """Texts of one field: constant elements are taken from the front of a pool, the rows' own from behind it."""
    own = [element for element in elements if element in drawn]
    place = np.empty((rows, len(elements)), dtype=np.int64)
    behind = len(elements)
    for column, element in enumerate(elements):
        if element in drawn:
            place[:, column] = behind + np.arange(rows)
            behind += rows
        else:
            place[:, column] = column
    return pa.concat_arrays([shared, *(drawn[element] for element in own)]).take(pa.array(place.ravel()))
