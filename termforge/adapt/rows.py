"""Rows of a prompt source, one at a time: JSON lines (plain, gzip, zstandard), Parquet, the Hugging Face hub.

Each reader streams, so memory stays flat whatever the size of the source. What cannot be read is refused with the place
at which it stands. Whether the values of a row are fit for use is for sources.py to say.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from termforge.errors import InfrastructureError, InputError, SetupError

MAX_LINE_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 1_000
BATCH_BYTES = 4 * 1024 * 1024
"""Of Parquet: rows are decoded together up to whichever comes first."""
BUFFER_BYTES = 1024 * 1024

HUB_NAME = re.compile(
    r"(?P<repository>/[^@#]+|[^/@#]+/[^/@#]+)(?:@(?P<revision>[^/#]+))?(?:/(?P<files>[^#]+))?(?:#(?P<config>.+))?"
)
"""A path from the root on is a folder that stands in for a repository; it takes no files."""

Row = Mapping[str, object]


class Rows(NamedTuple):
    """One file, or one dataset of the hub."""

    file: str
    """As messages name it."""
    unit: str
    """What is counted, from 1: `line` or `row`."""
    read: Callable[[Sequence[str]], Iterator[tuple[int, Row]]]
    """Numbered rows that hold at least the given columns; raises InputError where there is none such."""


def rows_of(path: Path) -> Rows:
    """Raises: InputError for a missing file or an unknown extension."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    for extension, (unit, reader) in READERS.items():
        if path.name.endswith(extension):
            return Rows(str(path), unit, partial(reader, path))
    raise InputError(f"{path}: unknown extension; prompts are read from {', '.join(READERS)}")


def is_known(path: Path) -> bool:
    return path.is_file() and path.name.endswith(tuple(READERS))


def _json_lines(open_file: Callable[[Path], BinaryIO], path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        with open_file(path) as file:
            for number, line in enumerate(iter(partial(file.readline, MAX_LINE_BYTES), b""), start=1):
                if row := _json_row(line, number, path):
                    _require(columns, row, f"{path}, line {number}")
                    yield number, row
    except (EOFError, zlib.error, OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read after line {number}: {error}") from error


def _json_row(line: bytes, number: int, path: Path) -> Row | None:
    """The object on a line; None for a blank one."""
    place = f"{path}, line {number}"
    if len(line) >= MAX_LINE_BYTES:
        raise InputError(f"{place}: longer than {MAX_LINE_BYTES} bytes")
    if not line.strip():
        return None
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}, byte {error.start + 1}: not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{place}, character {error.pos + 1}: not valid JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not valid JSON ({error})") from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: a JSON object is expected, with one key a column")
    return row


def _open_plain(path: Path) -> BinaryIO:
    return path.open("rb", buffering=BUFFER_BYTES)


def _open_gzip(path: Path) -> BinaryIO:
    return io.BufferedReader(gzip.open(path), BUFFER_BYTES)


def _open_zstandard(path: Path) -> BinaryIO:
    return io.BufferedReader(pa.input_stream(path, compression="zstd"), BUFFER_BYTES)


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            _require(columns, file.schema_arrow.names, str(path))
            for batch in _batches(file, columns):
                lists = [batch.column(name).to_pylist() for name in columns]
                for values in zip(*lists, strict=True):
                    number += 1
                    yield number, dict(zip(columns, values, strict=True))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, after row {number}: not UTF-8") from error
    except (pa.ArrowException, OSError) as error:
        place = f"{path}, after row {number}" if number else str(path)
        raise InputError(f"{place}: not readable as Parquet ({error})") from error


def _batches(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        bytes_a_row = group.total_byte_size // max(group.num_rows, 1)
        rows = min(BATCH_ROWS, BATCH_BYTES // max(bytes_a_row, 1) or 1)
        yield from file.iter_batches(rows, row_groups=[number], columns=list(columns))


def hub_rows(name: str) -> Rows:
    """`owner/name[@revision][/files][#config]`: the split `train`, or all rows of the named files, streamed.

    Raises: InputError for a name of another form.
    """
    if not HUB_NAME.fullmatch(name):
        raise InputError(f"hf://{name}: not of the form hf://owner/name[@revision][/files][#config]")
    return Rows(f"hf://{name}", "row", partial(_hub, name))


def _hub(name: str, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    try:
        from datasets import load_dataset
        from httpx import TransportError
    except ImportError as error:
        raise SetupError("hf:// sources need the package `datasets`: pip install 'termforge[data]'") from error
    found = HUB_NAME.fullmatch(name)
    assert found is not None
    number = 0
    try:
        dataset = load_dataset(
            found["repository"],
            found["config"],
            data_files=found["files"],
            revision=found["revision"],
            split="train",
            streaming=True,
        )
        for number, row in enumerate(dataset, start=1):
            _require(columns, row, f"hf://{name}, row {number}")
            yield number, row
    except InputError:
        raise
    except (OSError, ValueError, pa.ArrowException, TransportError) as error:
        kind = InfrastructureError if isinstance(error, TransportError) or _is_outage(error) else InputError
        raise kind(f"hf://{name}: cannot be read after row {number}: {error}") from error


def _is_outage(error: Exception) -> bool:
    """Of the network or the service; what is not there, or not for this user, will not be there the next time."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return isinstance(error, ConnectionError | TimeoutError) or status == 429 or status >= 500


def _require(columns: Sequence[str], present: Mapping[str, object] | Sequence[str], place: str) -> None:
    for column in columns:
        if column not in present:
            raise InputError(f"{place}: there is no column {column!r}; there are: {', '.join(map(repr, present))}")


READERS: dict[str, tuple[str, Callable[[Path, Sequence[str]], Iterator[tuple[int, Row]]]]] = {
    ".jsonl": ("line", partial(_json_lines, _open_plain)),
    ".ndjson": ("line", partial(_json_lines, _open_plain)),
    ".jsonl.gz": ("line", partial(_json_lines, _open_gzip)),
    ".jsonl.zst": ("line", partial(_json_lines, _open_zstandard)),
    ".parquet": ("row", _parquet),
}
