"""Synthesize: a teacher writes tasks. Its calls have their own retries and budget; the stage is repeated only for ours."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef
from termforge.stages import synthesis
from termforge.store import Store


@task(**RETRIED)
def synthesize_tasks(store: str, night: str, config: synthesis.SynthesisConfig, work: str | None) -> DatasetRef:
    record = synthesis.synthesize_stage(Store(store), night, config, work=work)
    publish(Store(store), record)
    return record.ref
