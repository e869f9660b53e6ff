"""Synthesize: a teacher writes tasks. Its calls have their own retries and a budget."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef
from termforge.stages import synthesis
from termforge.stages.machine import Machine
from termforge.stages.teachers import BudgetConfig
from termforge.store import Store


@task(**RETRIED)
def synthesize_tasks(
    store: str,
    night: str,
    config: synthesis.SynthesisConfig,
    machine: Machine,
    budget: BudgetConfig,
    concurrency: int,
    work: str | None,
) -> DatasetRef:
    record = synthesis.synthesize(Store(store), night, config, machine, budget, concurrency=concurrency, work=work)
    publish(Store(store), record)
    return record.ref
