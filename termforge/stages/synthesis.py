"""Synthesis as a stage: requests to a teacher become `synthesized-tasks`; a reply once paid for is kept.

Two rounds, each with a journal of its own: every request is asked, then what was refused and can be mended is asked
once more. The second round starts from the first one's journal: a run that died between them pays for no reply again.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field

from termforge import prompts
from termforge.difficulty import Deficits
from termforge.errors import InputError
from termforge.findings import Rejected
from termforge.images import DOMAIN_IMAGES, HOST, recipe_of
from termforge.schemas import DOMAINS, DatasetRecord, DatasetRef, Domain, Record, digest
from termforge.shard import work_through
from termforge.slots import process_slots
from termforge.stages.machine import Machine, inventory_of
from termforge.stages.plan import work_folder
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store, version_of
from termforge.synthesize import (
    Difficulty,
    Environment,
    RefusedReply,
    SynthesisRequest,
    ask,
    repair,
    repairable,
    seed_requests,
    skill_requests,
)
from termforge.synthesize.answers import Answer, Answers
from termforge.synthesize.prompt import GENERATORS
from termforge.synthesize.request import DIFFICULTIES
from termforge.synthesize.run import STAGE
from termforge.synthesize.seed import OWN_SEEDS
from termforge.synthesize.taxonomy import FILE as TAXONOMY
from termforge.teacher import LitellmTeacher

REPLY_S = 1800.0
"""Longest wait for one reply, the teacher's own retries included."""


class SynthesisConfig(Record):
    teacher: TeacherChoice
    from_skills: int
    from_seeds: int
    seed: str
    domains: tuple[Domain, ...] = DOMAINS
    """Of the tasks from skills. Both candidates for the paper's ninth may be named, and the release's further one."""
    difficulties: tuple[Difficulty, ...] = DIFFICULTIES
    deficits: Deficits = Field(default_factory=dict)
    """What is lacking is drawn the more."""
    seeds: str = ""
    """JSONL of SeedProblems; empty for those that come along."""

    def requests(self) -> dict[str, SynthesisRequest]:
        """By origin.

        Raises: InputError.
        """
        path = Path(self.seeds) if self.seeds else None
        settings: dict[str, Any] = {"seed": self.seed, "difficulties": self.difficulties}
        requests = [
            *skill_requests(self.from_skills, self.domains, deficits=self.deficits, **settings),
            *seed_requests(path, count=self.from_seeds, **settings),
        ]
        return {request.origin: request for request in requests}

    def settings(self, machine: Machine) -> dict[str, Any]:
        """Whatever another dataset follows from."""
        own = [prompts.load(name).sha256 for name in prompts.names(OWN_SEEDS)]
        others = {
            "machine": machine.model_dump(),
            "generators": GENERATORS,
            "taxonomy_sha256": prompts.load(TAXONOMY).sha256,
            "seeds_sha256": sha256(Path(self.seeds).read_bytes()).hexdigest() if self.seeds else digest(own),
        }
        return self.model_dump(mode="json") | others


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

    Raises: InputError when the teacher is the oracle, which has nothing to write tasks from; for a malformed file of
    seeds, and for domains and deficits that are none.
    """
    if config.teacher.is_oracle:
        raise InputError("teacher: the oracle plays solutions and cannot write tasks; name a model")
    requests, settings = config.requests(), config.settings(machine)
    tasks = DatasetRef(name="synthesized-tasks", version=version_of(night, STAGE, settings))
    with store.making(tasks) as missing:
        if not missing:
            return store.record(tasks)
        work = work_folder(store, work)
        teacher = config.teacher.litellm_teacher(budget.open(work, night))
        folder = Path(work) / tasks.name / tasks.version
        answers = _both_rounds(requests, teacher, _environments(machine), folder, concurrency)
        _write_rejected(store, DatasetRef(name="rejected-replies", version=tasks.version), answers, settings)
        with store.writer(tasks, "tasks", config=settings) as out:
            out.counts.update(answers.counts())
            for terminal_task in answers.tasks:
                out.add(terminal_task)
    return store.record(tasks)


def _both_rounds(
    requests: Mapping[str, SynthesisRequest],
    teacher: LitellmTeacher,
    environments: Mapping[Domain, Environment],
    folder: Path,
    concurrency: int,
) -> Answers:
    """A call's purpose in the ledger is the request's origin, and that it is a repair turn."""
    slots = process_slots(concurrency)

    def first(request: SynthesisRequest) -> tuple[Answer]:
        own = teacher.for_purpose(request.origin)
        return (Answer.of(ask(request, own, environments[request.domain], REPLY_S)),)

    def second(refused: Rejected) -> tuple[Answer]:
        request = RefusedReply.model_validate_json(refused.row).request
        own = teacher.for_purpose(f"{request.origin}, repair")
        return (Answer.of(repair(refused, own, environments[request.domain], REPLY_S)),)

    asked = work_through(requests, first, Answer, folder / "replies", slots=slots)
    answers = {origin: answer for origin, (answer,) in asked.items()}
    refused = {origin: answer.rejected for origin, answer in answers.items() if answer.rejected is not None}
    faulty = {origin: row for origin, row in refused.items() if repairable(row)}
    repaired = work_through(faulty, second, Answer, folder / "repairs", slots=slots)
    return Answers(first=answers, repaired={origin: answer for origin, (answer,) in repaired.items()})


def _environments(machine: Machine) -> dict[Domain, Environment]:
    recipes = {domain: HOST if machine.images == "host" else recipe_of(domain) for domain in DOMAIN_IMAGES}
    return {domain: Environment(recipe, inventory_of(recipe)) for domain, recipe in recipes.items()}


def _write_rejected(store: Store, ref: DatasetRef, answers: Answers, settings: dict[str, Any]) -> None:
    if store.exists(ref):
        return
    with store.writer(ref, "rejected", config=settings) as out:
        for row in answers.rejected:
            out.counts[row.reason] += 1
            out.add(row)
