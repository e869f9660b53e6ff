"""Whether verdicts depend on load: an oracle set, about half of it solvable, one at a time and 64 at once."""

from collections.abc import Sequence
from typing import Any

from termforge.forge import forge_task, usable
from termforge.images import built, recipe_of
from termforge.oracle import Oracle
from termforge.rollout import Trial
from termforge.schemas import DOMAINS, Command, Step, TerminalTask, Trajectory
from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import at_once, baseline_task, config, engine_of, run

TASKS = 64
REPEATS = 3
LAST_S = 4.0
"""Asked for by the last command of a task; the long ones take about 1.6."""


def verdicts_differing() -> dict[str, Measured]:
    """Trials whose verdict is not the same in all runs, over both wait modes; every run is compared with the first."""
    tasks = [_task(number) for number in range(TASKS)]
    differing, rates = 0, []
    for wait_mode in ("settle", "full"):
        runs = [_solved(tasks, wait_mode, concurrency) for _ in range(REPEATS) for concurrency in (1, 64)]
        rates += [sum(solved) / len(solved) for solved in runs]
        differing += sum(len(set(verdicts)) > 1 for verdicts in zip(*runs, strict=True))
    assert all(0.3 <= rate <= 0.7 for rate in rates), rates
    return {"verdicts_differing_1_vs_64": Measured(differing, note=f"solved {min(rates):.2f} to {max(rates):.2f}")}


def _solved(tasks: Sequence[TerminalTask], wait_mode: Any, concurrency: int) -> list[bool]:
    wanted = [Trial(task, 0, f"trial-{number}") for number, task in enumerate(tasks)]
    trajectories = run(wanted, config(wait_mode), engine_of("bubblewrap"), _oracle, at_once(concurrency))
    return [_is_solved(trajectory) for trajectory in trajectories]


def _oracle(trial: Trial) -> Oracle:
    return Oracle(trial.terminal_task, seed="verdicts", slip_rate=0.3)


def _is_solved(trajectory: Trajectory) -> bool:
    assert trajectory.verdict is not None, trajectory.detail
    assert trajectory.verdict.error is None, trajectory.verdict.error
    return trajectory.verdict.solved


def _task(number: int) -> TerminalTask:
    """Of eight, four are solvable: one forged, one short, two with long commands. The others end with a slip that is
    never made good: the forged one stops half-way, the rest write another number."""
    solvable, kind = number % 2 == 0, number // 2 % 4
    if kind == 0:
        return _forged(number // 8, whole=solvable)
    answer = 42 if solvable else 41
    command = f"echo {answer} > /app/out.txt\n"
    if kind > 1:
        command = f"sleep 1.5; python3 -c 'print(sum(range(10**6)) * 0 + {answer})' > /app/out.txt\n"
    steps = (_step("mkdir -p work && cd work\n", 0.3), _step(command, LAST_S))
    return baseline_task(number).model_copy(update={"solution": steps})


def _forged(number: int, *, whole: bool) -> TerminalTask:
    """Waits are cut to what a machine needs that is 64 times as busy, or full waits would take an hour."""
    domain = DOMAINS[number % len(DOMAINS)]
    skills = usable(built(recipe_of(domain)).inventory).skills
    task = forge_task(number, seed="verdicts", domain=domain, image=recipe_of(domain), skills=skills)
    assert task.solution is not None
    keys = ["".join(command.keystrokes for command in step.commands) for step in task.solution]
    kept = keys if whole else keys[: len(keys) // 2]
    steps = [*(_step(typed, 0.5) for typed in kept[:-1]), _step(kept[-1], LAST_S)]
    return task.model_copy(update={"solution": tuple(steps)})


def _step(keystrokes: str, duration_s: float) -> Step:
    return Step(analysis="a", plan="p", commands=(Command(keystrokes=keystrokes, duration_s=duration_s),))
