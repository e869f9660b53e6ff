"""Merging as a stage: adapted, synthesized and forged tasks become one dataset of candidates, each task once."""

from collections.abc import Sequence

from termforge.schemas import DatasetRecord, DatasetRef
from termforge.store import Store, version_of

STAGE = "merge-1"


def merge(store: Store, night: str, sources: Sequence[DatasetRef]) -> DatasetRecord:
    """`candidates`: the rows of all sources in order; a task whose id was there already is counted, not kept."""
    ref = DatasetRef(name="candidates", version=version_of(night, STAGE, {}, sources))
    with store.making(ref) as missing:
        if not missing:
            return store.record(ref)
        with store.writer(ref, "tasks", config={}, inputs=sources) as out:
            seen: set[str] = set()
            for source in sources:
                for terminal_task in store.read(source):
                    if terminal_task.id in seen:
                        out.counts["exact duplicates"] += 1
                        continue
                    seen.add(terminal_task.id)
                    out.counts[f"from {source.name}"] += 1
                    out.add(terminal_task)
    return store.record(ref)
