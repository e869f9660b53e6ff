"""Rollouts as a stage: every task is given to the teacher, shard by shard, and becomes trajectories."""

from collections import Counter
from collections.abc import Callable, Iterable

from termforge.errors import InputError
from termforge.rollout import RolloutConfig, roll_out_shard, trials_of
from termforge.sandbox.protocol import Engine
from termforge.schemas import DatasetRecord, DatasetRef, Part
from termforge.slots import Slots
from termforge.stages.machine import Machine
from termforge.stages.plan import ShardPlan, totals, work_folder
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store, version_of

STAGE = "roll-out-1"


def plan_rollouts(
    store: Store,
    night: str,
    source: DatasetRef,
    config: RolloutConfig,
    teacher: TeacherChoice,
    machine: Machine,
    *,
    shard_rows: int,
    work: str | None,
) -> ShardPlan:
    """The machine is part of the version: the same keystrokes in another kind of sandbox are another trajectory.

    Raises: InputError for the oracle where replies are not JSON.
    """
    if teacher.is_oracle and config.agent.reply_format != "json":
        raise InputError(f"reply_format: the oracle writes JSON only; {config.agent.reply_format!r} needs a model")
    settings = [config.model_dump(mode="json"), teacher.model_dump(mode="json"), machine.model_dump()]
    return ShardPlan(
        store=store.root,
        night=night,
        work=work_folder(store, work),
        source=source,
        target=DatasetRef(name="trajectories", version=version_of(night, STAGE, settings, [source])),
        rows=store.record(source).rows,
        shard_rows=shard_rows,
    )


def run_shard(
    plan: ShardPlan,
    shard: int,
    config: RolloutConfig,
    engine: Engine,
    teacher: TeacherChoice,
    budget: BudgetConfig,
    *,
    slots: Slots,
    on_done: Callable[[int], None],
) -> Part:
    """Tasks that the teacher has nothing to play for are left out; `finish` counts them."""
    playable = [terminal_task for terminal_task in plan.records(shard) if teacher.can_solve(terminal_task)]
    trajectories = roll_out_shard(
        trials_of(playable, config.samples, plan.target.version),
        config,
        engine,
        teacher.maker(budget.open(plan.work, plan.night)),
        plan.folder(shard),
        slots=slots,
        on_done=lambda done, attempts: on_done(1),
    )
    return Store(plan.store).write_part(plan.target, "trajectories", shard, trajectories)


def finish(
    store: Store, plan: ShardPlan, parts: Iterable[Part], config: RolloutConfig, teacher: TeacherChoice
) -> DatasetRecord:
    """Write the record: the trajectories exist from here on. Counts are of outcomes, last attempts only."""
    with store.making(plan.target) as missing:
        if not missing:
            return store.record(plan.target)
        return _commit(store, plan, list(parts), config, teacher)


def _commit(
    store: Store, plan: ShardPlan, parts: list[Part], config: RolloutConfig, teacher: TeacherChoice
) -> DatasetRecord:
    counts: Counter[str] = Counter()
    for part in parts:
        frame = store.part_frame(plan.target, part).select("trial_id", "attempt", "outcome")
        last = frame.sort("attempt").group_by("trial_id").last().collect()
        counts.update(last["outcome"].to_list())
        counts["trials"] += last.height
        counts["repeated attempts"] += part.rows - last.height
    counts["tasks without a solution"] = plan.rows - counts["trials"] // config.samples
    settings = {"rollout": config.model_dump(mode="json"), "teacher": teacher.model_dump(mode="json")}
    return store.commit(
        plan.target, "trajectories", parts, config=settings, inputs=[plan.source], counts=totals(counts)
    )
