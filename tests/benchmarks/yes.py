"""What endless output costs in memory: our process, the engine's and the sandbox's tmux."""

import os
import time

from termforge.terminal import Terminal
from tests.benchmarks.bars import Measured
from tests.benchmarks.machine import pids_named, resident_mb
from tests.benchmarks.workload import KINDS, baseline_task, engine_of

SECONDS = 60.0


def memory_under_yes() -> dict[str, Measured]:
    """The most that all of them together have grown by at any second, in the worse engine."""
    growth = {kind: _growth_mb(kind) for kind in KINDS}
    note = ", ".join(f"{kind} {grown:.1f}" for kind, grown in growth.items())
    return {"memory_mb_under_yes": Measured(max(0.0, *growth.values()), note=note)}


def _growth_mb(kind: str) -> float:
    engine, task = engine_of(kind), baseline_task()
    sandbox = engine.start(engine.image(task.image))
    try:
        with Terminal(sandbox, observation_mode="clean") as terminal:
            terminal.capture()
            watched = [os.getpid(), *pids_named("tmux: server", "dockerd", "containerd", "containerd-shim")]
            before = sum(map(resident_mb, watched))
            terminal.send("yes\n")
            start, most = time.monotonic(), before
            while time.monotonic() < start + SECONDS:
                time.sleep(1.0)
                most = max(most, sum(map(resident_mb, watched)))
            terminal.send("C-c")
            terminal.capture()
            return max(most, sum(map(resident_mb, watched))) - before
    finally:
        sandbox.close()
