"""The gates on real sandboxes: sound tasks pass them all, and each kind of unsound one is caught by the right gate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from termforge.images import Inventory
from termforge.sandbox.protocol import Engine
from termforge.schemas import (
    Command,
    File,
    GateVerdicts,
    Image,
    ImageRecipe,
    Need,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Verifier,
)
from termforge.slots import Slots
from termforge.validate import ValidationConfig, validate, validate_shard

GATES = ["needs met", "lint", "no-op fails", "oracle passes"]
INVENTORY = Inventory(apt={}, python={}, commands=())
TESTS = "def test_it():\n    with open('/app/answer') as file:\n        assert file.read() == '42\\n'\n"
SOUND = """
import os
def test_it():
    assert os.path.isfile("/app/answer"), "missing"
    assert open("/app/answer").read() == "42\\n"
"""


def solution(line: str) -> tuple[Step, ...]:
    return (Step(analysis="Write it.", plan="Echo.", commands=(Command(keystrokes=f"{line}\n", duration_s=1.0),)),)


def terminal_task(source: str = SOUND, *, test: str = "test_outputs.py::test_it", **changes: object) -> TerminalTask:
    verifier = Verifier(
        files=(File(path="/tests/test_outputs.py", content=source.encode()),),
        tests=(Test(id=test),),
    )
    fields = {
        "image": ImageRecipe(name="host", recipe=""),
        "domain": "security",
        "instruction": "Write 42 to /app/answer.",
        "verifier": verifier,
        "solution": solution("echo 42 > answer"),
        "provenance": Provenance(source="forge", generator="test@1"),
    }
    return TerminalTask(**(fields | changes))


@pytest.fixture(scope="module")
def gates(engine: Engine, image: Image) -> Callable[..., GateVerdicts]:
    """Validate on the engine, whichever image the recipe names."""

    class Anywhere:
        name, offers, start = engine.name, engine.offers, staticmethod(engine.start)

        def image(self, recipe: ImageRecipe) -> Image:
            return image

    def gates(task: TerminalTask, **config: int) -> GateVerdicts:
        return validate(task, ValidationConfig(**config), Anywhere(), INVENTORY)

    return gates


def statuses(verdicts: GateVerdicts) -> list[str]:
    assert [gate.gate for gate in verdicts.gates] == GATES
    return [gate.status for gate in verdicts.gates]


def refused(verdicts: GateVerdicts, gate: str) -> str:
    """The failing gate's words, when it is this one, those before it passed and those after it were not run."""
    place = GATES.index(gate)
    assert statuses(verdicts) == ["passed"] * place + ["failed"] + ["not run"] * (3 - place)
    assert not verdicts.sound
    assert verdicts.first_failure is not None
    return verdicts.first_failure.detail


def test_a_sound_task_passes_every_gate(gates: Callable[..., GateVerdicts]) -> None:
    task = terminal_task()
    verdicts = gates(task, oracle_runs=2)
    assert statuses(verdicts) == ["passed"] * 4
    assert verdicts.sound
    assert (verdicts.task_id, verdicts.domain, verdicts.source) == (task.id, "security", "forge")


@pytest.mark.parametrize(
    "source",
    ["def test_it(): pass", "import os\ndef test_it(): assert os.path.isdir('/app')"],
)
def test_tests_that_pass_without_work_are_refused(gates: Callable[..., GateVerdicts], source: str) -> None:
    assert refused(gates(terminal_task(source)), "no-op fails") == "passes without any work: test_outputs.py::test_it"


@pytest.mark.parametrize(
    "source",
    [
        TESTS,
        "def test_it(): undefined",
        "def test_it():\n    try: raise AssertionError\n    except AssertionError: raise KeyError",
        "import pytest\ndef test_it(): pytest.skip('AssertionError')",
    ],
)
def test_tests_that_crash_without_work_are_refused(gates: Callable[..., GateVerdicts], source: str) -> None:
    assert refused(gates(terminal_task(source)), "no-op fails").startswith(
        "does not fail by an assertion: test_outputs"
    )


def test_a_failure_that_a_test_declares_is_an_assertion_too(gates: Callable[..., GateVerdicts]) -> None:
    source = "import os, pytest\ndef test_it():\n    if not os.path.exists('/app/answer'): pytest.fail('missing')\n"
    assert gates(terminal_task(source)).sound


