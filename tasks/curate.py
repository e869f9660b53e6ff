"""Curate: filters and export in one pass; the corpus appears when it is complete."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.curate.curate import CurateSettings
from termforge.schemas import DatasetRef
from termforge.stages import curation
from termforge.store import Store
from termforge.summary import as_markdown, summarise


@task(**RETRIED)
def curate_corpus(store: str, night: str, trajectories: DatasetRef, settings: CurateSettings) -> DatasetRef:
    datasets = Store(store)
    record = curation.curate_corpus(datasets, night, trajectories, settings)
    publish(datasets, record, detail=as_markdown(summarise(datasets, trajectories)))
    return record.ref
