"""Regrading as a stage: recorded trials are replayed and judged by today's tests, without a teacher.

`replays` says of each trial how its replay compares. `trajectories` holds the recorded rows in their order, with new
verdicts where the replay is conclusive. Where it is not, a row keeps its verdict if its task is the same, and else gets
the reason in place of one: an old verdict is not one of new tests.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from termforge.errors import InputError
from termforge.findings import Replay
from termforge.once import once
from termforge.replay import check_image, replay, rollout_config
from termforge.schemas import (
    DatasetRecord,
    DatasetRef,
    Image,
    ImageRecipe,
    Part,
    Record,
    TerminalTask,
    Trajectory,
    Verdict,
)
from termforge.shard import work_through
from termforge.slots import Slots
from termforge.stages.machine import SandboxChoice, open_engine
from termforge.stages.plan import ShardPlan, work_folder
from termforge.store import Store, version_of

STAGE = "regrade-1"


class RegradeConfig(Record):
    tasks: DatasetRef
    """Whose tests grade."""
    sandbox: SandboxChoice = "auto"
    """`auto`: the kind in which a trial was recorded."""
    other_images: bool = False
    """Go on where the image here is another build than the recorded one."""


class Current(NamedTuple):
    """The task that stands for a recorded trial's task today."""

    id: str
    row: int
    """In its dataset."""
    graded: bool
    """Whether it has tests."""


def plan_regrade(
    store: Store, night: str, source: DatasetRef, config: RegradeConfig, *, shard_rows: int, work: str | None
) -> ShardPlan:
    """Raises: InputError where the trials cannot be replayed here, or not matched with the tasks."""
    rollout_config(store, source)
    rows = [task.row for task in current_tasks(store.root, source, config.tasks).values()]
    if rows != sorted(rows):
        raise InputError(f"{config.tasks} has the tasks of {source} in another order")
    if not config.other_images:
        _check_images(store, source, config.sandbox)
    return ShardPlan(
        store=store.root,
        night=night,
        work=work_folder(store, work),
        source=source,
        target=DatasetRef(name="replays", version=version_of(night, STAGE, config.model_dump(mode="json"), [source])),
        rows=store.record(source).rows,
        shard_rows=shard_rows,
    )


def regraded(plan: ShardPlan) -> DatasetRef:
    """The dataset that regrading ends in; it exists when all of it is done."""
    return DatasetRef(name="trajectories", version=plan.target.version)


@once
def current_tasks(root: str, trajectories: DatasetRef, tasks: DatasetRef) -> dict[str, Current]:
    """For each task of the recorded trials, by id: itself in `tasks`, or the one that differs in its tests alone.

    Raises: InputError where several of those could be meant.
    """
    store = Store(root)
    by_id: dict[str, Current] = {}
    by_work: dict[str, list[Current]] = {}
    for row, terminal_task in enumerate(store.read(tasks)):
        current = Current(terminal_task.id, row, terminal_task.verifier is not None)
        by_id[current.id] = current
        by_work.setdefault(_work_id(terminal_task), []).append(current)
    found: dict[str, Current] = {}
    for terminal_task in store.read(store.source(trajectories, "tasks")):
        alike = by_work.get(_work_id(terminal_task), [])
        if terminal_task.id in by_id or len(alike) == 1:
            found[terminal_task.id] = by_id.get(terminal_task.id) or alike[0]
        elif alike:
            ids = ", ".join(current.id for current in alike)
            raise InputError(
                f"{tasks}: which of {ids} grades the trials of {terminal_task.id}? Only their tests differ"
            )
    return found


