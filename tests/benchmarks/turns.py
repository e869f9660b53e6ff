"""What a turn costs beside the teacher and the waits that were asked for, and what a trial costs the processor."""

import os
import statistics
import time
from collections.abc import Callable

from termforge.rollout import MakeTeacher
from termforge.terminal import Terminal, processes
from tests.benchmarks.bars import Measured
from tests.benchmarks.endpoint import SCRIPT, WAITS_S
from tests.benchmarks.machine import PROC, CoreSeconds, Forks, pids_named
from tests.benchmarks.workload import (
    KINDS,
    assert_solved,
    at_once,
    baseline_task,
    config,
    engine_of,
    run,
    served,
    trials,
)

TRIALS = 5
FORK_TURNS = 200
POOL_S = 3.0
"""By then the pool has started what it keeps ahead, which is no turn's doing."""
FULL = config("full", floor_s=0.0)  # the floor is a wait that nobody asked for


def turn_ms(harbor_ms: float | None) -> dict[str, Measured]:
    """One trial at a time; the start and the grading of a trial are no turns."""
    found = {}
    with served() as (teachers, teacher_s, _):
        for kind in KINDS:
            run(trials(1), FULL, engine_of(kind), teachers, at_once(1))  # imports and connections
            teacher_s()
            overheads = [_overhead_ms(kind, teachers, teacher_s) for _ in range(TRIALS)]
            baseline = harbor_ms if kind == "docker" else None
            found[f"turn_ms_{kind}"] = Measured(statistics.median(overheads), baseline, "median of 5 trials, floor off")
    return found


def _overhead_ms(kind: str, teachers: MakeTeacher, teacher_s: Callable[[], float]) -> float:
    [trajectory] = run(trials(1), FULL, engine_of(kind), teachers, at_once(1))
    assert_solved([trajectory])
    wall_s = sum(turn.teacher_s + turn.waited_s + turn.harness_s for turn in trajectory.turns)
    return 1000 * (wall_s - teacher_s() - WAITS_S) / len(SCRIPT)


def cpu_s() -> dict[str, Measured]:
    """Core seconds of the machine, the endpoint's left out, for trials with and without grading."""
    found = {}
    with served() as (teachers, _, endpoint_pid):
        meter = CoreSeconds(without=endpoint_pid)
        for kind in KINDS:
            spent = {}
            for graded in (True, False):
                run(trials(1, graded=graded), FULL, engine_of(kind), teachers, at_once(1))
                with meter.measured() as seconds:
                    run(trials(10, graded=graded), FULL, engine_of(kind), teachers, at_once(2))
                spent[graded] = seconds[0] / 10
            found[f"cpu_s_per_trial_{kind}"] = Measured(spent[False])
            found[f"grading_cpu_s_{kind}"] = Measured(spent[True] - spent[False])
    return found


def host_processes() -> dict[str, Measured]:
    """Forks of this process, its helpers and the engine's in 200 turns, typed, waited for and looked at."""
    forks = 0
    for kind in KINDS:
        engine, task = engine_of(kind), baseline_task()
        sandbox = engine.start(engine.image(task.image))
        time.sleep(POOL_S)
        with Terminal(sandbox, observation_mode="terminus2") as terminal, Forks() as forked:
            for turn in range(FORK_TURNS):
                terminal.check()
                terminal.send(f"echo turn{turn}\n")
                terminal.wait(0.5)
                terminal.capture()
        ours = {child.pid for child in processes.descendants(PROC, os.getpid()) if child.name in ("python", "bwrap")}
        host = {os.getpid(), *ours, *pids_named("dockerd", "containerd", "containerd-shim")}
        forks += sum(parent in host for parent in forked.parents)
        sandbox.close()
    return {"host_processes_per_turn": Measured(forks / (FORK_TURNS * len(KINDS)), note=f"{forks} forks")}
