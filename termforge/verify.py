"""Grading from outside: did the trial do what the task's tests ask?

The trial's processes are ended, only the graded paths leave its sandbox, once, and the tests run in a fresh sandbox of
the same image, where the agent's files are read-only data and the agent's code runs as another user. The verdict is
formed here from the test ids known beforehand: a missing id fails, and an exit code alone never passes anything.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import Any, NamedTuple

from termforge.errors import LimitPassed, SandboxError, SandboxLost, UnfitFiles, VerifierError
from termforge.sandbox.protocol import Engine, Finished, Sandbox, started
from termforge.schemas import File, Image, LeftFile, TerminalTask, TestResult, Verdict, Verifier

GRADER = "/opt/termforge/grader/python"
WORKING = "/app"
TESTS = "/tests"
HARNESS = "/tests/.grader"
MAX_GRADED_BYTES = 256 * 1024 * 1024
MAX_GRADED_FILES = 20_000
MAX_UNGRADED_BYTES = 32 * 1024 * 1024
"""Where no verdict depends on it, a tree is not worth more."""
MAX_UNGRADED_FILES = 2_000
MESSAGE_CHARS = 600
KILLED = 128 + 9


class Left(NamedTuple):
    """The regular files that a trial left at the graded paths."""

    files: Sequence[File] = ()
    unfit: str = ""
    """Why they could not be taken out; then there are none here."""

    @property
    def tree(self) -> tuple[LeftFile, ...] | None:
        """Their names, sizes, hashes and modes; None where they could not be taken out."""
        return None if self.unfit else tuple(_hashed(file) for file in self.files)


def collect(terminal_task: TerminalTask, sandbox: Sandbox) -> Left:
    """End the agent's processes and take what it left at the graded paths, before any test runs.

    Tests that run on the agent's own machine leave files too, and need its processes: those go on, and where they
    write into what is being read, the tree is lost and not the verdict.

    Raises: SandboxError.
    """
    verifier = terminal_task.verifier
    live = verifier is not None and verifier.live
    most_bytes = MAX_GRADED_BYTES if verifier else MAX_UNGRADED_BYTES
    most_files = MAX_GRADED_FILES if verifier else MAX_UNGRADED_FILES
    refusals = (UnfitFiles, SandboxError) if live else (UnfitFiles, LimitPassed)
    try:
        if not live:
            sandbox.stop_processes()
        files = sandbox.fetch(terminal_task.graded_paths, max_bytes=most_bytes, max_files=most_files)
        in_the_way = any(file.path == WORKING for file in files)
        return Left(unfit=f"{WORKING} is a file, and tests run in a folder") if in_the_way else Left(files)
    except refusals as refusal:
        return Left(unfit=str(refusal))


def verify(
    terminal_task: TerminalTask, left: Left, sandbox: Sandbox, engine: Engine, *, fresh: bool = False
) -> Verdict | None:
    """Grade what an agent left; `sandbox` is the agent's. None for a task without tests.

    `fresh` as in `verify_files`; tests on the agent's own machine always have an interpreter of their own.

    Raises: SandboxError, VerifierError: grading broke and says nothing about the agent.
    """
    if (verifier := terminal_task.verifier) is None:
        return None
    if not verifier.live:
        return verify_files(terminal_task, verifier, left, sandbox.image, engine, fresh=fresh)
    return _judged(verifier, lambda: _run_live(sandbox, verifier))


def verify_files(
    terminal_task: TerminalTask,
    verifier: Verifier,
    left: Left,
    image: Image,
    engine: Engine,
    *,
    fresh: bool = False,
) -> Verdict:
    """Grade files alone, whoever made them, by tests that need nothing else.

    `fresh`: by an interpreter that was started for it, with a hash seed of its own, and not forked from another.

    Raises: SandboxError, VerifierError.
    """
    if left.unfit:
        return _nothing_passed(verifier, left.unfit)
    options = ("-B",) if fresh else ()
    return _judged(verifier, lambda: _run_afresh(terminal_task, verifier, left.files, image, engine, options))


def _judged(verifier: Verifier, run: Callable[[], Finished]) -> Verdict:
    start = time.monotonic()
    try:
        finished = run()
    except UnfitFiles as error:
        return _nothing_passed(verifier, str(error))
    except SandboxError as error:
        if not _agents_doing(error, verifier):
            raise
        return _nothing_passed(verifier, f"the tests could not run: {error}")
    return _verdict(verifier, finished, time.monotonic() - start)


def _agents_doing(error: SandboxError, verifier: Verifier) -> bool:
    """Its own machine may be broken in any way; a fresh one can only be ended by what its code uses there."""
    return isinstance(error, LimitPassed) or (verifier.live and not isinstance(error, SandboxLost))


def _hashed(file: File) -> LeftFile:
    content = file.content
    return LeftFile(path=file.path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), mode=file.mode)


def _run_afresh(
    terminal_task: TerminalTask,
    verifier: Verifier,
    left: Sequence[File],
    image: Image,
    engine: Engine,
    options: Sequence[str],
) -> Finished:
    # The agent may have filled its disk to the brim, or left sparse files that are larger than it.
    room_mb = terminal_task.limits.disk_mb + MAX_GRADED_BYTES // 2**20
    limits = terminal_task.limits.model_copy(update={"disk_mb": room_mb})
    with started(engine, image, limits=limits, needs=terminal_task.needs, nested=True) as grader:
        _lay_left(grader, left)
        return _run_tests(grader, verifier, options)


def _lay_left(grader: Sandbox, left: Sequence[File]) -> None:
    """Raises: UnfitFiles where the image has a folder in a file's place, or the other way round."""
    try:
        grader.put([file for file in left if not file.path.startswith(f"{TESTS}/")], read_only=True)
    except SandboxError as error:
        grader.check()
        raise UnfitFiles(f"what was left does not fit the image: {error}") from error


