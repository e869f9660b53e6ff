"""Regrade: one Prefect task a shard of recorded trials; a repeated shard resumes from its journal."""

from collections.abc import Callable

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.schemas import DatasetRef, Part
from termforge.slots import process_slots
from termforge.stages import regrading
from termforge.stages.plan import ShardPlan
from termforge.stages.regrading import RegradeConfig
from termforge.store import Store


@task(task_run_name="regrade-shard-{shard}", **RETRIED)
def regrade_shard(
    plan: ShardPlan, shard: int, config: RegradeConfig, concurrency: int, advance: Callable[[int], None]
) -> Part:
    return regrading.run_shard(plan, shard, config, slots=process_slots(concurrency), on_done=advance)


@task(**RETRIED)
def finish_regrade(plan: ShardPlan, parts: list[Part], config: RegradeConfig) -> DatasetRef:
    store = Store(plan.store)
    record = regrading.finish(store, plan, parts, config)
    publish(store, record)
    return record.ref
