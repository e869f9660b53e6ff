"""The gates on real sandboxes: sound tasks pass them all, and each kind of unsound one is caught by the right gate."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from termforge.curate import decontaminate
from termforge.findings import GateVerdicts
from termforge.images import Inventory
from termforge.sandbox.protocol import Engine
from termforge.schemas import (
    Command,
    File,
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
from termforge.validate import gates as validation
from termforge.verify import Left, verify_files

GATES = [
    "needs met",
    "lint",
    "tests assert",
    "not contaminated",
    "not a near-duplicate",
    "no-op fails",
    "oracle passes",
    "steady",
    "cheaters fail",
    "mutants die",
]
RIGHT = "assert os.path.exists('/app/answer') and open('/app/answer').read() == '42\\n'"
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

    def gates(task: TerminalTask, *, duplicate_of: str = "", **config: int) -> GateVerdicts:
        return validate(
            task, ValidationConfig(**{"mutants": 9} | config), Anywhere(), INVENTORY, duplicate_of=duplicate_of
        )

    return gates


def statuses(verdicts: GateVerdicts) -> list[str]:
    assert [gate.gate for gate in verdicts.gates] == GATES
    return [gate.status for gate in verdicts.gates]


def refused(verdicts: GateVerdicts, gate: str) -> str:
    """The failing gate's words, when it is this one, those before it passed and those after it were not run."""
    place = GATES.index(gate)
    assert statuses(verdicts) == ["passed"] * place + ["failed"] + ["not run"] * (len(GATES) - 1 - place)
    assert not verdicts.sound
    assert verdicts.first_failure is not None
    return verdicts.first_failure.detail


def test_a_sound_task_passes_every_gate(gates: Callable[..., GateVerdicts]) -> None:
    task = terminal_task()
    verdicts = gates(task)
    assert statuses(verdicts) == ["passed"] * len(GATES)
    assert verdicts.kill_rate == 1.0
    assert verdicts.sound
    assert (verdicts.task_id, verdicts.domain, verdicts.source) == (task.id, "security", "forge")


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef test_it(): assert os.path.isdir('/app')",
        "def test_it():\n    for line in []: assert line",
    ],
)
def test_tests_that_pass_without_work_are_refused(gates: Callable[..., GateVerdicts], source: str) -> None:
    assert refused(gates(terminal_task(source)), "no-op fails") == "passes without any work: test_outputs.py::test_it"


@pytest.mark.parametrize(
    "source",
    [
        TESTS,
        "def test_it():\n    undefined\n    assert undefined",
        "def test_it():\n    try: raise AssertionError\n    except AssertionError: raise KeyError",
        "import pytest\ndef test_it():\n    pytest.skip('AssertionError')\n    pytest.fail('never')",
    ],
)
def test_tests_that_crash_without_work_are_refused(gates: Callable[..., GateVerdicts], source: str) -> None:
    assert refused(gates(terminal_task(source)), "no-op fails").startswith(
        "does not fail by an assertion: test_outputs"
    )


def test_a_failure_that_a_test_declares_is_an_assertion_too(gates: Callable[..., GateVerdicts]) -> None:
    source = (
        "import os, pytest\ndef test_it():\n    if not os.path.exists('/app/answer'): pytest.fail('no')\n    " + RIGHT
    )
    assert gates(terminal_task(source)).sound


def test_a_solution_that_does_not_solve_is_refused(gates: Callable[..., GateVerdicts]) -> None:
    detail = refused(gates(terminal_task(solution=solution("echo 41 > answer"))), "oracle passes")
    assert "unsolved" in detail
    assert "test_outputs.py::test_it" in detail


