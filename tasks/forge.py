"""Forge: tasks made by generators, without a model."""

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef
from termforge.stages import forging
from termforge.stages.machine import Machine
from termforge.store import Store


@task(**RETRIED)
def forge_tasks(store: str, night: str, config: forging.ForgeConfig, machine: Machine) -> DatasetRef:
    record = forging.forge(Store(store), night, config, machine)
    publish(Store(store), record)
    return record.ref
