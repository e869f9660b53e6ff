"""Adapt: prompts to tasks. Not retried for what the user gave; a store that failed may work the next time."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef
from termforge.stages import adaptation
from termforge.store import Store


@task(**RETRIED)
def adapt_prompts(store: str, night: str, config: adaptation.AdaptConfig) -> DatasetRef:
    record = adaptation.adapt(Store(store), night, config)
    publish(Store(store), record)
    return record.ref
