"""Whether verdicts depend on load: an oracle set, about half of it solvable, one at a time and 64 at once."""

from collections.abc import Sequence
from typing import Any

from termforge.forge import forge_task
from termforge.images import built, recipe_of
from termforge.oracle import Oracle
from termforge.rollout import Trial
from termforge.schemas import DOMAINS, Command, Step, TerminalTask, Trajectory
from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import at_once, baseline_task, config, engine_of, run

TASKS = 64
REPEATS = 3


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
    """Of four: a forged one, one whose last step is left out (a slip without recovery), and two with long commands, of
    which one writes the wrong number."""
    if number % 4 < 2:
        return _forged(number, whole=number % 4 == 0)
    answer = 42 if number % 4 == 2 else 41
    long = f"sleep 2; python3 -c 'print(sum(i * i for i in range(300000)) * 0 + {answer})' > /app/out.txt\n"
    solution = (
        Step(analysis="a", plan="p", commands=(Command(keystrokes="mkdir -p work && cd work\n", duration_s=0.5),)),
        Step(analysis="a", plan="p", commands=(Command(keystrokes=long, duration_s=30.0),)),
    )
    return baseline_task(number).model_copy(update={"solution": solution})


def _forged(number: int, *, whole: bool) -> TerminalTask:
    domain = DOMAINS[number // 4 % len(DOMAINS)]
    commands = frozenset(built(recipe_of(domain)).inventory.commands)
    task = forge_task(number, seed="verdicts", domain=domain, image=recipe_of(domain), commands=commands)
    assert task.solution is not None
    return task if whole else task.model_copy(update={"solution": task.solution[:-1]})
