"""How many sandboxes are held at once, every trial of them still finishing right."""

import threading

from termforge.slots import Slots
from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import OneTurn, assert_solved, config, engine_of, run, trials

COUNTS = {"docker": 256, "bubblewrap": 1000}
PATIENCE_S = 900.0


def live_sandboxes(kind: str) -> dict[str, Measured]:
    """The bound on live trials rises by itself, as in a night."""
    return {f"live_sandboxes_{kind}": Measured(_held(kind, COUNTS[kind]))}


def _held(kind: str, count: int) -> int:
    """Every trial waits before its first turn until all have a sandbox and a terminal."""
    all_live = threading.Barrier(count)
    trajectories = run(
        trials(count), config("settle"), engine_of(kind), lambda trial: OneTurn(lambda: _meet(all_live)), Slots(count)
    )
    assert_solved(trajectories)
    return count


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait(PATIENCE_S)
