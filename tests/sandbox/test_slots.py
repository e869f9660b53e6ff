"""What trials come to does not depend on how many are live, nor on how that number moves."""

from itertools import cycle
from pathlib import Path

from termforge.load import Load
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, roll_out_shard, trials_of
from termforge.sandbox.protocol import Engine
from termforge.schemas import Command, File, Image, ImageRecipe, Provenance, Step, TerminalTask, Test, Verifier
from termforge.slots import Slots
from tests.sandbox.watched import Watched

TESTS = b"def test_it():\n    with open('/app/answer') as file: assert file.read() == '42\\n'\n"
TRIALS = 8


class Restless(Load):
    """A machine of one core that is calm and strained by turns."""

    cores = 1

    def __init__(self) -> None:
        super().__init__()
        self._levels = cycle((0.0, 1.0))

    def strain(self) -> float:
        return next(self._levels)


def task(number: int) -> TerminalTask:
    """Every third comes to a wrong answer, and all take longer than they are asked to be waited for."""
    command = Command(keystrokes=f"sleep 0.5; echo {41 if number % 3 == 0 else 42} > answer\n", duration_s=10.0)
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction=f"Write 42 to /app/answer. ({number})",
        verifier=Verifier(
            files=(File(path="/tests/test_outputs.py", content=TESTS),), tests=(Test(id="test_outputs.py::test_it"),)
        ),
        solution=(Step(analysis="Write.", plan="Echo.", commands=(command,)),),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def test_verdicts_are_those_of_one_trial_at_a_time(engine: Engine, image: Image, tmp_path: Path) -> None:
    trials = trials_of(map(task, range(TRIALS)), 1, "growth")

    def outcomes(slots: Slots, name: str) -> list[str]:
        trajectories = roll_out_shard(
            trials, RolloutConfig(), Watched(engine, image), lambda trial: Oracle(trial.terminal_task, seed="0"),
            tmp_path / name, slots=slots, on_done=lambda done, attempts: None,
        )  # fmt: skip
        return [trajectory.outcome for trajectory in trajectories]

    alone, together = Slots(1), Slots(TRIALS, Restless())
    expected = ["unsolved" if number % 3 == 0 else "solved" for number in range(TRIALS)]
    assert outcomes(alone, "alone") == expected
    assert outcomes(together, "together") == expected
    assert alone.gate.highest == 1
    assert together.gate.highest > 2
