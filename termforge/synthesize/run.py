"""Asks the teacher for each request and turns every reply into one TerminalTask or one Rejected row."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    InputError,
    OutputTruncated,
    TeacherUnavailable,
    TermforgeError,
)
from termforge.redact import redact
from termforge.schemas import Domain, Provenance, Rejected, SourceName, TerminalTask, digest
from termforge.synthesize.lint import check_isolation, check_requirements, test_functions
from termforge.synthesize.reply import MalformedReply, Reason, files_in, split, verifier_of, weights_in
from termforge.synthesize.request import Environment, RejectedReply, SynthesisRequest, conversation
from termforge.teacher import ChatMessage, Teacher

STAGE = "synthesize"
GENERATORS: dict[SourceName, str] = {"skill": "synthesize/skill@1", "seed": "synthesize/seed@1"}

_REASONS: dict[type[TermforgeError], Reason] = {
    OutputTruncated: Reason.TRUNCATED,
    EmptyReply: Reason.EMPTY_REPLY,
    ContextExceeded: Reason.CONTEXT_EXCEEDED,
    BudgetExhausted: Reason.BUDGET_EXHAUSTED,
    TeacherUnavailable: Reason.TEACHER_UNAVAILABLE,
}


def synthesize(
    requests: Iterable[SynthesisRequest],
    teacher: Teacher,
    environments: Mapping[Domain, Environment],
    *,
    parallel: int = 8,
    timeout_s: float = 900.0,
) -> Iterator[TerminalTask | Rejected]:
    """One row for each request, in order; `timeout_s` bounds each, its retries included.

    Raises: InputError for a setting that the service refuses, or a domain without an environment.
    """
    with ThreadPoolExecutor(parallel, thread_name_prefix="synthesize") as pool:
        yield from pool.map(lambda request: synthesize_one(request, teacher, environments, timeout_s), requests)


def synthesize_one(
    request: SynthesisRequest, teacher: Teacher, environments: Mapping[Domain, Environment], timeout_s: float
) -> TerminalTask | Rejected:
    """Ask for one task. What the model or its service did wrong is a row; only the user's settings raise.

    Raises: InputError.
    """
    if request.domain not in environments:
        raise InputError(f"{request.origin}: no image is built for the domain {request.domain}")
    environment = environments[request.domain]
    messages = conversation(request, environment)
    try:
        reply = teacher.reply(messages, timeout_s=timeout_s)
    except tuple(_REASONS) as error:
        return _rejected(request, _REASONS[type(error)], str(error), getattr(error, "partial", ""))
    try:
        return read_task(reply.content, request, environment, _provenance(request, teacher, messages))
    except MalformedReply as malformed:
        return _rejected(request, malformed.reason, malformed.detail, reply.content)


def read_task(reply: str, request: SynthesisRequest, environment: Environment, provenance: Provenance) -> TerminalTask:
    """Raises: MalformedReply."""
    sections = split(reply)
    files = files_in(sections.files)
    tests = test_functions(sections.tests, environment.inventory)
    weights = weights_in(sections.weights, tests)
    check_requirements(sections.test_requirements, environment.inventory)
    check_isolation(sections, request.seed_problem)
    return TerminalTask(
        image=environment.recipe,
        domain=request.domain,
        instruction=sections.instruction.strip() + "\n",
        files=files,
        verifier=verifier_of(sections.tests, weights),
        provenance=provenance,
    )


def _provenance(request: SynthesisRequest, teacher: Teacher, messages: Iterable[ChatMessage]) -> Provenance:
    source: SourceName = "skill" if request.seed_problem is None else "seed"
    return Provenance(
        source=source,
        generator=GENERATORS[source],
        origin=request.origin,
        skills=request.skills,
        difficulty=request.difficulty,
        teacher=teacher.model,
        prompt_sha256=digest([message.content for message in messages]),
    )


def _rejected(request: SynthesisRequest, reason: Reason, detail: str, reply: str) -> Rejected:
    row = RejectedReply(request=request, reply=redact(reply.encode("utf-8", "replace").decode()))
    return Rejected(stage=STAGE, reason=reason.value, detail=redact(detail), row=row.model_dump_json())
