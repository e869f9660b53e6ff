"""Merging as a stage: adapted, synthesized and forged tasks become one dataset of candidates, each task once."""

from collections.abc import Sequence

from termforge.schemas import Control, DatasetRecord, DatasetRef
from termforge.store import Store, version_of

STAGE = "merge-2"


def merge(store: Store, night: str, sources: Sequence[DatasetRef]) -> DatasetRecord:
    """`candidates`: the rows of all sources in order; a task whose id was there already is counted, not kept.

    What was found against a task in any source, its negative controls, stays with it.
    """
    ref = DatasetRef(name="candidates", version=version_of(night, STAGE, {}, sources))
    with store.making(ref) as missing:
        if not missing:
            return store.record(ref)
        with store.writer(ref, "tasks", config={}, inputs=sources) as out:
            seen, controls = set[str](), _controls(store, sources)
            for source in sources:
                for terminal_task in store.read(source):
                    if terminal_task.id in seen:
                        out.counts["exact duplicates"] += 1
                        continue
                    seen.add(terminal_task.id)
                    out.counts[f"from {source.name}"] += 1
                    out.add(terminal_task.model_copy(update={"controls": controls.get(terminal_task.id, ())}))
    return store.record(ref)


def _controls(store: Store, sources: Sequence[DatasetRef]) -> dict[str, tuple[Control, ...]]:
    """By task id; each control once."""
    found: dict[str, dict[Control, None]] = {}
    for source in sources:
        if store.scan(source).select("controls").collect()["controls"].list.len().sum():
            for terminal_task in store.read(source):
                found.setdefault(terminal_task.id, {}).update(dict.fromkeys(terminal_task.controls))
    return {task: tuple(controls) for task, controls in found.items()}
