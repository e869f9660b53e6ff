"""Datasets as directories: `<root>/<name>/<version>/part-NNNNN.parquet` and a record, written last.

A version exists when its record exists, so a killed writer leaves nothing that could be mistaken for data, and no
rename of directories is needed: any fsspec URI (`s3://...`, `memory://...`) works like a local folder. Versions never
change.
"""

import hashlib
import io
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from termforge import __version__
from termforge.columns import from_arrow, to_arrow
from termforge.errors import InputError, StoreError
from termforge.lease import held
from termforge.schemas import SCHEMA_VERSION, DatasetRecord, DatasetRef, Kind, Part, digest

log = logging.getLogger(__name__)

RECORD = "dataset.json"


def version_of(night: str, stage: str, config: Any, inputs: Iterable[DatasetRef] = ()) -> str:
    """The version a stage will write: the night, then a hash of everything that determines the content.

    `stage` carries a number that is bumped by hand when the stage changes its meaning (`adapt-1`). The same night,
    configuration and inputs name the same version: a finished stage is found again, not done again.
    """
    return f"{night}-{digest([stage, config, [str(ref) for ref in inputs]])[:10]}"


class Store:
    """A place for datasets: a local folder or an fsspec URI."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._files, self._base = fsspec.core.url_to_fs(self.root)

    @property
    def local(self) -> Path | None:
        """The folder, where the store is one."""
        return Path(self._base) if "file" in self._files.protocol else None

    def location(self, ref: DatasetRef) -> str:
        """Path or URI of a version, for people and other programs."""
        folder = self._folder(ref)
        return folder if self.local else self._files.unstrip_protocol(folder)

    def exists(self, ref: DatasetRef) -> bool:
        return bool(self._files.exists(f"{self._folder(ref)}/{RECORD}"))

    @contextmanager
    def making(self, ref: DatasetRef) -> Iterator[bool]:
        """Whether a version is still to be made; while the block runs, no other live run of the same night makes it.

        Only a local store can hold others off; on a remote one, run a night once at a time.
        """
        turn = (
            nullcontext() if self.local is None else held(self.local / ".growing" / "making" / ref.name / ref.version)
        )
        with turn:
            yield not self.exists(ref)

    def resolve(self, text: str, kind: Kind | None = None) -> DatasetRef:
        """`name@version`, or `name` for its newest version.

        Raises: InputError naming what there is, or where its rows are not of the `kind` that is asked for.
        """
        name, _, version = text.partition("@")
        versions = self.versions(name)
        found = [ref for ref in versions if version in ("", ref.version)]
        if not found:
            there = ", ".join(ref.version for ref in versions) or "none"
            raise InputError(f"there is no dataset {text!r} in {self.root} (versions of {name!r}: {there})")
        if kind is not None and (other := self.record(found[-1]).kind) != kind:
            raise InputError(f"{found[-1]} holds {other}, and {kind} are wanted here")
        return found[-1]

    def record(self, ref: DatasetRef) -> DatasetRecord:
        path = f"{self._folder(ref)}/{RECORD}"
        try:
            record = DatasetRecord.model_validate_json(self._files.cat_file(path))
        except FileNotFoundError:
            raise StoreError(f"{ref} does not exist in {self.root} (no {RECORD})") from None
        except ValidationError as error:
            raise StoreError(f"{path} is damaged: {error}") from error
        if record.schema_version > SCHEMA_VERSION:
            raise StoreError(f"{ref} has schema version {record.schema_version}, this termforge reads {SCHEMA_VERSION}")
        return record

    def source(self, ref: DatasetRef, kind: Kind) -> DatasetRef:
        """The dataset of this kind that a version was made from.

        Raises: InputError where there is none, or more than one.
        """
        sources = [self.resolve(text) for text in self.record(ref).inputs]
        found = [source for source in sources if self.record(source).kind == kind]
        if len(found) != 1:
            raise InputError(f"{ref} was made from {len(found)} datasets of {kind}, not from one")
        return found[0]

    def versions(self, name: str) -> list[DatasetRef]:
        """Finished versions of a dataset, oldest first by the time in their records."""
        records = [self.record(ref) for ref in self._candidates(name) if self.exists(ref)]
        return [record.ref for record in sorted(records, key=lambda record: record.created)]

    def read(self, ref: DatasetRef, *, batch_rows: int = 256) -> Iterator[Any]:
        """Records of a version in order, a batch in memory at a time."""
        record = self.record(ref)
        for part in record.parts:
            with self._files.open(self._part_path(ref, part)) as file:
                for batch in pq.ParquetFile(file).iter_batches(batch_rows):
                    yield from from_arrow(record.kind, batch)

    def rows(self, ref: DatasetRef, start: int, count: int) -> list[Any]:
        """Records `start` to `start + count` of a version, without reading the others."""
        record = self.record(ref)
        batches = self.scan(ref).slice(start, count).collect().to_arrow().to_batches()
        return [row for batch in batches for row in from_arrow(record.kind, batch)]

    def scan(self, ref: DatasetRef) -> pl.LazyFrame:
        """A lazy frame over the columns of termforge/columns.py."""
        return pl.concat([self.part_frame(ref, part) for part in self.record(ref).parts])

    def part_frame(self, ref: DatasetRef, part: Part) -> pl.LazyFrame:
        """One part as a lazy frame, whether or not a record names it yet."""
        path = self._part_path(ref, part)
        # polars knows other remote places than fsspec, with other credentials: it gets the bytes.
        return pl.scan_parquet(path if self.local else io.BytesIO(self._files.cat_file(path)))

    def check(self, ref: DatasetRef) -> None:
        """Compare every part with its checksum.

        Raises: StoreError naming the part that is missing or different.
        """
        for part in self.record(ref).parts:
            path = self._part_path(ref, part)
            if hashlib.sha256(self._files.cat_file(path)).hexdigest() != part.sha256:
                raise StoreError(f"{path} differs from the checksum in its record")

    def write_part(self, ref: DatasetRef, kind: Kind, index: int, records: list[Any] | pa.Table) -> Part:
        """Write one part, of records or of their columns; it belongs to nothing until a record names it."""
        table = records if isinstance(records, pa.Table) else to_arrow(kind, records)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", row_group_size=2_000)
        content = buffer.getvalue()
        name = f"part-{index:05d}.parquet"
        self._put(f"{self._folder(ref)}/{name}", content)
        return Part(name=name, rows=len(records), bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    def describe_part(self, ref: DatasetRef, name: str) -> Part:
        """A part that somebody else wrote into the version's folder."""
        content = self._files.cat_file(f"{self._folder(ref)}/{name}")
        rows = pq.ParquetFile(io.BytesIO(content)).metadata.num_rows
        return Part(name=name, rows=rows, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    def commit(
        self,
        ref: DatasetRef,
        kind: Kind,
        parts: Iterable[Part],
        *,
        config: Mapping[str, Any],
        inputs: Iterable[DatasetRef] = (),
        counts: Mapping[str, int],
    ) -> DatasetRecord:
        """Write the record: from here on the version exists."""
        parts = tuple(sorted(parts, key=lambda part: part.name))
        record = DatasetRecord(
            name=ref.name,
            version=ref.version,
            kind=kind,
            parts=parts,
            rows=sum(part.rows for part in parts),
            config=dict(config),
            inputs=tuple(str(source) for source in inputs),
            counts=dict(counts),
            code_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._put(f"{self._folder(ref)}/{RECORD}", record.model_dump_json(indent=2).encode())
        log.info("%s: %d rows", ref, record.rows)
        return record

    @contextmanager
    def writer(
        self,
        ref: DatasetRef,
        kind: Kind,
        *,
        config: Mapping[str, Any],
        inputs: Iterable[DatasetRef] = (),
        part_rows: int = 10_000,
    ) -> Iterator["Writer"]:
        """Collect records for a new version; it comes to exist when the block ends without an error."""
        if self.exists(ref):
            raise StoreError(f"{ref} exists already in {self.root}; versions never change")
        out = Writer(self, ref, kind, part_rows)
        try:
            yield out
            out.flush()
        except BaseException:
            self.discard(ref)
            raise
        self.commit(ref, kind, out.parts, config=config, inputs=inputs, counts=out.counts)

    def discard(self, ref: DatasetRef) -> None:
        """Remove the parts of a version that was never finished."""
        folder = self._folder(ref)
        if not self.exists(ref) and self._files.exists(folder):
            self._files.rm(folder, recursive=True)

    def _put(self, path: str, content: bytes) -> None:
        """Write a file so that it appears whole or not at all."""
        self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        with self._files.open(path, "wb", autocommit=False) as file:
            file.write(content)
        file.commit()

    def _candidates(self, name: str) -> list[DatasetRef]:
        folder = f"{self._base}/{name}"
        if not self._files.exists(folder):
            return []
        return [
            DatasetRef(name=name, version=path.rstrip("/").rsplit("/", 1)[-1])
            for path in self._files.ls(folder, detail=False)
        ]

    def _folder(self, ref: DatasetRef) -> str:
        return f"{self._base}/{ref.name}/{ref.version}"

    def _part_path(self, ref: DatasetRef, part: Part) -> str:
        return f"{self._folder(ref)}/{part.name}"


class Writer:
    """Cuts a stream of records into parts and counts what happens to them."""

    def __init__(self, store: Store, ref: DatasetRef, kind: Kind, part_rows: int) -> None:
        self._store, self._ref, self._kind, self._part_rows = store, ref, kind, part_rows
        self._waiting: list[Any] = []
        self.parts: list[Part] = []
        self.counts: Counter[str] = Counter()

    def add(self, record: Any) -> Self:
        self._waiting.append(record)
        if len(self._waiting) >= self._part_rows:
            self.flush()
        return self

    def add_table(self, table: pa.Table) -> Self:
        """Rows in the columns of this kind, as a part of their own."""
        if self._waiting:
            self.flush()
        self.parts.append(self._store.write_part(self._ref, self._kind, len(self.parts), table))
        return self

    def flush(self) -> None:
        """Write what waits. An empty dataset still gets one part, so that its columns can be read."""
        if self._waiting or not self.parts:
            self.parts.append(self._store.write_part(self._ref, self._kind, len(self.parts), self._waiting))
            self._waiting = []
