"""Writes the corpus: `<out>/<configuration>/part-NNNNN.parquet`, and last of all README.md, the card.

An export is finished when its card exists. The folder loads as it is: `datasets.load_dataset(out, configuration)`, or
polars on the Parquet files. The same rows in the same order give the same files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from termforge.errors import InputError
from termforge.export.card import CARD, CardFacts, Tally, card
from termforge.export.row import SCHEMA, CorpusRow

ROW_GROUP_ROWS = 500
PART_ROWS = 20_000


class Exported(NamedTuple):
    out: str
    paths: tuple[str, ...]
    """Relative to `out`, the card first."""
    rows: dict[str, int]
    """By configuration."""
    tally: Tally


def export_corpus(rows: Iterable[CorpusRow], out: str | Path, facts: CardFacts) -> Exported:
    """Parts of an export that was broken off are replaced; a finished one never is.

    Raises: InputError where `out` holds a finished export, or there is not a single row.
    """
    files, base = fsspec.url_to_fs(str(out))
    if is_exported(out):
        raise InputError(f"{out}: holds a finished export; choose another folder")
    _clear(files, base)
    tally = Tally()
    parts: dict[str, _Parts] = {}
    try:
        for row in rows:
            tally.add(row)
            name = row.configuration
            if name not in parts:
                parts[name] = _Parts(files, base, name)
            parts[name].add(row)
    finally:
        for part in parts.values():
            part.close()
    if not parts:
        raise InputError(f"{out}: there are no rows to export")
    with files.open(f"{base}/{CARD}", "w", encoding="utf-8") as file:
        file.write(card(facts, tally))
    paths = (CARD, *(path for name in sorted(parts) for path in parts[name].paths))
    return Exported(str(out), paths, dict(sorted(tally.rows.items())), tally)


def is_exported(out: str | Path) -> bool:
    files, base = fsspec.url_to_fs(str(out))
    return bool(files.exists(f"{base}/{CARD}"))


def _clear(files: fsspec.AbstractFileSystem, base: str) -> None:
    """Leftover parts would be loaded with the new ones."""
    for path in files.glob(f"{base}/*/part-*.parquet"):
        files.rm(path)


class _Parts:
    """The part files of one configuration, the last one open."""

    def __init__(self, files: fsspec.AbstractFileSystem, base: str, name: str) -> None:
        self._files, self._base, self._name = files, base, name
        self._waiting: list[CorpusRow] = []
        self._file: fsspec.core.OpenFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self._rows_in_part = 0
        self.paths: list[str] = []
        files.makedirs(f"{base}/{name}", exist_ok=True)

    def add(self, row: CorpusRow) -> None:
        self._waiting.append(row)
        if len(self._waiting) == ROW_GROUP_ROWS:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()
        self._close_part()

    def _write(self) -> None:
        writer = self._writer or self._open_part()
        writer.write_table(pa.Table.from_pylist([row.model_dump() for row in self._waiting], schema=SCHEMA))
        self._rows_in_part += len(self._waiting)
        self._waiting.clear()
        if self._rows_in_part >= PART_ROWS:
            self._close_part()

    def _open_part(self) -> pq.ParquetWriter:
        path = f"{self._name}/part-{len(self.paths):05d}.parquet"
        self._file = self._files.open(f"{self._base}/{path}", "wb")
        self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd", compression_level=3)
        self._rows_in_part = 0
        self.paths.append(path)
        return self._writer

    def _close_part(self) -> None:
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
            self._writer = self._file = None
