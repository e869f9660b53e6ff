"""A teacher that tries to pass a task's tests without doing its work.

It reads the instruction and the names of the inputs, never their content, and its scripts run where the inputs are
empty. What they leave is laid beside the real inputs: whatever is judged solved there was not worked for. Such an
exploit becomes a control of the task, which its tests must reject from then on.
"""

import re
from collections.abc import Sequence

from termforge import prompts
from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    LimitPassed,
    OutputTruncated,
    TeacherUnavailable,
)
from termforge.findings import Attack, AttackEnding, Submission
from termforge.redact import redact
from termforge.sandbox.protocol import Engine, started
from termforge.schemas import Control, File, Image, TerminalTask, Usage, Verdict
from termforge.teacher import ChatMessage, Teacher
from termforge.validate.cheaters import laid_with
from termforge.verify import Left, collect, verify_files

SCRIPT_S = 60.0
REPLY_S = 1800.0
SAID_CHARS = 1000
SCRIPT = re.compile(r"<script>\n?(.*?)</script>", re.S)
GIVEN_UP = "GIVE UP"
NO_SCRIPT = "There is no script between <script> tags in your reply."


def attack(task: TerminalTask, teacher: Teacher, engine: Engine, submits: int) -> Attack:
    """At most `submits` scripts, each told what the one before it scored.

    Raises: SandboxError, VerifierError.
    """
    if task.verifier is None or task.verifier.live or not task.files:
        reason = "it has no tests, tests that need its own machine, or no inputs to do without"
        return Attack(task_id=task.id, adversary=teacher.model, ending="not run", detail=reason)
    return _Adversary(task, teacher, engine, submits).attack()


class _Adversary:
    def __init__(self, task: TerminalTask, teacher: Teacher, engine: Engine, submits: int) -> None:
        self._task, self._teacher, self._engine, self._submits = task, teacher, engine, submits
        self._image = engine.image(task.image)
        self._submissions: list[Submission] = []
        self._usage: list[Usage] = []
        self._messages = [ChatMessage(role="user", content=_opening(task, submits))]

    def attack(self) -> Attack:
        while len(self._submissions) < self._submits:
            try:
                reply = self._teacher.reply(self._messages, timeout_s=REPLY_S)
            except BudgetExhausted as error:
                return self._ended("budget exhausted", str(error))
            except (TeacherUnavailable, ContextExceeded, EmptyReply, OutputTruncated) as error:
                return self._ended("adversary unavailable", str(error))
            self._usage.append(reply.usage)
            found = SCRIPT.search(reply.content)
            if found is None and GIVEN_UP in reply.content:
                return self._ended("given up")
            told, control = self._submit(found[1]) if found else self._refused()
            if control is not None:
                return self._ended("exploited", control=control)
            self._messages += [ChatMessage(role="assistant", content=reply.content), told]
        return self._ended("no attempts left")

    def _submit(self, script: str) -> tuple[ChatMessage, Control | None]:
        left, said = _left_by(self._task, script, self._image, self._engine)
        assert self._task.verifier is not None
        control = self._control(left)
        tried = Left(unfit=left.unfit) if left.unfit else Left(laid_with(self._task, control.files))
        verdict = verify_files(self._task, self._task.verifier, tried, self._image, self._engine)
        passed = tuple(result.id for result in verdict.results if result.passed)
        self._submissions.append(Submission(script=redact(script), score=verdict.score, passed=passed))
        return self._told(verdict, said), control if verdict.solved else None

    def _control(self, left: Left) -> Control:
        laid = {file.path: file for file in _emptied(self._task)}
        files = tuple(file for file in left.files if file != laid.get(file.path))
        return Control(name=f"exploit of {self._teacher.model}", files=files)

    def _refused(self) -> tuple[ChatMessage, None]:
        self._submissions.append(Submission(script=""))
        return ChatMessage(role="user", content=NO_SCRIPT), None

    def _told(self, verdict: Verdict, said: str) -> ChatMessage:
        number = len(self._submissions)
        content = prompts.render(
            "adversary/result.j2",
            number=number,
            score=verdict.score,
            passed=[result.id for result in verdict.results if result.passed],
            failed=[result.id for result in verdict.results if not result.passed],
            said=said,
            left=self._submits - number,
        )
        return ChatMessage(role="user", content=content)

    def _ended(self, ending: AttackEnding, detail: str = "", control: Control | None = None) -> Attack:
        return Attack(
            task_id=self._task.id,
            adversary=self._teacher.model,
            submissions=tuple(self._submissions),
            ending=ending,
            detail=redact(detail),
            control=control,
            usage=Usage.total(self._usage),
        )


def _opening(task: TerminalTask, submits: int) -> str:
    return prompts.render(
        "adversary/attack.j2",
        instruction=task.instruction,
        files=task.files,
        graded_paths=task.graded_paths,
        submits=submits,
        seconds=int(SCRIPT_S),
    )


def _emptied(task: TerminalTask) -> Sequence[File]:
    return [file.model_copy(update={"content": b""}) for file in task.files]


def _left_by(task: TerminalTask, script: str, image: Image, engine: Engine) -> tuple[Left, str]:
    """What a script leaves where the inputs are empty, and its last words."""
    with started(engine, image, files=_emptied(task), limits=task.limits, needs=task.needs) as sandbox:
        try:
            done = sandbox.run(["bash", "-s"], stdin=script.encode("utf-8", "replace"), timeout_s=SCRIPT_S)
        except LimitPassed as passed:
            return Left(unfit=str(passed)), str(passed)
        said = (done.stdout + done.stderr)[-SAID_CHARS:].decode("utf-8", "replace")
        return collect(task, sandbox), said
