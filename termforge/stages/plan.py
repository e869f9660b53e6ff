"""How a stage with sandboxes is cut into shards, and where they keep their journals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from termforge.errors import InputError
from termforge.schemas import DatasetRef, Record
from termforge.store import Store


class ShardPlan(Record):
    """What a worker needs in order to do one shard: small, JSON, the same for every shard of a stage."""

    store: str
    night: str
    work: str
    """Folder on a POSIX file system for leases and journals."""
    source: DatasetRef
    target: DatasetRef
    rows: int
    shard_rows: int

    @property
    def shards(self) -> range:
        return range(-(-self.rows // self.shard_rows))

    def folder(self, shard: int) -> Path:
        return Path(self.work) / self.target.name / self.target.version / f"shard-{shard:05d}"

    def records(self, shard: int) -> list[Any]:
        """The shard's rows of the source."""
        return Store(self.store).rows(self.source, shard * self.shard_rows, self.shard_rows)


def work_folder(store: Store, work: str | None) -> str:
    """Where journals go: beside a local store, else where the user says.

    Raises: InputError for a remote store without `work`.
    """
    if work:
        return str(Path(work).absolute())
    if store.local is None:
        raise InputError(f"store {store.root} is not a local folder: set `work` to a folder on a local or shared disk")
    return str((store.local / ".growing").absolute())


def totals(parts: Mapping[str, int]) -> dict[str, int]:
    """Counts without the zeros, largest first."""
    return dict(sorted(((name, count) for name, count in parts.items() if count), key=lambda item: (-item[1], item[0])))
