"""Attacks as a stage: an adversary tries every task; what it finds is a control of the task from then on."""

from pathlib import Path

from termforge.adversary import attack
from termforge.errors import InputError
from termforge.findings import Attack
from termforge.schemas import DatasetRecord, DatasetRef, Record, TerminalTask
from termforge.shard import work_through
from termforge.slots import process_slots
from termforge.stages.machine import Machine
from termforge.stages.plan import work_folder
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store, version_of

STAGE = "attack-1"


class AttackConfig(Record):
    teacher: TeacherChoice
    submits: int
    """Scripts a task."""


def attack_tasks(
    store: Store,
    night: str,
    source: DatasetRef,
    config: AttackConfig,
    machine: Machine,
    budget: BudgetConfig,
    *,
    concurrency: int,
    work: str | None,
) -> DatasetRecord:
    """`attacks`, one row a task, then `attacked-tasks`: the same tasks, each with what was found against it.

    Put the latter through the gates: a task whose tests accept an exploit is refused.

    Raises: InputError when the adversary is the oracle, which has nothing to say.
    """
    if config.teacher.is_oracle:
        raise InputError("adversary: the oracle plays solutions and cannot attack tasks; name a model")
    settings = config.model_dump(mode="json") | {"machine": machine.model_dump()}
    version = version_of(night, STAGE, settings, [source])
    attacks, attacked = (DatasetRef(name=name, version=version) for name in ("attacks", "attacked-tasks"))
    with store.making(attacked) as missing:
        if not missing:
            return store.record(attacked)
        tasks = list(store.read(source))
        found = _attack(tasks, config, machine, budget, work_folder(store, work), attacks, night, concurrency)
        if not store.exists(attacks):
            with store.writer(attacks, "attacks", config=settings, inputs=[source]) as out:
                for row in found:
                    out.add(row)
                    out.counts[row.ending] += 1
        with store.writer(attacked, "tasks", config=settings, inputs=[source, attacks]) as out:
            for task, row in zip(tasks, found, strict=True):
                out.add(_with_control(task, row))
                out.counts["with a new control" if row.control else "as they were"] += 1
    return store.record(attacked)


def _attack(
    tasks: list[TerminalTask],
    config: AttackConfig,
    machine: Machine,
    budget: BudgetConfig,
    work: str,
    target: DatasetRef,
    night: str,
    concurrency: int,
) -> list[Attack]:
    adversary, engine = config.teacher.litellm_teacher(budget.open(work, night)), machine.engine

    def one(task: TerminalTask) -> tuple[Attack]:
        return (attack(task, adversary.for_purpose(f"attack {task.id}"), engine, config.submits),)

    folder = Path(work) / target.name / target.version
    done = work_through({task.id: task for task in tasks}, one, Attack, folder, slots=process_slots(concurrency))
    return [row for (row,) in done.values()]


def _with_control(task: TerminalTask, row: Attack) -> TerminalTask:
    if row.control is None:
        return task
    return task.model_copy(update={"controls": (*task.controls, row.control)})