def test_a_busy_machine_is_no_fault_of_a_solution(gates: Callable[..., GateVerdicts]) -> None:
    line = "sleep 1; echo 42 > answer"
    slow = Step(analysis="Write it.", plan="Wait.", commands=(Command(keystrokes=f"{line}\n", duration_s=0.4),))
    assert gates(terminal_task(solution=(slow,)), mutants=0).sound


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
    source = "import os, pytest\n@pytest.mark.parametrize('x', [1])\ndef test_it(x): " + RIGHT
    assert gates(terminal_task(source, test="test_outputs.py::test_it[1]")).sound
    source = "import os\nclass TestIt:\n    def test_it(self): " + RIGHT
    assert gates(terminal_task(source, test="test_outputs.py::TestIt::test_it")).sound
    source = source.replace("TestIt", "Base") + "\nclass TestIt(Base): pass"
    assert gates(terminal_task(source, test="test_outputs.py::TestIt::test_it")).sound


def test_tests_may_use_unittest_and_a_package_of_their_own(gates: Callable[..., GateVerdicts]) -> None:
    helpers = {"/tests/helpers/__init__.py": "", "/tests/helpers/checks.py": SOUND.replace("test_it", "check")}
    source = (
        "import os, unittest\nfrom helpers.checks import check\ndef test_it(): check()\n"
        "class It(unittest.TestCase):\n    def test_it(self):\n"
        "        self.assertTrue(os.path.exists('/app/answer'))\n"
        "        self.assertEqual(open('/app/answer').read(), '42\\n')\n"
    )
    laid = {"/tests/test_outputs.py": source, **helpers}
    verifier = Verifier(
        files=tuple(File(path=path, content=content.encode()) for path, content in laid.items()),
        tests=tuple(Test(id=f"test_outputs.py::{name}") for name in ("test_it", "It::test_it")),
    )
    assert gates(terminal_task(verifier=verifier)).sound


def test_unmet_needs_are_refused_before_anything_starts(gates: Callable[..., GateVerdicts], engine: Engine) -> None:
    detail = refused(gates(terminal_task(needs=frozenset({Need.NET_ADMIN, Need.PACKAGES}))), "needs met")
    assert detail == f"the {engine.name} sandbox does not offer net_admin, packages"


def test_gates_without_anything_to_look_at_are_not_run(gates: Callable[..., GateVerdicts]) -> None:
    ungraded = gates(terminal_task(verifier=None))
    assert not_run(ungraded) == set(GATES) - {"needs met", "not contaminated", "not a near-duplicate"}
    assert ungraded.sound
    unsolved = gates(terminal_task(solution=None))
    assert not_run(unsolved) == {"oracle passes", "steady", "mutants die"}
    assert unsolved.gates[6].detail == "the task has no solution"
    assert not_run(gates(terminal_task(), oracle_runs=1, mutants=0)) == {"steady", "mutants die"}


def test_an_empty_solution_is_none(gates: Callable[..., GateVerdicts]) -> None:
    assert not_run(gates(terminal_task(solution=()))) == {"oracle passes", "steady", "mutants die"}


def test_mutants_that_cannot_be_made_are_not_run(gates: Callable[..., GateVerdicts]) -> None:
    source = "import os\ndef test_it(): assert os.listdir('/app') == ['kept']"
    laid = tuple(File(path=f"/app/{name}", content=b"1") for name in ("kept", "gone"))
    verdicts = gates(terminal_task(source, instruction="Tidy up.", files=laid, solution=solution("rm gone")))
    assert not_run(verdicts) == {"cheaters fail", "mutants die"}
    assert verdicts.gates[-1].detail == "there is nothing to mutate"


def not_run(verdicts: GateVerdicts) -> set[str]:
    return {gate.gate for gate in verdicts.gates if gate.status == "not run"}


@pytest.mark.parametrize(
    "source",
    [
        "def test_it(): pass",
        "def test_it():\n    found = open('/app/answer').read() == '42'\n",
        "def test_it(): assert True\n",
        "def check():\n    return 42\ndef test_it():\n    check()\n",
    ],
)
def test_tests_that_assert_nothing_are_found(gates: Callable[..., GateVerdicts], source: str) -> None:
    assert refused(gates(terminal_task(source)), "tests assert") == "asserts nothing: test_outputs.py::test_it"


