"""Cold start to the first prompt, and teardown."""

import statistics
import time

from termforge.terminal import Terminal
from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import KINDS, baseline_task, engine_of

TIMES = {"bubblewrap": 40, "docker": 10}


def start_and_teardown() -> dict[str, Measured]:
    """Medians. The sandbox is torn down as after a lost terminal: everything in it still runs."""
    found = {}
    for kind in KINDS:
        starts, teardowns = zip(*(_once(kind) for _ in range(TIMES[kind])), strict=True)
        found[f"teardown_ms_{kind}"] = Measured(statistics.median(teardowns))
        if kind == "bubblewrap":
            found["start_ms_bubblewrap"] = Measured(statistics.median(starts), note=f"least {min(starts):.0f}")
    return found


def _once(kind: str) -> tuple[float, float]:
    engine, task = engine_of(kind), baseline_task()
    image = engine.image(task.image)
    start = time.monotonic()
    sandbox = engine.start(image, files=task.files, limits=task.limits)
    terminal = Terminal(sandbox, observation_mode="terminus2")
    ready = time.monotonic()
    sandbox.close()
    closed = time.monotonic()
    terminal.close()
    return 1000 * (ready - start), 1000 * (closed - ready)
