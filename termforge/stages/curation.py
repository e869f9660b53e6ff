"""Curation as a stage: trajectories are filtered, and what is kept becomes `corpus`, loadable as it lies there."""

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from termforge import __version__
from termforge.curate.curate import CurateSettings, Kept, curate
from termforge.errors import InputError
from termforge.export.card import CardFacts
from termforge.export.corpus import export_corpus
from termforge.export.row import CorpusRow, corpus_rows
from termforge.schemas import DatasetRecord, DatasetRef, TerminalTask, Trajectory
from termforge.store import Store, Writer, version_of

STAGE = "curate-2"


def curate_corpus(store: Store, night: str, trajectories: DatasetRef, settings: CurateSettings) -> DatasetRecord:
    """`rejected-trajectories` and `corpus`; the record of the latter is written last of all.

    Raises: InputError when nothing is left to export.
    """
    config = settings.model_dump()
    version = version_of(night, STAGE, config, [trajectories])
    corpus = DatasetRef(name="corpus", version=version)
    rejected = DatasetRef(name="rejected-trajectories", version=version)
    with store.making(corpus) as missing:
        if not missing:
            return store.record(corpus)
        store.discard(corpus)
        return _export(store, night, trajectories, settings, corpus, rejected)


def _export(
    store: Store,
    night: str,
    trajectories: DatasetRef,
    settings: CurateSettings,
    corpus: DatasetRef,
    rejected: DatasetRef,
) -> DatasetRecord:
    config, counts = settings.model_dump(), Counter[str]()
    turned_away = (
        nullcontext()
        if store.exists(rejected)
        else store.writer(rejected, "rejected", config=config, inputs=[trajectories])
    )
    with turned_away as out:
        rows = _kept_rows(store, night, trajectories, settings, counts, out)
        exported = export_corpus(rows, store.location(corpus), _facts(store, night, trajectories, settings))
        if out is not None:
            out.counts.update({name: count for name, count in counts.items() if name not in ("rows", "kept")})
    counts["trajectories"] = counts.pop("rows")
    parts = [store.describe_part(corpus, path) for path in exported.paths if path.endswith(".parquet")]
    configurations = {f"rows in {name}": rows for name, rows in exported.rows.items()}
    return store.commit(corpus, "corpus", parts, config=config, inputs=[trajectories], counts=counts | configurations)


def configuration_folders(store: Store, corpus: DatasetRef, names: list[str]) -> list[Path]:
    """Folders of a corpus' configurations, for a training on this machine; without names, every one but the oracle's.

    Raises: InputError naming the configurations there are.
    """
    there = sorted({part.name.split("/")[0] for part in store.record(corpus).parts})
    chosen = names or [name for name in there if not name.startswith("oracle")]
    if not chosen or not set(chosen) <= set(there):
        asked = ", ".join(names) or "none named (the oracle's are used only when they are)"
        raise InputError(f"configurations: {asked}. {corpus} has {', '.join(there)}")
    if store.local is None:
        raise InputError(f"store {store.root}: a training reads from a local or shared disk; copy {corpus} there")
    return [Path(store.location(corpus)) / name for name in chosen]


def _kept_rows(
    store: Store,
    night: str,
    trajectories: DatasetRef,
    settings: CurateSettings,
    counts: Counter[str],
    turned_away: Writer | None,
) -> Iterator[CorpusRow]:
    date = store.record(trajectories).created
    for row in curate(_pairs(store, trajectories), settings, counts):
        if isinstance(row, Kept):
            yield from corpus_rows(row.terminal_task, row.trajectory, run_id=night, date=date)
        elif turned_away is not None:
            turned_away.add(row)


def _pairs(store: Store, trajectories: DatasetRef) -> Iterator[tuple[TerminalTask, Trajectory]]:
    """Each trajectory with its task. Both datasets are in the same order, so one task is in memory at a time."""
    tasks = store.source(trajectories, "tasks")
    terminal_tasks = store.read(tasks)
    terminal_task = next(terminal_tasks, None)
    for trajectory in store.read(trajectories):
        while terminal_task is not None and terminal_task.id != trajectory.task_id:
            terminal_task = next(terminal_tasks, None)
        assert terminal_task is not None, f"{trajectory.trial_id} is of no task in {tasks}"
        yield terminal_task, trajectory


def _facts(store: Store, night: str, trajectories: DatasetRef, settings: CurateSettings) -> CardFacts:
    """What the card says of the way here: the counts of every dataset that this one was made from."""
    record = store.record(trajectories)
    lineage = _lineage(store, record)
    return CardFacts(
        run_id=night,
        date=record.created,
        code_version=__version__,
        inputs=(str(trajectories),),
        decontaminated=settings.decontaminate,
        steps={str(step.ref): {"rows": step.rows, **step.counts} for step in lineage},
    )


def _lineage(store: Store, record: DatasetRecord) -> list[DatasetRecord]:
    """The record's ancestors, oldest first, then itself; each once."""
    found: dict[str, DatasetRecord] = {}
    for source in record.inputs:
        for ancestor in _lineage(store, store.record(store.resolve(source))):
            found.setdefault(str(ancestor.ref), ancestor)
    return [*found.values(), record]
