"""The gates in order of cost: one row of verdicts a task; after a failure the rest is not run.

- `needs met`: the sandbox offers what the task asks for, its image included.
- `lint`: files, instruction and tests are of a form that can run; the ids exist; nothing reaches for a network.
- `tests assert`: no test is there that could never fail.
- `not contaminated`: no fourteen words in a row are the benchmark's.
- `not a near-duplicate`: no earlier task of the dataset says nearly the same.
- `no-op fails`: an untouched sandbox starts and scores 0, and not because the tests crashed.
- `oracle passes`: playing the task's own solution is judged solved.
- `steady`: so it is every time, and in a Python of another hash seed.
- `cheaters fail`: files of the right names with the wrong content score 0.
- `mutants die`: solutions and results that are nearly right are rejected.
A gate that cannot run (no tests, no solution, no mutants, not asked for) is `not run`, never passed.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from termforge.curate.decontaminate import overlap, terminal_bench_2
from termforge.errors import AgentFailure, SandboxError, TerminalError, VerifierError
from termforge.findings import INFRASTRUCTURE, GateResult, GateVerdicts
from termforge.images import Inventory
from termforge.rollout import RESTART_S
from termforge.sandbox.protocol import Engine
from termforge.schemas import ImageRecipe, Record, TerminalTask
from termforge.shard import work_through
from termforge.slots import Slots
from termforge.validate import lint
from termforge.validate.offline import offline
from termforge.validate.subject import NotRun, Subject

ATTEMPTS = 3
"""Of one gate, while machines fail."""

log = logging.getLogger(__name__)

Gate = Callable[[Subject], str]
"""What is wrong as text, empty when nothing is; raises NotRun."""


class ValidationConfig(Record):
    oracle_runs: int = 2
    """Fresh sandboxes in which the solution must pass."""
    mutants: int = 0
    """Most mutants of each task that are played; as many of its results are damaged. 0: none."""


def validate_shard(
    terminal_tasks: Iterable[TerminalTask],
    config: ValidationConfig,
    engine: Engine,
    inventories: Mapping[ImageRecipe, Inventory],
    folder: Path,
    *,
    duplicates: Mapping[str, str],
    slots: Slots,
    on_done: Callable[[int, tuple[GateVerdicts, ...]], None],
) -> list[GateVerdicts]:
    """Verdicts of every task of a shard, in order; resumes what `folder` already holds.

    `inventories` are those of the images that are built here; a task on another one is refused.
    `duplicates` names, by task id, the earlier task that a task nearly repeats.
    """

    def work(terminal_task: TerminalTask) -> tuple[GateVerdicts, ...]:
        inventory, earlier = inventories.get(terminal_task.image), duplicates.get(terminal_task.id, "")
        return (validate(terminal_task, config, engine, inventory, duplicate_of=earlier),)

    by_id = {terminal_task.id: terminal_task for terminal_task in terminal_tasks}
    done = work_through(by_id, work, GateVerdicts, folder, slots=slots, on_done=on_done)
    return [verdicts for (verdicts,) in done.values()]


def validate(
    terminal_task: TerminalTask,
    config: ValidationConfig,
    engine: Engine,
    inventory: Inventory | None,
    *,
    duplicate_of: str = "",
) -> GateVerdicts:
    """Run every gate. `inventory` is None where the task's image is not built here."""
    subject = Subject(terminal_task, engine, inventory)
    gates: list[GateResult] = []
    for name, gate in _gates(config, duplicate_of).items():
        gates.append(_run_gate(name, gate, subject, skipped=any(done.status == "failed" for done in gates)))
    return GateVerdicts(
        task_id=terminal_task.id,
        domain=terminal_task.domain,
        source=terminal_task.provenance.source,
        gates=tuple(gates),
        mutants=tuple(subject.mutants),
    )


def _gates(config: ValidationConfig, duplicate_of: str) -> dict[str, Gate]:
    return {
        "needs met": needs_met,
        "lint": _lint,
        "tests assert": lambda subject: lint.tests_assert(subject.verifier),
        "not contaminated": not_contaminated,
        "not a near-duplicate": lambda subject: duplicate_of and f"nearly the same instruction as {duplicate_of}",
        "no-op fails": Subject.no_op_fails,
        "oracle passes": Subject.oracle_passes,
        "steady": lambda subject: subject.steady(config.oracle_runs),
        "cheaters fail": Subject.cheaters_fail,
        "mutants die": lambda subject: subject.mutants_die(config.mutants),
    }


def needs_met(subject: Subject) -> str:
    if subject.inventory is None:
        return f"its image {subject.task.image.name!r} is not the one built here; `make images` builds today's"
    unmet = sorted(subject.task.needs - subject.engine.offers)
    return f"the {subject.engine.name} sandbox does not offer {', '.join(unmet)}" if unmet else ""


def not_contaminated(subject: Subject) -> str:
    found = overlap(subject.task, terminal_bench_2())
    return (
        f"{found.field}: {found.grams} grams are Terminal-Bench's, the first at word {found.first_word}"
        if found
        else ""
    )


def _lint(subject: Subject) -> str:
    """Raises: NotRun for a task without tests whose files are fit."""
    assert subject.inventory is not None, "the gate before asks for it"
    if fault := lint.files_fit(subject.task) or offline(subject.task):
        return fault
    verifier = subject.verifier
    return lint.tests_can_run(verifier, subject.inventory) or lint.code_is_demoted(verifier)


def _run_gate(name: str, gate: Gate, subject: Subject, *, skipped: bool) -> GateResult:
    if skipped:
        return GateResult(gate=name, status="not run", detail="an earlier gate failed")
    start = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            fault = gate(subject)
            break
        except NotRun as reason:
            return GateResult(gate=name, status="not run", detail=str(reason))
        except (SandboxError, TerminalError, AgentFailure, VerifierError) as error:
            # Hardly the task's fault; but what could not be checked again and again must not pass as sound.
            log.warning("gate %r, attempt %d: %s", name, attempt, error)
            fault = f"{INFRASTRUCTURE}: {error}"
            if isinstance(error, SandboxError) and attempt < ATTEMPTS:
                time.sleep(RESTART_S)
    return GateResult(gate=name, status="failed" if fault else "passed", detail=fault, seconds=time.monotonic() - start)