def run_shard(
    plan: ShardPlan, shard: int, config: RegradeConfig, *, slots: Slots, on_done: Callable[[int], None]
) -> Part:
    store = Store(plan.store)
    rollout = rollout_config(store, plan.source)
    current = current_tasks(plan.store, plan.source, config.tasks)
    trajectories = plan.records(shard)
    trials = {f"{row.trial_id}-{row.attempt}": row for row in trajectories if _gradable(row, current)}
    on_done(len(trajectories) - len(trials))

    def work(trajectory: Trajectory) -> tuple[Replay, ...]:
        (terminal_task,) = store.rows(config.tasks, current[trajectory.task_id].row, 1)
        engine = open_engine(trajectory.sandbox if config.sandbox == "auto" else config.sandbox)
        return (replay(trajectory, terminal_task, rollout, engine, other_image=config.other_images),)

    done = work_through(
        trials, work, Replay, plan.folder(shard), slots=slots, on_done=lambda count, records: on_done(1)
    )
    return store.write_part(plan.target, "replays", shard, [found for (found,) in done.values()])


def finish(store: Store, plan: ShardPlan, parts: Iterable[Part], config: RegradeConfig) -> DatasetRecord:
    """Write the record of `replays`, then `trajectories`, whose record this returns. Outcomes: of last attempts."""
    settings = store.record(plan.source).config | {"regrade": config.model_dump(mode="json")}
    sources, target = [config.tasks, plan.source], regraded(plan)
    with store.making(target) as missing:
        if not missing:
            return store.record(target)
        if not store.exists(plan.target):
            store.commit(plan.target, "replays", parts, config=settings, inputs=sources, counts={})
        with store.writer(target, "trajectories", config=settings, inputs=[*sources, plan.target]) as out:
            outcomes: dict[str, str] = {}
            for trajectory in _judged(store, plan, config, out.counts):
                outcomes[trajectory.trial_id] = trajectory.outcome
                out.add(trajectory)
            out.counts.update({"trials": len(outcomes)} | Counter(outcomes.values()))
    return store.record(target)


def _judged(store: Store, plan: ShardPlan, config: RegradeConfig, counts: Counter[str]) -> Iterator[Trajectory]:
    """The recorded rows as rows of their current tasks."""
    current = current_tasks(plan.store, plan.source, config.tasks)
    replays = store.read(plan.target)
    for trajectory in store.read(plan.source):
        if trajectory.task_id not in current:
            counts["left out: the task is gone"] += 1
        elif not _gradable(trajectory, current):
            counts["nothing to grade"] += 1
            yield trajectory.model_copy(update={"task_id": current[trajectory.task_id].id, "verdict": None})
        else:
            yield _judged_by(next(replays), trajectory, counts)


def _judged_by(replay: Replay, trajectory: Trajectory, counts: Counter[str]) -> Trajectory:
    if replay.conclusive:
        counts["regraded"] += 1
        counts["regraded, with another score"] += (replay.old and replay.old.score) != (replay.new and replay.new.score)
        verdict = replay.new
    else:
        counts["replay failed" if replay.error else "replay diverged"] += 1
        same = replay.task_id == trajectory.task_id
        verdict = trajectory.verdict if same else Verdict(error=f"not regraded: {_why(replay)}")
    return trajectory.model_copy(update={"task_id": replay.task_id, "verdict": verdict})


def _why(replay: Replay) -> str:
    if replay.error:
        return replay.error
    if replay.first_difference:
        return f"the replay differs from turn {replay.first_difference} on"
    return "the replay left other files"


def _gradable(trajectory: Trajectory, current: Mapping[str, Current]) -> bool:
    terminal_task = current.get(trajectory.task_id)
    return terminal_task is not None and terminal_task.graded and not trajectory.ending.infrastructure


def _work_id(terminal_task: TerminalTask) -> str:
    """The same for tasks in which an agent meets the same work, and grading looks at the same files."""
    return terminal_task.model_copy(update={"verifier": None, "solution": None, "domain": None}).id


def _check_images(store: Store, source: DatasetRef, sandbox: SandboxChoice) -> None:
    """Raises: InputError where one of the recorded images is another build here; SetupError where it is not built."""
    for row in store.scan(source).select("sandbox", "image").unique().collect().to_dicts():
        recorded = Image.model_validate(row["image"])
        engine = open_engine(row["sandbox"] if sandbox == "auto" else sandbox)
        check_image(recorded, engine.image(ImageRecipe(name=recorded.name, recipe=recorded.recipe)))
