"""Difficulty and hardening: what a solver's trials say of tasks, and the tasks made of it."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.difficulty import Band, as_markdown
from termforge.schemas import DatasetRef
from termforge.stages import difficulty, hardening
from termforge.store import Store

DEFICITS = "What a growth that names this dataset as `measured` draws more of:\n\n"


@task(**RETRIED)
def measure(store: str, night: str, trajectories: DatasetRef, band: Band) -> DatasetRef:
    datasets = Store(store)
    record = difficulty.measure(datasets, night, trajectories, band)
    publish(datasets, record, detail=DEFICITS + as_markdown(difficulty.lacking(datasets, record.ref)))
    return record.ref


@task(**RETRIED)
def extend(store: str, night: str, difficulties: DatasetRef, extra: int) -> DatasetRef:
    record = hardening.extend(Store(store), night, difficulties, extra)
    publish(Store(store), record)
    return record.ref


@task(**RETRIED)
def in_band(store: str, night: str, rounds: list[DatasetRef]) -> DatasetRef:
    record = hardening.in_band(Store(store), night, rounds)
    publish(Store(store), record)
    return record.ref