def test_an_assertion_in_a_function_that_a_test_calls_counts(gates: Callable[..., GateVerdicts]) -> None:
    source = SOUND.replace("def test_it", "def check") + "def through():\n    check()\ndef test_it():\n    through()\n"
    assert gates(terminal_task(source)).sound


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instruction": " \n"}, "the instruction is empty"),
        ({"files": (File(path="/tests/x", content=b""),)}, "laid where no task may: /tests/x"),
        ({"files": (File(path="/app/x", content=b""),) * 2}, "laid twice: /app/x"),
        ({"files": tuple(File(path=f"/app/{name}", content=b"") for name in ("x", "x/y"))}, "and a folder at once"),
        ({"files": (File(path="/app/x", content=bytes(17 << 20)),)}, "larger than"),
        ({"solution": solution("cd /tmp && curl -s http://example.org > x")}, "the solution types"),
        ({"solution": solution("pip install numpy")}, "the solution types"),
        ({"source": "import urllib.request\n" + SOUND}, "imports urllib.request"),
    ],
)
def test_tasks_of_an_unfit_form_are_refused_by_reading_them(
    gates: Callable[..., GateVerdicts], changes: dict[str, object], words: str
) -> None:
    assert words in refused(gates(terminal_task(**changes)), "lint")


def test_a_benchmarks_words_are_found(gates: Callable[..., GateVerdicts], monkeypatch: pytest.MonkeyPatch) -> None:
    words = "write the answer to everything that was ever asked into the file named answer in app"
    index = decontaminate.load(decontaminate.build([words], "made up"), "made up")
    monkeypatch.setattr(validation, "terminal_bench_2", lambda: index)
    task = terminal_task(instruction=f"Please {words}. The number is 42.")
    assert refused(gates(task), "not contaminated").startswith("instruction: 3 grams")


def test_a_near_duplicate_is_refused_with_the_earlier_task(gates: Callable[..., GateVerdicts]) -> None:
    assert "0123456789abcdef" in refused(
        gates(terminal_task(), duplicate_of="0123456789abcdef"), "not a near-duplicate"
    )


def test_an_order_that_only_one_interpreter_has_is_found(
    gates: Callable[..., GateVerdicts], engine: Engine, image: Image
) -> None:
    """Bubblewrap's graders share a hash seed until their nest ends: what they expect looks steady from inside."""
    words = ["ash", "beech", "cedar", "elm", "fir", "hazel", "lime", "maple", "oak", "pine"]
    order = f"import os\ndef test_it():\n    order = ' '.join(list(set({words})))\n    "
    asking = terminal_task(order + "assert os.path.exists('/app/answer'), f'<{order}>'")
    assert asking.verifier is not None
    verdict = verify_files(asking, asking.verifier, Left(), image, engine)
    (shown,) = set(re.findall(r"<([a-z ]+)>", verdict.results[0].message))
    source = order + "assert os.path.exists('/app/answer') and open('/app/answer').read() == order"
    task = terminal_task(source, solution=solution(f"printf %s '{shown}' > answer"))
    if engine.name == "docker":  # where every grader has a hash seed of its own
        assert refused(gates(task), "oracle passes").startswith("unsolved")
    else:
        why = refused(gates(task), "steady")
        assert why.startswith("passed at first, but not in run 2 in a new interpreter: unsolved")
        assert why.endswith("test_outputs.py::test_it")


def test_files_that_cannot_be_laid_are_the_tasks_fault(gates: Callable[..., GateVerdicts]) -> None:
    laid = (File(path="/usr/bin", content=b"x"),)
    for task in (terminal_task(files=laid), terminal_task(files=laid, verifier=None)):
        failure = gates(task).first_failure
        assert failure is not None
        assert (failure.gate, failure.blamed) == ("no-op fails", "no-op fails")
        assert failure.detail.startswith("no sandbox starts with its files: ")


