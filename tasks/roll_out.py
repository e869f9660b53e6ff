"""Roll out: one Prefect task a shard of trials, never one a trial; a repeated shard resumes from its journal."""

from collections.abc import Callable

from prefect import task

from tasks.policies import RETRIED
from tasks.summaries import publish
from termforge.rollout import RolloutConfig
from termforge.schemas import DatasetRef, Part
from termforge.slots import process_slots
from termforge.stages import rollouts
from termforge.stages.machine import Machine
from termforge.stages.plan import ShardPlan
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store


@task(task_run_name="roll-out-shard-{shard}", **RETRIED)
def roll_out_shard(
    plan: ShardPlan,
    shard: int,
    config: RolloutConfig,
    teacher: TeacherChoice,
    budget: BudgetConfig,
    machine: Machine,
    concurrency: int,
    advance: Callable[[int], None],
) -> Part:
    return rollouts.run_shard(
        plan, shard, config, machine.engine, teacher, budget, slots=process_slots(concurrency), on_done=advance
    )


@task(**RETRIED)
def finish_rollouts(plan: ShardPlan, parts: list[Part], config: RolloutConfig, teacher: TeacherChoice) -> DatasetRef:
    store = Store(plan.store)
    record = rollouts.finish(store, plan, parts, config, teacher)
    publish(store, record)
    return record.ref
