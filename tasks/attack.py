"""Attacks: one Prefect task for all; a repeated run goes on from its journal and pays for no reply twice."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef
from termforge.stages import attacking
from termforge.stages.attacking import AttackConfig
from termforge.stages.machine import Machine
from termforge.stages.teachers import BudgetConfig
from termforge.store import Store


@task(**RETRIED)
def attack_tasks(
    store: str,
    night: str,
    source: DatasetRef,
    config: AttackConfig,
    machine: Machine,
    budget: BudgetConfig,
    concurrency: int,
    work: str | None,
) -> DatasetRef:
    datasets = Store(store)
    record = attacking.attack_tasks(
        datasets, night, source, config, machine, budget, concurrency=concurrency, work=work
    )
    publish(datasets, record)
    return record.ref
