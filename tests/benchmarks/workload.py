"""What the benchmarks run: the baseline task, its trials, and teachers that cost nothing."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from termforge.agent.loop import AgentConfig
from termforge.agent.protocol import render
from termforge.images import recipe_of
from termforge.load import Load
from termforge.rollout import MakeTeacher, RolloutConfig, Trial, roll_out_shard
from termforge.sandbox.protocol import Engine
from termforge.schemas import Command, Domain, File, Provenance, TerminalTask, Test, Trajectory, Usage, Verifier
from termforge.slots import Slots
from termforge.stages.machine import open_engine
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.teacher import ChatMessage, Reply
from tests.benchmarks import endpoint as scripted

KINDS = ("bubblewrap", "docker")
IMAGE: Domain = "file-operations"
TESTS = b"""from pathlib import Path


def test_out():
    assert Path("/app/out.txt").read_text() == "42\\n"
"""


def engine_of(kind: str) -> Engine:
    return open_engine(kind)  # type: ignore[arg-type]


def baseline_task(number: int = 0, *, graded: bool = True) -> TerminalTask:
    verifier = Verifier(
        files=(File(path="/tests/test_out.py", content=TESTS),), tests=(Test(id="test_out.py::test_out"),)
    )
    return TerminalTask(
        image=recipe_of(IMAGE),
        instruction=f"Write 42 to /app/out.txt. ({number})\n",
        verifier=verifier if graded else None,
        provenance=Provenance(source="forge", generator="benchmark@1"),
    )  # fmt: skip


def trials(count: int, *, graded: bool = True) -> list[Trial]:
    return [Trial(baseline_task(number, graded=graded), 0, f"trial-{number}") for number in range(count)]


def config(wait_mode: Any, *, floor_s: float = 0.25) -> RolloutConfig:
    return RolloutConfig(agent=AgentConfig(observation_mode="terminus2", floor_s=floor_s), wait_mode=wait_mode)


class _Boundless(Load):
    """Sees enough cores for every trial, and no strain."""

    cores = 10_000

    def strain(self) -> float:
        return 0.0


def at_once(count: int) -> Slots:
    """So many live, whatever the load: the bound that a night finds is left out of what is measured."""
    return Slots(count, _Boundless())


def run(
    wanted: Sequence[Trial], settings: RolloutConfig, engine: Engine, teachers: MakeTeacher, slots: Slots
) -> list[Trajectory]:
    """A shard as a night runs it, its journal in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="termforge-bench-") as folder:
        return roll_out_shard(wanted, settings, engine, teachers, Path(folder) / "shard", slots=slots, on_done=_ignore)


@contextmanager
def served() -> Iterator[tuple[MakeTeacher, Callable[[], float], int]]:
    """The baseline script from an endpoint through the real client; its seconds since the last question; its pid."""
    with scripted.endpoint() as (url, pid), tempfile.TemporaryDirectory(prefix="termforge-bench-") as folder:
        choice = TeacherChoice.of(
            "hosted_vllm/scripted", api_base=f"{url}/v1", temperature=None, max_output_tokens=8192
        )
        yield choice.maker(BudgetConfig().open(folder, "benchmark")), lambda: _seconds(url), pid


class OneTurn:
    """Does the work in its first reply and confirms in its second."""

    model = "termforge/benchmark"
    context_tokens: int | None = None

    def __init__(self, pause: Callable[[], None] = lambda: None) -> None:
        """`pause` is called before the first reply."""
        self.sampling: dict[str, Any] = {}
        self._pause = pause

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return len(messages)

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        first = len(messages) == 1
        if first:
            self._pause()
        return Reply(content=ONE_TURN[0 if first else 1], usage=Usage(input_tokens=1, output_tokens=1))


ONE_TURN = (
    render("a", "p", (Command(keystrokes="echo 42 > /app/out.txt\n", duration_s=1.0),), task_complete=True),
    render("a", "p", (), task_complete=True),
)


def assert_solved(trajectories: Sequence[Trajectory]) -> None:
    wrong = [f"{one.outcome} {one.detail} {one.verdict}" for one in trajectories if one.outcome != "solved"]
    assert not wrong, f"{len(wrong)} of {len(trajectories)}: {wrong[0]}"


def _seconds(url: str) -> float:
    with urlopen(f"{url}/seconds") as answer:
        return float(json.load(answer)["seconds"])


def _ignore(done: int, attempts: object) -> None:
    pass