def test_a_flaky_task_is_found(gates: Callable[..., GateVerdicts]) -> None:
    source = SOUND.replace("import os", "import os, random") + "    assert random.random() < 0.5, 'bad luck'\n"
    found = [gates(terminal_task(source), oracle_runs=12, mutants=0).first_failure for _ in range(3)]
    assert {failure.gate for failure in found if failure} <= {"oracle passes", "steady"}
    assert None not in found


@pytest.mark.parametrize(
    ("test", "cheat"),
    [
        ("assert os.path.exists('/app/answer')", "empty files pass"),
        ("assert os.path.exists('/app/answer') and open('/app/answer').read(2)", "the instruction pass"),
        ("assert os.path.exists('/app/answer') and '42' in open('/app/answer').read()", "the instruction pass"),
        ("assert os.path.exists('/app/answer') and 'in' in open('/app/answer').read(5)", "copied input 1 pass"),
    ],
)
def test_tests_that_a_cheater_passes_are_refused(gates: Callable[..., GateVerdicts], test: str, cheat: str) -> None:
    task = terminal_task(
        f"import os\ndef test_it(): {test}",
        files=(File(path="/app/question", content=b"in 1979"),),
        solution=solution("echo in 42 > answer"),
    )
    assert refused(gates(task), "cheaters fail").startswith(cheat)


def test_cheaters_of_a_task_without_solution_go_by_the_paths_it_names(gates: Callable[..., GateVerdicts]) -> None:
    task = terminal_task("import os\ndef test_it(): assert os.path.exists('/app/answer')", solution=None)
    failure = gates(task).first_failure
    assert failure is not None
    assert failure.gate == "cheaters fail"
    assert failure.detail.startswith("empty files pass")


EXISTS = "import os\ndef test_it():\n    assert os.path.exists('/app/answer')\n    "


def test_a_cheater_sets_the_mode_of_a_new_file(gates: Callable[..., GateVerdicts]) -> None:
    source = EXISTS + "assert os.access('/app/answer', os.X_OK)"
    task = terminal_task(source, solution=solution("echo 42 > answer; chmod +x answer"))
    assert refused(gates(task), "cheaters fail").startswith("empty files pass")


def test_changing_a_mode_is_work_that_no_cheater_does(gates: Callable[..., GateVerdicts]) -> None:
    source = EXISTS + "assert os.access('/app/answer', os.X_OK)"
    laid = (File(path="/app/answer", content=b"42\n"),)
    assert gates(terminal_task(source, files=laid, solution=solution("chmod +x answer"))).sound


@pytest.mark.parametrize(("kind", "cheat"), [(dict, "an empty object"), (list, "an empty list")])
def test_json_without_anything_in_it_earns_nothing(gates: Callable[..., GateVerdicts], kind: type, cheat: str) -> None:
    source = (
        "import json, os\ndef test_it():\n    assert os.path.exists('/app/x.json')\n"
        "    text = open('/app/x.json').read()\n    assert text[:1] in ('{', '[')\n"
        f"    assert isinstance(json.loads(text), {kind.__name__})"
    )
    right = "'{\"a\": 42}'" if kind is dict else "'[42]'"
    found = gates(terminal_task(source, solution=solution(f"echo {right} > x.json")))
    assert refused(found, "cheaters fail") == f"{cheat} pass: test_outputs.py::test_it"


def test_an_answer_among_the_inputs_is_found_behind_longer_ones(gates: Callable[..., GateVerdicts]) -> None:
    source = EXISTS + "assert open('/app/answer').read().split() == open('/app/ref/.expected').read().split()"
    laid = (File(path="/app/ref/.expected", content=b"42"), File(path="/app/long", content=b"1\n" * 99))
    assert refused(gates(terminal_task(source, files=laid)), "cheaters fail").startswith("copied input 2 pass")


