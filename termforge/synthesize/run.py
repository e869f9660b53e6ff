"""Asks the teacher for one request, reads what it replies, and once tells it what was wrong with that.

Every reply becomes a TerminalTask or a Rejected row. `repair` starts from the row, so that a first reply which lies in
a journal is never paid for twice.
"""

from collections.abc import Sequence

from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    OutputTruncated,
    TeacherUnavailable,
    TermforgeError,
)
from termforge.findings import Rejected
from termforge.redact import redact, secret_in
from termforge.schemas import Provenance, TerminalTask, digest
from termforge.synthesize.inputs import files_in
from termforge.synthesize.isolation import check_isolation
from termforge.synthesize.lint import check_requirements, test_functions
from termforge.synthesize.prompt import GENERATORS, conversation, remedies, repair_conversation, source_of
from termforge.synthesize.reply import MalformedReply, Reason, verifier_of
from termforge.synthesize.request import Environment, RefusedReply, SynthesisRequest
from termforge.synthesize.sections import split
from termforge.synthesize.weights import weights_in
from termforge.teacher import ChatMessage, Teacher

STAGE = "synthesize"

_REASONS: dict[type[TermforgeError], Reason] = {
    OutputTruncated: Reason.TRUNCATED,
    EmptyReply: Reason.EMPTY_REPLY,
    ContextExceeded: Reason.CONTEXT_EXCEEDED,
    BudgetExhausted: Reason.BUDGET_EXHAUSTED,
    TeacherUnavailable: Reason.TEACHER_UNAVAILABLE,
}


def ask(
    request: SynthesisRequest, teacher: Teacher, environment: Environment, timeout_s: float
) -> TerminalTask | Rejected:
    """Ask for a task. What the model or its service did wrong is a row; only the user's settings raise.

    Raises: InputError.
    """
    return _answer(request, conversation(request, environment), teacher, environment, timeout_s)


def repairable(refused: Rejected) -> bool:
    """Whether its fault is of the kind that another reply may mend."""
    return Reason(refused.reason) in remedies()


def repair(refused: Rejected, teacher: Teacher, environment: Environment, timeout_s: float) -> TerminalTask | Rejected:
    """Show the teacher its reply and what is wrong with it, and ask once more.

    Raises: InputError.
    """
    row = RefusedReply.model_validate_json(refused.row)
    messages = repair_conversation(row, Reason(refused.reason), refused.detail, environment)
    answer = _answer(row.request, messages, teacher, environment, timeout_s)
    if isinstance(answer, TerminalTask):
        return answer
    last = RefusedReply.model_validate_json(answer.row)
    both = last.model_copy(update={"first_reason": refused.reason, "first_reply": row.reply})
    return answer.model_copy(update={"row": both.model_dump_json()})


def read_task(reply: str, request: SynthesisRequest, environment: Environment, provenance: Provenance) -> TerminalTask:
    """Raises: MalformedReply."""
    sections = split(reply)
    files = files_in(sections.files)
    tests = test_functions(sections.tests, environment.inventory)
    weights = weights_in(sections.weights, tests)
    check_requirements(sections.test_requirements, environment.inventory)
    check_isolation(sections, files, request.seed_problem)
    return TerminalTask(
        image=environment.recipe,
        domain=request.domain,
        instruction=sections.instruction.strip() + "\n",
        files=files,
        verifier=verifier_of(sections.tests, weights),
        provenance=provenance,
    )


def _answer(
    request: SynthesisRequest,
    messages: Sequence[ChatMessage],
    teacher: Teacher,
    environment: Environment,
    timeout_s: float,
) -> TerminalTask | Rejected:
    try:
        reply = teacher.reply(messages, timeout_s=timeout_s)
    except tuple(_REASONS) as error:
        return _rejected(request, _REASONS[type(error)], str(error), getattr(error, "partial", ""))
    try:
        return read_task(reply.content, request, environment, _provenance(request, teacher, messages))
    except MalformedReply as malformed:
        return _rejected(request, malformed.reason, malformed.detail, reply.content)


def _provenance(request: SynthesisRequest, teacher: Teacher, messages: Sequence[ChatMessage]) -> Provenance:
    source = source_of(request)
    return Provenance(
        source=source,
        generator=GENERATORS[source],
        origin=request.origin,
        skills=request.skills,
        draw=request.draw,
        difficulty=request.difficulty,
        teacher=teacher.model,
        prompt_sha256=digest([message.content for message in messages]),
    )


def _rejected(request: SynthesisRequest, reason: Reason, detail: str, reply: str) -> Rejected:
    """The reply is kept as it is, to be shown to the teacher, unless there is a secret in it."""
    text = reply.encode("utf-8", "replace").decode()
    row = RefusedReply(request=request, reply=text if secret_in(text) is None else redact(text))
    return Rejected(stage=STAGE, reason=reason.value, detail=redact(detail), row=row.model_dump_json())
