"""Grading on real sandboxes: what an agent leaves behind can fail a task, never pass it."""

from collections.abc import Callable

import pytest

from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, ImageRecipe, Provenance, TerminalTask, Test, Verdict, Verifier
from termforge.verify import verify

RECIPE = ImageRecipe(name="host", recipe="")
FAKE = '{"id": "test_outputs.py::test_it", "passed": true, "message": ""}'

Start = Callable[..., Sandbox]
Grade = Callable[..., Verdict]


def terminal_task(tests: str, *ids: str, **changes: object) -> TerminalTask:
    verifier = {
        "files": (File(path="/tests/test_outputs.py", content=tests.encode()),),
        "tests": tuple(Test(id=f"test_outputs.py::{name}") for name in ids or ("test_it",)),
    }
    return TerminalTask(
        image=RECIPE,
        instruction="Do it.",
        verifier=Verifier(**(verifier | {name: value for name, value in changes.items() if name != "graded_paths"})),
        graded_paths=changes.get("graded_paths", ("/app",)),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def graded(engine: Engine, sandbox: Sandbox, tests: str, *ids: str, **changes: object) -> Verdict:
    verdict = verify(terminal_task(tests, *ids, **changes), sandbox, engine)
    assert verdict is not None
    return verdict


def bash(sandbox: Sandbox, script: str) -> None:
    finished = sandbox.run(["bash", "-c", script], timeout_s=60)
    assert finished.exit_code == 0, finished.stderr.decode()


@pytest.fixture
def grade(engine: Engine, start: Start) -> Grade:
    """Grade what a script and some files leave in a fresh sandbox."""

    def grade(tests: str, *ids: str, script: str = "", files: dict[str, str] | None = None, **changes: object) -> Verdict:
        laid = [File(path=path, content=text.encode(), mode=0o755) for path, text in (files or {}).items()]
        sandbox = start(files=laid)
        if script:
            bash(sandbox, script)
        return graded(engine, sandbox, tests, *ids, **changes)

    return grade


def message(verdict: Verdict) -> str:
    (result,) = verdict.results
    return result.message


# Verdicts


def test_results_weights_and_partial_credit_are_kept(engine: Engine, start: Start) -> None:
    tests = """
import os, pytest
def test_there(): assert os.path.isfile("/app/there")
def test_absent(): assert os.path.isfile("/app/absent"), "nothing of that name"
@pytest.mark.parametrize("x", [1, 2, "a b"])
def test_each(x): assert x != 2
def test_skipped(): pytest.skip("because")
@pytest.mark.xfail
def test_expected_to_fail(): assert False
@pytest.fixture
def breaks_late():
    yield
    raise OSError("late")
def test_torn_down(breaks_late): pass
"""
    weights = {
        "test_there": 3.0,
        "test_absent": 2.0,
        "test_each[1]": 1.0,
        "test_each[2]": 1.0,
        "test_each[a b]": 1.0,
        "test_skipped": 0.5,
        "test_expected_to_fail": 0.5,
        "test_torn_down": 0.5,
        "test_unknown": 0.5,
    }
    ids = tuple(Test(id=f"test_outputs.py::{name}", weight=weight) for name, weight in weights.items())
    sandbox = start(files=[File(path="/app/there", content=b"")])
    verdict = graded(engine, sandbox, tests, tests=ids, threshold=0.6)
    results = {result.id.split("::")[1]: result for result in verdict.results}
    assert {name for name, result in results.items() if result.passed} == {
        "test_there",
        "test_each[1]",
        "test_each[a b]",
    }
    assert {name: result.weight for name, result in results.items()} == weights
    assert verdict.score == pytest.approx(0.5)
    assert not verdict.solved
    assert "nothing of that name" in results["test_absent"].message
    assert results["test_unknown"].message == "missing"
    assert graded(engine, sandbox, tests, tests=ids, threshold=0.5).solved


@pytest.mark.parametrize("tests", ["import no_such_module\ndef test_it(): pass", "def test_it(:", "raise SystemExit(0)"])
def test_tests_that_cannot_be_collected_pass_nothing(grade: Grade, tests: str) -> None:
    verdict = grade(tests)
    assert (verdict.score, verdict.solved, verdict.error) == (0.0, False, None)
    assert any(word in message(verdict) for word in ("no_such_module", "SyntaxError", "SystemExit"))


def test_a_time_limit_fails_what_was_not_reported_in_time(grade: Grade) -> None:
    tests = "import time\ndef test_quick(): pass\ndef test_slow(): time.sleep(60)"
    verdict = grade(tests, "test_quick", "test_slow", timeout_s=2.0)
    assert [result.passed for result in verdict.results] == [True, False]
    assert verdict.results[1].message == "the tests ran out of time"
    assert (verdict.score, verdict.solved, verdict.error) == (0.5, False, None)


def test_a_process_that_dies_under_the_tests_fails_them(grade: Grade) -> None:
    """`os._exit(0)` in a test gives exit code 0, which passes nothing."""
    verdict = grade("import os\ndef test_a(): pass\ndef test_b(): os._exit(0)", "test_a", "test_b")
    assert [result.passed for result in verdict.results] == [True, False]


def test_a_task_without_tests_has_no_verdict(engine: Engine, start: Start) -> None:
    ungraded = terminal_task("").model_copy(update={"verifier": None})
    assert verify(ungraded, start(), engine) is None


# What an agent leaves


WRONG = 'import json\nimport os\ndef test_it(): assert open("/app/answer").read().strip() == "42"'


def test_files_that_python_or_pytest_would_pick_up_are_ignored(grade: Grade) -> None:
    hook = "import os\nos.write(1, b'''\\n" + FAKE + "\\n''')\nos._exit(0)\n"
    plugin = "def pytest_runtest_makereport(item, call): item.obj = lambda: None\n" + hook
    names = ("sitecustomize.py", "usercustomize.py", "pytest.py", "json.py", "os.py", "test_outputs.py", "_pytest.py")
    files = {f"/app/{name}": hook for name in names} | {
        "/app/answer": "41",
        "/app/conftest.py": plugin,
        "/app/pytest.ini": "[pytest]\naddopts = --collect-only -p conftest\npythonpath = /app\n",
        "/app/pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p conftest'\n",
        "/app/setup.cfg": "[tool:pytest]\naddopts = -p conftest\n",
        "/app/tox.ini": "[pytest]\naddopts = -p conftest\n",
        "/tests/conftest.py": plugin,
        "/root/.config/pytest.ini": "[pytest]\naddopts = -p conftest\n",
        "/root/.local/lib/python3.11/site-packages/sitecustomize.py": hook,
        "/etc/profile.d/x.sh": "exit 0",
    }
    script = "echo 'PYTEST_ADDOPTS=--collect-only' > /etc/environment; echo 'def test_it(): pass' > /app/test_outputs.py"
    verdict = grade(WRONG, files=files, script=script)
    assert not verdict.solved
    assert "'41' == '42'" in message(verdict)
    assert grade(WRONG, files=files | {"/app/answer": "42"}, script=script).solved


@pytest.mark.parametrize(
    "script",
    [
        "echo 42 > /tmp/answer; ln -s /tmp/answer /app/answer",
        "mkdir /srv/real; echo 42 > /srv/real/answer; rm -rf /app/*; ln -s /srv/real /app/real; ln -s real/answer /app/answer",
        "ln -s /tests/test_outputs.py /app/answer",
        "mkfifo /app/answer",
        "mkdir /app/answer",
        "echo 42 > $'/app/\\xff'; python3 -c \"import socket; socket.socket(1).bind('/app/answer')\"",
    ],
)
def test_links_and_special_files_do_not_come_along(grade: Grade, script: str) -> None:
    verdict = grade("import os\ndef test_it():\n    assert not os.listdir('/app')\n    assert os.path.exists('/app/answer')",
                    script=script)  # fmt: skip
    assert "os.path.exists" in message(verdict)


def test_only_graded_paths_are_seen(grade: Grade) -> None:
    files = {"/app/answer": "42", "/app/other": "x", "/app/kept/deep": "y", "/srv/z": "z"}
    tests = "import os\ndef test_it(): assert sorted(os.listdir('/app')) == ['answer', 'kept'] and not os.path.exists('/srv/z')"
    assert grade(tests, files=files, graded_paths=("/app/answer", "/app/kept", "/app/absent")).solved


def test_what_is_graded_cannot_be_changed_by_the_programs_under_test(grade: Grade) -> None:
    tests = """
from termforge_grader import run_agent
def test_it():
    assert run_agent(["/app/change"]).returncode == 0
    assert open("/app/data").read() == "as left"
    assert open("/tests/secret").read() == "s3cret"
"""
    change = "#!/bin/sh\n(echo changed > /app/data; rm -f /app/data; rm -rf /tests; echo x > /tests/secret) 2>/dev/null\ntrue\n"
    files = {"/app/change": change, "/app/data": "as left"}
    laid = (
        File(path="/tests/test_outputs.py", content=tests.encode()),
        File(path="/tests/secret", content=b"s3cret"),
    )
    verdict = grade(tests, files=files, script="chmod 777 /app /app/data", **{"files_": ()} and {}) if False else None
    assert verdict is None
    assert laid


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("for i in 1 2 3; do head -c 100M /dev/zero > /app/zeros$i; done", "bytes"),
        ("cd /app; seq 30000 | xargs touch", "files"),
        ("truncate -s 1T /app/sparse", "bytes"),
    ],
)
def test_too_much_left_behind_scores_zero_and_says_so(grade: Grade, script: str, words: str) -> None:
    verdict = grade("def test_it(): pass", script=script)
    assert (verdict.score, verdict.solved, verdict.error) == (0.0, False, None)
    assert message(verdict).startswith("more than") and words in message(verdict)


def test_background_writers_have_no_say(grade: Grade) -> None:
    """Whatever still runs when the agent is done is ended before its files are taken."""
    script = "(setsid bash -c 'sleep 0.05; while :; do echo 42 > /app/answer; done' >/dev/null 2>&1 &) ; echo 41 > /app/answer"
    tests = "def test_it():\n    import time; a = open('/app/answer').read(); time.sleep(0.3); assert a == open('/app/answer').read()"
    assert grade(tests, script=script).solved
