"""The gates' own doing where machines fail or an image is not there; what they find: tests/sandbox/test_validate.py."""

import time
from collections.abc import Sequence

import pytest

from termforge.errors import LimitPassed, SandboxError, TerminalError
from termforge.findings import GateResult, GateVerdicts
from termforge.images import Inventory
from termforge.rollout import RESTART_S
from termforge.sandbox.protocol import Sandbox
from termforge.schemas import File, Image, ImageRecipe, Need, Provenance, TerminalTask, Test, Verifier
from termforge.validate import ValidationConfig, validate
from termforge.validate.gates import ATTEMPTS

INVENTORY = Inventory(apt={}, python={}, commands=())
TESTS = b"def test_it():\n    assert open('/app/answer').read() == '42'\n"


class Broken:
    """An engine that starts nothing, or only what has no files."""

    name = "bubblewrap"
    offers: frozenset[Need] = frozenset()

    def __init__(self, error: Exception, *, bare: bool = False) -> None:
        self.error, self.bare, self.starts = error, bare, 0

    def image(self, recipe: ImageRecipe) -> Image:
        return Image(name=recipe.name, recipe="", digest="", inventory="")

    def start(self, image: Image, *, files: Sequence[File], **options: object) -> Sandbox:
        self.starts += 1
        if self.bare and not files:
            return Bare()  # type: ignore[return-value]
        raise self.error


class Bare:
    def close(self) -> None: ...


def terminal_task(**changes: object) -> TerminalTask:
    task = TerminalTask(
        image=ImageRecipe(name="security", recipe="0123"),
        instruction="Write 42 to /app/answer.",
        files=(File(path="/app/in", content=b"1"),),
        verifier=Verifier(
            files=(File(path="/tests/test_a.py", content=TESTS),), tests=(Test(id="test_a.py::test_it"),)
        ),
        provenance=Provenance(source="forge", generator="test@1"),
    )
    return task.model_copy(update=changes)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in place of waiting."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def verdicts(engine: Broken, task: TerminalTask, inventory: Inventory | None = INVENTORY) -> GateVerdicts:
    return validate(task, ValidationConfig(), engine, inventory)  # type: ignore[arg-type]


def failure(found: GateVerdicts) -> GateResult:
    assert found.first_failure is not None
    return found.first_failure


def test_an_engine_may_be_away_for_a_while_between_attempts(waited: list[float]) -> None:
    found = failure(verdicts(Broken(SandboxError("connection refused")), terminal_task()))
    assert (found.gate, found.detail) == ("no-op fails", "infrastructure: connection refused")
    assert found.blamed == "infrastructure"
    assert waited == [RESTART_S] * (ATTEMPTS - 1)


def test_where_a_sandbox_starts_nothing_is_waited_for(waited: list[float]) -> None:
    engine = Broken(TerminalError("tmux is gone"))
    assert failure(verdicts(engine, terminal_task())).detail == "infrastructure: tmux is gone"
    assert (waited, engine.starts) == ([], ATTEMPTS)


@pytest.mark.parametrize("error", [SandboxError("it is a folder"), LimitPassed("the disk is full")])
@pytest.mark.parametrize("graded", [True, False])
def test_files_with_which_nothing_starts_are_the_tasks_fault(
    waited: list[float], error: SandboxError, graded: bool
) -> None:
    task = terminal_task() if graded else terminal_task(verifier=None)
    found = failure(verdicts(Broken(error, bare=True), task))
    assert (found.gate, found.blamed) == ("no-op fails", "no-op fails")
    assert found.detail == f"no sandbox starts with its files: {error}"
    assert waited == []


def test_nothing_starts_for_a_task_without_tests_and_files() -> None:
    engine = Broken(SandboxError("never"))
    found = verdicts(engine, terminal_task(verifier=None, files=()))
    assert (found.sound, engine.starts) == (True, 0)
    assert {gate.detail for gate in found.gates if gate.status == "not run"} >= {"the task has no tests"}


def test_a_task_on_an_image_that_is_not_built_here_is_refused() -> None:
    engine = Broken(SandboxError("never"))
    found = verdicts(engine, terminal_task(), None)
    assert failure(found).gate == "needs met"
    assert failure(found).detail.startswith("its image 'security' is not the one built here")
    assert [gate.status for gate in found.gates[1:]] == ["not run"] * (len(found.gates) - 1)
    assert engine.starts == 0
