"""Synthesis as a stage: requests to a teacher become `synthesized-tasks`; a reply once paid for is kept."""

from pathlib import Path
from typing import Any

from termforge.errors import InputError
from termforge.schemas import DatasetRecord, DatasetRef, Record, Rejected, TerminalTask
from termforge.shard import work_through
from termforge.slots import process_slots
from termforge.stages.machine import Machine
from termforge.stages.plan import work_folder
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store, version_of
from termforge.synthesize.request import Environment, SynthesisRequest
from termforge.synthesize.run import STAGE, synthesize_one
from termforge.synthesize.seed import seed_requests
from termforge.synthesize.skill import skill_requests

REPLY_S = 1800.0
"""Longest wait for one reply, the teacher's own retries included."""


class SynthesisConfig(Record):
    teacher: TeacherChoice
    from_skills: int
    from_seeds: int
    seed: str

    def requests(self) -> list[SynthesisRequest]:
        return [
            *skill_requests(self.from_skills, seed=self.seed),
            *seed_requests(seed=self.seed, count=self.from_seeds),
        ]


class Answer(Record):
    """What a request came to: a task, or a reason why not."""

    terminal_task: TerminalTask | None = None
    rejected: Rejected | None = None


def synthesize(
    store: Store,
    night: str,
    config: SynthesisConfig,
    machine: Machine,
    budget: BudgetConfig,
    *,
    concurrency: int,
    work: str | None,
) -> DatasetRecord:
    """`synthesized-tasks`, and `rejected-replies` beside it: every request ends in exactly one row of one of them.

    Raises: InputError when the teacher is the oracle, which has nothing to write tasks from.
    """
    if config.teacher.is_oracle:
        raise InputError("teacher: the oracle plays solutions and cannot write tasks; name a model")
    settings = config.model_dump(mode="json") | {"machine": machine.model_dump()}
    version = version_of(night, STAGE, settings)
    tasks = DatasetRef(name="synthesized-tasks", version=version)
    rejected = DatasetRef(name="rejected-replies", version=version)
    with store.making(tasks) as missing:
        if not missing:
            return store.record(tasks)
        answers = _ask(config, machine, budget, work_folder(store, work), tasks, night, concurrency)
        _write_rejected(store, rejected, answers, settings)
        with store.writer(tasks, "tasks", config=settings) as out:
            out.counts["requests"] = len(answers)
            for answer in answers:
                out.counts["rejected" if answer.terminal_task is None else "accepted"] += 1
                if answer.terminal_task is not None:
                    out.add(answer.terminal_task)
    return store.record(tasks)


def _write_rejected(store: Store, ref: DatasetRef, answers: list[Answer], settings: dict[str, Any]) -> None:
    if store.exists(ref):
        return
    with store.writer(ref, "rejected", config=settings) as out:
        for answer in answers:
            if answer.rejected is not None:
                out.counts[answer.rejected.reason] += 1
                out.add(answer.rejected)


def _ask(
    config: SynthesisConfig,
    machine: Machine,
    budget: BudgetConfig,
    work: str,
    target: DatasetRef,
    night: str,
    concurrency: int,
) -> list[Answer]:
    inventories = machine.inventories
    environments = {domain: Environment(recipe, inventories[domain]) for domain, recipe in machine.recipes.items()}
    teacher = config.teacher.litellm_teacher(budget.open(work, night))

    def ask(request: SynthesisRequest) -> tuple[Answer]:
        row = synthesize_one(request, teacher.for_purpose(request.origin), environments, REPLY_S)
        return (Answer(terminal_task=row) if isinstance(row, TerminalTask) else Answer(rejected=row),)

    requests = {request.origin: request for request in config.requests()}
    folder = Path(work) / target.name / target.version
    done = work_through(requests, ask, Answer, folder, slots=process_slots(concurrency))
    return [answer for (answer,) in done.values()]
