"""The gates: is a TerminalTask fit to be rolled out? One row of verdicts a task; rejected ones are kept.

- `needs met`: the sandbox offers what the task asks for.
- `lint`: tests are valid Python, define the ids they are graded by, and import nothing the image lacks.
- `no-op fails`: an untouched sandbox scores 0, and not because the tests crashed.
- `oracle passes`: playing the task's own solution is judged solved.
A gate that cannot run (no tests, no solution) is `not run`, never passed.
"""

import ast
import logging
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from termforge.errors import SandboxError, VerifierError
from termforge.images import Inventory
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine, started
from termforge.schemas import GateResult, GateVerdicts, Record, TerminalTask, TestResult, Verifier
from termforge.shard import work_through
from termforge.slots import Slots
from termforge.verify import collect, verify

ATTEMPTS = 3
"""Of one gate, while machines fail."""
GRADER_MODULES = frozenset({"pytest", "termforge_grader"})


log = logging.getLogger(__name__)


class ValidationConfig(Record):
    oracle_runs: int = 1
    """Fresh sandboxes in which the solution must pass."""


def validate_shard(
    terminal_tasks: Iterable[TerminalTask],
    config: ValidationConfig,
    engine: Engine,
    inventory_of: Callable[[TerminalTask], Inventory],
    folder: Path,
    *,
    slots: Slots,
    on_done: Callable[[int, tuple[GateVerdicts, ...]], None],
) -> list[GateVerdicts]:
    """Verdicts of every task of a shard, in order; resumes what `folder` already holds."""

    def work(terminal_task: TerminalTask) -> tuple[GateVerdicts, ...]:
        return (validate(terminal_task, config, engine, inventory_of(terminal_task)),)

    by_id = {terminal_task.id: terminal_task for terminal_task in terminal_tasks}
    done = work_through(by_id, work, GateVerdicts, folder, slots=slots, on_done=on_done)
    return [verdicts for (verdicts,) in done.values()]


def validate(
    terminal_task: TerminalTask, config: ValidationConfig, engine: Engine, inventory: Inventory
) -> GateVerdicts:
    """Run every gate in order of cost; after a failure the rest is not run."""
    gates: list[GateResult] = []
    for name, gate in (
        ("needs met", lambda: needs_met(terminal_task, engine)),
        ("lint", lambda: lint(terminal_task, inventory)),
        ("no-op fails", lambda: no_op_fails(terminal_task, engine)),
        ("oracle passes", lambda: oracle_passes(terminal_task, config, engine)),
    ):
        gates.append(_run_gate(name, gate, skipped=any(done.status == "failed" for done in gates)))
    return GateVerdicts(
        task_id=terminal_task.id,
        domain=terminal_task.domain,
        source=terminal_task.provenance.source,
        gates=tuple(gates),
    )


class NotRun(Exception):
    """Why a gate has nothing to look at."""


def needs_met(terminal_task: TerminalTask, engine: Engine) -> str:
    unmet = sorted(terminal_task.needs - engine.offers)
    return f"the {engine.name} sandbox does not offer {', '.join(unmet)}" if unmet else ""


def lint(terminal_task: TerminalTask, inventory: Inventory) -> str:
    """What is wrong with a task as text; empty when nothing is.

    Raises: NotRun for a task without tests.
    """
    verifier = _tests_of(terminal_task)
    importable = sys.stdlib_module_names | GRADER_MODULES | set(inventory.modules)
    found: set[str] = set()
    for file in verifier.files:
        if not file.path.endswith(".py"):
            continue
        try:
            tree = ast.parse(file.content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deeply
            return f"{file.path} is not Python: {error or type(error).__name__}"
        if missing := sorted(_imports(tree) - importable - _siblings(verifier)):
            return f"{file.path} imports what the image lacks: {', '.join(missing)}"
        found |= {f"{file.path.removeprefix('/tests/')}::{name}" for name in _test_functions(tree)}
    absent = sorted(test.id for test in verifier.tests if test.id.partition("[")[0] not in found)
    return f"no such test: {', '.join(absent)}" if absent else ""


def no_op_fails(terminal_task: TerminalTask, engine: Engine) -> str:
    """Grade an untouched sandbox: nothing may pass, and every test must fail by an assertion of its own."""
    _tests_of(terminal_task)
    image = engine.image(terminal_task.image)
    options = {"files": terminal_task.files, "limits": terminal_task.limits, "needs": terminal_task.needs}
    with started(engine, image, **options) as sandbox:
        verdict = verify(terminal_task, collect(terminal_task, sandbox), sandbox, engine)
    assert verdict is not None
    if passed := [result.id for result in verdict.results if result.passed]:
        return f"passes without any work: {', '.join(passed)}"
    if crashed := [result.id for result in verdict.results if not _asserted(result)]:
        return f"does not fail by an assertion: {', '.join(crashed)}"
    return ""


def _asserted(result: TestResult) -> bool:
    """By pytest's last line: `file:line: exception`."""
    return result.message.rstrip().endswith((": AssertionError", ": Failed"))


def oracle_passes(terminal_task: TerminalTask, config: ValidationConfig, engine: Engine) -> str:
    """Play the solution without slips in fresh sandboxes; every run must be judged solved."""
    _tests_of(terminal_task)
    if terminal_task.solution is None:
        raise NotRun("the task has no solution")
    for run in range(config.oracle_runs):
        oracle = Oracle(terminal_task, seed=f"gate-{run}")
        *_, last = roll_out(Trial(terminal_task, run, f"gate-{run}"), RolloutConfig(), engine, oracle)
        if last.ending.infrastructure or (last.verdict is not None and last.verdict.error is not None):
            raise SandboxError(f"{last.outcome}: {last.detail or (last.verdict and last.verdict.error)}")
        if last.outcome != "solved":
            failed = [result.id for result in last.verdict.results if not result.passed] if last.verdict else []
            return f"run {run + 1}: {last.outcome} {last.detail} {', '.join(failed)}".strip()
    return ""


def _run_gate(name: str, gate: Callable[[], str], *, skipped: bool) -> GateResult:
    if skipped:
        return GateResult(gate=name, status="not run", detail="an earlier gate failed")
    start = time.monotonic()
    for attempt in range(ATTEMPTS):
        try:
            fault = gate()
            break
        except NotRun as reason:
            return GateResult(gate=name, status="not run", detail=str(reason))
        except (SandboxError, VerifierError) as error:
            # Hardly the task's fault; but what could not be checked again and again must not pass as sound.
            log.warning("gate %r, attempt %d: %s", name, attempt, error)
            fault = f"infrastructure: {error}"
    return GateResult(gate=name, status="failed" if fault else "passed", detail=fault, seconds=time.monotonic() - start)


def _tests_of(terminal_task: TerminalTask) -> Verifier:
    if terminal_task.verifier is None:
        raise NotRun("the task has no tests")
    return terminal_task.verifier


def _imports(tree: ast.Module) -> set[str]:
    """Top-level names of everything a module imports, deferred imports included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def _test_functions(tree: ast.Module) -> list[str]:
    """Functions and methods of classes as they stand in ids, parameters left out."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
    places = [("", tree.body), *((f"{node.name}::", node.body) for node in classes)]
    return [
        f"{prefix}{node.name}"
        for prefix, body in places
        for node in body
        if isinstance(node, functions) and node.name.startswith("test")
    ]


def _siblings(verifier: Verifier) -> set[str]:
    return {Path(file.path).stem for file in verifier.files}