def test_a_solution_that_does_not_solve_is_refused(gates: Callable[..., GateVerdicts]) -> None:
    detail = refused(gates(terminal_task(solution=solution("echo 41 > answer"))), "oracle passes")
    assert "unsolved" in detail
    assert "test_outputs.py::test_it" in detail


def test_a_solution_that_closes_its_terminal_before_the_end_is_refused(gates: Callable[..., GateVerdicts]) -> None:
    assert "terminal closed" in refused(gates(terminal_task(solution=solution("exit"))), "oracle passes")


@pytest.mark.parametrize(
    ("source", "test", "words"),
    [
        (SOUND, "test_outputs.py::test_other", "no such test: test_outputs.py::test_other"),
        (SOUND, "test_elsewhere.py::test_it", "no such test: test_elsewhere.py::test_it"),
        ("def test_it(:", "test_outputs.py::test_it", "/tests/test_outputs.py is not Python"),
        ("def test_it():\0", "test_outputs.py::test_it", "/tests/test_outputs.py is not Python"),
        ("(" * 5000, "test_outputs.py::test_it", "/tests/test_outputs.py is not Python"),
        ("x = " + "-" * 50000 + "1", "test_outputs.py::test_it", "/tests/test_outputs.py is not Python"),
        ("import numpy.linalg\n" + SOUND, "test_outputs.py::test_it", "imports what the image lacks: numpy"),
        (SOUND + "    from pandas import x", "test_outputs.py::test_it", "imports what the image lacks: pandas"),
    ],
)
def test_tests_that_cannot_run_are_refused_by_reading_them(
    gates: Callable[..., GateVerdicts], source: str, test: str, words: str
) -> None:
    assert words in refused(gates(terminal_task(source, test=test)), "lint")


def test_ids_of_parametrised_tests_and_of_methods_are_found(gates: Callable[..., GateVerdicts]) -> None:
    source = (
        "import os, pytest\n@pytest.mark.parametrize('x', [1])\ndef test_it(x): assert os.path.exists('/app/answer')\n"
    )
    assert gates(terminal_task(source, test="test_outputs.py::test_it[1]")).sound
    source = "import os\nclass TestIt:\n    def test_it(self): assert os.path.exists('/app/answer')\n"
    assert gates(terminal_task(source, test="test_outputs.py::TestIt::test_it")).sound


def test_unmet_needs_are_refused_before_anything_starts(gates: Callable[..., GateVerdicts], engine: Engine) -> None:
    detail = refused(gates(terminal_task(needs=frozenset({Need.NET_ADMIN, Need.PACKAGES}))), "needs met")
    assert detail == f"the {engine.name} sandbox does not offer net_admin, packages"


def test_gates_without_anything_to_look_at_are_not_run(gates: Callable[..., GateVerdicts]) -> None:
    ungraded = gates(terminal_task(verifier=None))
    assert statuses(ungraded) == ["passed", "not run", "not run", "not run"]
    assert {gate.detail for gate in ungraded.gates[1:]} == {"the task has no tests"}
    assert ungraded.sound
    unsolved = gates(terminal_task(solution=None))
    assert statuses(unsolved) == ["passed", "passed", "passed", "not run"]
    assert unsolved.gates[3].detail == "the task has no solution"


def test_what_could_not_be_checked_is_not_sound(gates: Callable[..., GateVerdicts]) -> None:
    detail = refused(gates(terminal_task(SOUND + "raise SystemExit(0)\n")), "no-op fails")
    assert detail.startswith("infrastructure: ")


def test_a_shard_gives_one_row_a_task_in_order(engine: Engine, tmp_path: Path) -> None:
    tasks = [terminal_task(needs=frozenset({Need.PACKAGES}), instruction=str(number)) for number in range(3)]
    heard: list[int] = []

    def work() -> list[GateVerdicts]:
        return validate_shard(
            tasks, ValidationConfig(), engine, lambda task: INVENTORY, tmp_path,
            slots=Slots(2), on_done=lambda done, records: heard.append(done),
        )  # fmt: skip

    assert [verdicts.task_id for verdicts in work()] == [task.id for task in tasks]
    assert work() == work()
    assert heard == [1, 2, 3]