def _run_live(sandbox: Sandbox, verifier: Verifier) -> Finished:
    """Nothing that the agent has put beside the tests is to be collected with them."""
    sandbox.run(["rm", "-rf", TESTS])
    return _run_tests(sandbox, verifier)


def _run_tests(sandbox: Sandbox, verifier: Verifier, options: Sequence[str] = ()) -> Finished:
    sandbox.put([*_hidden(verifier.files), *_harness(sandbox)])
    return sandbox.run([GRADER, "-I", *options, f"{HARNESS}/run.py", TESTS], timeout_s=verifier.timeout_s)


def _hidden(files: Iterable[File]) -> list[File]:
    """The tests know the answers: demoted code shall not read them."""
    return [file.model_copy(update={"mode": file.mode & 0o700}) for file in files]


def _harness(sandbox: Sandbox) -> list[File]:
    """The runner and the module that tests import, with this sandbox's way to demote agent code written in."""
    here = resources.files("termforge") / "grader"
    runner, module = ((here / name).read_bytes() for name in ("run.py", "termforge_grader.py"))
    demote = f"\nDEMOTE = {list(sandbox.demote)!r}\n".encode()
    return [
        File(path=f"{HARNESS}/run.py", content=runner, mode=0o600),
        File(path=f"{HARNESS}/termforge_grader.py", content=module + demote, mode=0o600),
    ]


def _verdict(verifier: Verifier, finished: Finished, seconds: float) -> Verdict:
    """The reported results of the expected ids; what was not reported did not pass."""
    lines = _lines(finished.stdout)
    reported = {line["id"]: line for line in lines if isinstance(line.get("id"), str)}
    broken = "; ".join(_message(line) for line in lines if "broken" in line)
    absent = {"message": broken or _silence(finished, verifier, bool(reported))}
    results = tuple(
        TestResult(
            id=test.id,
            weight=test.weight,
            passed=reported.get(test.id, absent).get("passed") is True,
            message=_message(reported.get(test.id, absent))[-MESSAGE_CHARS:],
        )
        for test in verifier.tests
    )
    return _scored(verifier, results, seconds)


def _silence(finished: Finished, verifier: Verifier, reported: bool) -> str:
    """Why a test that did not report did not.

    Raises: VerifierError where none did, and the agent had no part in it.
    """
    if finished.timed_out:
        return "the tests ran out of time"
    if finished.exit_code == KILLED:
        return "the tests were killed; as a rule what was left is more than fits into memory"
    if reported or verifier.live:
        return "missing"
    cause = finished.stderr[-MESSAGE_CHARS:].decode(errors="replace")
    raise VerifierError(f"the tests reported nothing (exit code {finished.exit_code}): {cause}")


def _message(line: dict[str, Any]) -> str:
    """A live machine's lines may hold anything."""
    message = line.get("message")
    return message.encode(errors="replace").decode() if isinstance(message, str) else ""


def _nothing_passed(verifier: Verifier, message: str) -> Verdict:
    results = (TestResult(id=test.id, weight=test.weight, passed=False, message=message) for test in verifier.tests)
    return _scored(verifier, tuple(results), 0.0)


def _scored(verifier: Verifier, results: tuple[TestResult, ...], seconds: float) -> Verdict:
    total = sum(result.weight for result in results)
    score = sum(result.weight for result in results if result.passed) / total
    # A sum of weights such as 0.1 + 0.2 may miss its own total by one bit.
    solved = score >= verifier.threshold - 1e-9
    return Verdict(results=results, score=score, solved=solved, live=verifier.live, seconds=seconds)


def _lines(stdout: bytes) -> list[dict[str, Any]]:
    """The reporter's lines; a torn last one (time limit) is left out."""
    lines = []
    for line in stdout.splitlines():
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            lines.append(content)
    return lines
