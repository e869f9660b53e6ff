"""Grading from outside: did the trial do what the task's tests ask?

The trial's processes are ended, only the graded paths leave its sandbox, and the tests run in a fresh sandbox of the
same image, where the agent's files are read-only data and the agent's code runs as another user. The verdict is formed
here from the test ids known beforehand: a missing id fails, and an exit code alone never passes anything.
"""

import json
import time
from collections.abc import Iterable
from importlib import resources
from typing import Any

from termforge.errors import UnfitFiles, VerifierError
from termforge.sandbox.protocol import Engine, Finished, Sandbox, started
from termforge.schemas import File, TerminalTask, TestResult, Verdict, Verifier

GRADER = "/opt/termforge/grader/python"
TESTS = "/tests"
HARNESS = "/tests/.grader"
MAX_GRADED_BYTES = 256 * 1024 * 1024
MAX_GRADED_FILES = 20_000
MESSAGE_CHARS = 600


def verify(terminal_task: TerminalTask, sandbox: Sandbox, engine: Engine) -> Verdict | None:
    """Grade what an agent left in `sandbox`; None for a task without tests.

    Raises: SandboxError, VerifierError: grading broke and says nothing about the agent.
    """
    if (verifier := terminal_task.verifier) is None:
        return None
    start = time.monotonic()
    if verifier.live:
        sandbox.put([*_hidden(verifier.files), *_harness(sandbox)])
        finished = _run(sandbox, verifier)
    else:
        sandbox.stop_processes()
        try:
            left = sandbox.fetch(terminal_task.graded_paths, max_bytes=MAX_GRADED_BYTES, max_files=MAX_GRADED_FILES)
        except UnfitFiles as refusal:
            return _nothing_passed(verifier, str(refusal), time.monotonic() - start)
        finished = _run_afresh(terminal_task, verifier, left, sandbox, engine)
    return _verdict(verifier, finished, time.monotonic() - start)


def _run_afresh(
    terminal_task: TerminalTask, verifier: Verifier, left: list[File], sandbox: Sandbox, engine: Engine
) -> Finished:
    limits = terminal_task.limits
    with started(engine, sandbox.image, limits=limits, needs=terminal_task.needs, nested=True) as grader:
        grader.put(left, read_only=True)
        grader.put([*_hidden(verifier.files), *_harness(grader)])
        return _run(grader, verifier)


def _run(sandbox: Sandbox, verifier: Verifier) -> Finished:
    return sandbox.run([GRADER, "-I", f"{HARNESS}/run.py", TESTS], timeout_s=verifier.timeout_s)


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
    reported = {line["id"]: line for line in lines if "id" in line}
    broken = "; ".join(str(line["message"]) for line in lines if "broken" in line)
    if not reported and not broken and not finished.timed_out:
        cause = finished.stderr[-MESSAGE_CHARS:].decode(errors="replace")
        raise VerifierError(f"the tests reported nothing (exit code {finished.exit_code}): {cause}")
    absent = broken or ("the tests ran out of time" if finished.timed_out else "missing")
    results = tuple(
        TestResult(
            id=test.id,
            weight=test.weight,
            passed=test.id in reported and reported[test.id]["passed"] is True,
            message=str(reported.get(test.id, {"message": absent})["message"])[-MESSAGE_CHARS:],
        )
        for test in verifier.tests
    )
    return _scored(verifier, results, seconds)


def _nothing_passed(verifier: Verifier, message: str, seconds: float) -> Verdict:
    results = (TestResult(id=test.id, weight=test.weight, passed=False, message=message) for test in verifier.tests)
    return _scored(verifier, tuple(results), seconds)


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
        except ValueError:
            continue
        if isinstance(content, dict):
            lines.append(content)
    return lines
