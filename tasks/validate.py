"""Validate: one Prefect task a shard; the sandboxes of a shard are bounded in process."""

from collections.abc import Callable

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef, Part
from termforge.slots import process_slots
from termforge.stages import merge as merging
from termforge.stages import validation
from termforge.stages.machine import Machine
from termforge.stages.plan import ShardPlan
from termforge.store import Store
from termforge.validate import ValidationConfig


@task(**RETRIED)
def merge(store: str, night: str, sources: list[DatasetRef]) -> DatasetRef:
    record = merging.merge(Store(store), night, sources)
    publish(Store(store), record)
    return record.ref


@task(task_run_name="validate-shard-{shard}", **RETRIED)
def validate_shard(
    plan: ShardPlan,
    shard: int,
    config: ValidationConfig,
    machine: Machine,
    concurrency: int,
    advance: Callable[[int], None],
) -> Part:
    return validation.run_shard(plan, shard, config, machine.engine, slots=process_slots(concurrency), on_done=advance)


@task(**RETRIED)
def finish_validation(plan: ShardPlan, parts: list[Part], config: ValidationConfig) -> DatasetRef:
    store = Store(plan.store)
    record = validation.finish(store, plan, parts, config)
    publish(store, record)
    return record.ref