def test_a_copy_may_be_a_part_of_the_work_but_not_all_of_it(gates: Callable[..., GateVerdicts]) -> None:
    copied = "def test_copy():\n    assert os.path.exists('/app/copy') and open('/app/copy').read() == '1\\n'\n"
    laid = (File(path="/app/in", content=b"1\n"),)
    tests = tuple(Test(id=f"test_outputs.py::test_{name}") for name in ("it", "copy"))
    both = Verifier(files=(File(path="/tests/test_outputs.py", content=(SOUND + copied).encode()),), tests=tests)
    task = terminal_task(files=laid, verifier=both, solution=solution("cp in copy; echo 42 > answer"))
    assert gates(task).sound
    task = terminal_task("import os\n" + copied, test=tests[1].id, files=laid, solution=solution("cp in copy"))
    assert refused(gates(task), "cheaters fail").startswith("copied input 1 pass")


TABLE = "printf 'id,n\\n1,20\\n2,30\\n3,40\\n' > answer"
LINES = EXISTS + "rows = open('/app/answer').read().split('\\n')\n    "


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param(LINES + "assert rows[0] == 'id,n' and len(rows) > 1", TABLE, id="its header"),
        pytest.param(
            LINES + "assert rows[0] == 'id,n' and rows[1:] == sorted(rows[1:-1]) + ['']", TABLE, id="its order"
        ),
        pytest.param(LINES + "assert ','.join(rows[0].split(',')) == 'id,n'", TABLE, id="itself"),
        pytest.param(EXISTS + "assert open('/app/answer').read().strip().isdigit()", "echo 42 > answer", id="its type"),
        pytest.param(
            EXISTS + "assert open('/app/answer').read().strip().isdigit()",
            "cat > answer <<'E'\n42\nE",
            id="the type of what was typed",
        ),
    ],
)
def test_tests_that_look_at_no_value_are_refused(gates: Callable[..., GateVerdicts], source: str, line: str) -> None:
    task = terminal_task(source, instruction="Do it.", solution=solution(line))
    assert refused(gates(task), "mutants die").startswith("0% of the mutants die; ")


def test_tests_that_let_mutants_live_are_refused(gates: Callable[..., GateVerdicts]) -> None:
    """They look at the first line of four."""
    source = SOUND.replace(".read() ==", ".readline() ==")
    task = terminal_task(source, solution=solution("printf '42\\n1\\n2\\n3\\n' > answer; echo 7 > other"))
    verdicts = gates(task)
    assert "truncated result (/app/answer)" in refused(verdicts, "mutants die")
    assert {mutant.fate for mutant in verdicts.mutants} == {"killed", "survived"}
    assert verdicts.kill_rate is not None
    assert verdicts.kill_rate < 0.6


def test_a_mutant_without_effect_says_nothing_about_the_tests(gates: Callable[..., GateVerdicts]) -> None:
    idle = Step(analysis="a", plan="p", commands=(Command(keystrokes="echo 42 > /tmp/x\n"),))
    verdicts = gates(terminal_task(solution=(idle, *solution("echo 42 > answer"))))
    equivalent = [mutant for mutant in verdicts.mutants if mutant.fate == "equivalent"]
    assert {(mutant.kind, mutant.what.split(",")[0]) for mutant in equivalent} == {
        ("dropped step", "step 1"),
        ("perturbed constant", "step 1"),
    }
    assert verdicts.kill_rate == 1.0


def test_what_could_not_be_checked_is_not_sound(gates: Callable[..., GateVerdicts]) -> None:
    detail = refused(gates(terminal_task(SOUND + "raise SystemExit(0)\n")), "no-op fails")
    assert detail.startswith("infrastructure: ")


def test_a_shard_gives_one_row_a_task_in_order(engine: Engine, tmp_path: Path) -> None:
    tasks = [terminal_task(needs=frozenset({Need.PACKAGES}), instruction=str(number)) for number in range(3)]
    heard: list[int] = []

    def work() -> list[GateVerdicts]:
        return validate_shard(
            tasks, ValidationConfig(), engine, {tasks[0].image: INVENTORY}, tmp_path,
            duplicates={}, slots=Slots(2), on_done=lambda done, records: heard.append(done),
        )  # fmt: skip

    assert [verdicts.task_id for verdicts in work()] == [task.id for task in tasks]
    assert work() == work()
    assert heard == [1, 2, 3]
