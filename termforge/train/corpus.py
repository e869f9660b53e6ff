"""The exported corpus as training data: Parquet files in, token and label columns out, every row accounted for."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from termforge.errors import InputError
from termforge.train.chat import IGNORED, Encoder, Message
from termforge.train.record import DataFile, Rows

COLUMN = "conversations"
ROWS_PER_WORKER = 2_000
"""Below this a second process costs more than it saves."""


class Prepared(NamedTuple):
    dataset: Any
    """A `datasets.Dataset` of `input_ids` and `labels`, one row per conversation, which TRL takes as it is."""
    rows: Rows


def parquet_files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and for folders all Parquet files below, checked for the column that is read."""
    found = [file for path in paths for file in (sorted(path.rglob("*.parquet")) if path.is_dir() else [path])]
    if not found:
        raise InputError(f"no .parquet file below {', '.join(map(str, paths))}")
    for file in found:
        _check_columns(file)
    return found


def texts(files: Sequence[Path], limit: int) -> Iterator[str]:
    """The contents of the first `limit` conversations: what a tokenizer may be trained on."""
    rows = (row for file in files for batch in _batches(file) for row in batch)
    for conversation in islice(rows, limit):
        yield from (message.content for message in conversation if message.content)


def prepare(files: Sequence[Path], encoder: Encoder, cache: Path) -> Prepared:
    """Encode every conversation. What is found in `cache` is taken as it is: a folder of one training, in which all
    its processes find what the first one wrote."""
    from datasets import Dataset, Features, List, Value, concatenate_datasets

    tokens = List(Value("int32"))
    counts = dict.fromkeys(("turns", "turns_cut", "tokens", "supervised_tokens"), Value("int32"))
    features = Features({"input_ids": tokens, "labels": tokens, "dropped": Value("string"), **counts})
    parts = []
    for index, file in enumerate(files):
        rows = Dataset.from_parquet(str(file), columns=[COLUMN], cache_dir=str(cache))
        parts.append(
            rows.map(
                _Encode(encoder, file),
                with_indices=True,
                remove_columns=[COLUMN],
                features=features,
                num_proc=min(len(os.sched_getaffinity(0)), len(rows) // ROWS_PER_WORKER) or None,
                new_fingerprint=f"tokens-{index}",
                cache_file_name=str(cache / f"tokens-{index}.arrow"),
            )
        )
    encoded = concatenate_datasets(parts)
    reasons = encoded["dropped"][:]
    kept = encoded.select([row for row, reason in enumerate(reasons) if not reason])
    if not len(kept):
        raise InputError(f"none of the {len(encoded)} conversations can be trained on: {dict(Counter(reasons))}")
    return Prepared(kept.select_columns(["input_ids", "labels"]), _tally(encoded, kept))


def describe(files: Sequence[Path]) -> tuple[DataFile, ...]:
    return tuple(DataFile(name=str(file), rows=pq.read_metadata(file).num_rows, sha256=_sha256(file)) for file in files)


class _Encode:
    """One row's worth of work, with file and row named in any complaint."""

    def __init__(self, encoder: Encoder, file: Path) -> None:
        self._encoder = encoder
        self._file = file

    def __call__(self, row: dict[str, Any], index: int) -> dict[str, Any]:
        try:
            conversation = [Message(message["role"], message["content"]) for message in row[COLUMN] or []]
            encoded = self._encoder.encode(conversation)
        except InputError as error:
            raise InputError(f"{self._file}, row {index}, column {COLUMN}: {error}") from error
        supervised = sum(1 for label in encoded.labels if label != IGNORED)
        return {**encoded._asdict(), "tokens": len(encoded.input_ids), "supervised_tokens": supervised}


def _tally(encoded: Any, kept: Any) -> Rows:
    cut = kept["turns_cut"][:]
    return Rows(
        read=len(encoded),
        used=len(kept),
        dropped={reason: count for reason, count in sorted(Counter(encoded["dropped"][:]).items()) if reason},
        cut=sum(1 for turns in cut if turns),
        turns=sum(kept["turns"][:]),
        turns_cut=sum(cut),
        tokens=sum(kept["tokens"][:]),
        supervised_tokens=sum(kept["supervised_tokens"][:]),
    )


def _check_columns(file: Path) -> None:
    try:
        schema = pq.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{file}: not a readable Parquet file: {error}") from error
    if COLUMN not in schema.names:
        raise InputError(f"{file}: no column {COLUMN!r}; it has {', '.join(schema.names)}")
    kind = schema.field(COLUMN).type
    item = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else None
    fields = {field.name for field in item} if item is not None and pa.types.is_struct(item) else set()
    if not fields >= {"role", "content"}:
        raise InputError(f"{file}: column {COLUMN!r} is {kind}, not a list of {{role, content}}")


def _batches(file: Path) -> Iterator[list[list[Message]]]:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=256, columns=[COLUMN]):
        rows = batch.column(0).to_pylist()
        yield [[Message(message["role"], message["content"]) for message in row or []] for row in rows]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
