"""What is said of a task without running it: what is fit passes, and each kind of unfit one has its words."""

from typing import Any

import pytest

from termforge.images import Inventory
from termforge.schemas import File, ImageRecipe, Provenance, TerminalTask, Test, Verifier
from termforge.validate import lint

INVENTORY = Inventory(apt={}, python={}, commands=(), modules=("numpy",))


def verifier(sources: dict[str, str], *ids: str) -> Verifier:
    """`sources` by path below /tests, without its ending."""
    files = (File(path=f"/tests/{path}.py", content=source.encode()) for path, source in sources.items())
    return Verifier(files=tuple(files), tests=tuple(Test(id=id) for id in ids or ("test_a.py::test_it",)))


def terminal_task(*paths: str, **changes: Any) -> TerminalTask:
    fields: dict[str, Any] = {
        "image": ImageRecipe(name="host", recipe=""),
        "instruction": "Do it.",
        "files": tuple(File(path=path, content=b"") for path in paths),
        "provenance": Provenance(source="forge", generator="test@1"),
    }
    return TerminalTask(**(fields | changes))


@pytest.mark.parametrize("path", ["/app/x", "/answer", "/usr/bin/x", "/app/" + "x" * 255, "/app" + "/y" * 2045])
def test_files_may_lie_at(path: str) -> None:
    assert lint.files_fit(terminal_task(path)) == ""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/app/" + "x" * 256, "a longer name than any file can have: /app/xxx"),
        ("/app/" + "é" * 128, "a longer name than any file can have: /app/é"),
        ("/app" + "/y" * 2046, "a longer name than any file can have: /app/y/"),
        ("/app", "a file and a folder at once: /app"),
        ("/usr", "a file and a folder at once: /usr"),
        ("/dev/x", "laid where no task may: /dev/x"),
    ],
)
def test_files_may_not_lie_at(path: str, words: str) -> None:
    assert lint.files_fit(terminal_task(path)).startswith(words)


@pytest.mark.parametrize("paths", [("/app",), ("/app", "/srv", "/root/.config"), ("/app/answer.txt",)])
def test_graded_paths_that_fit(paths: tuple[str, ...]) -> None:
    assert lint.files_fit(terminal_task(graded_paths=paths)) == ""


@pytest.mark.parametrize("path", ["", "app", "/", "/app/", "/app/../etc", "/app/./x", "/tests", "/opt", "/proc/1"])
def test_graded_paths_that_do_not(path: str) -> None:
    task = terminal_task().model_copy(update={"graded_paths": ("/app", path)})
    assert lint.files_fit(task) == f"cannot be graded: {path!r}"


def test_something_is_graded() -> None:
    assert lint.files_fit(terminal_task().model_copy(update={"graded_paths": ()})) == "no path is graded"


FAILS = "def check():\n    assert open('/app/x').read()\n"


@pytest.mark.parametrize(
    ("id", "sources"),
    [
        ("test_a.py::test_it", {"test_a": "import numpy\ndef test_it(): assert numpy"}),
        ("test_a.py::test_it", {"test_a": "from checks import check\ndef test_it(): check()", "checks": FAILS}),
        (
            "test_a.py::test_it",
            {
                "test_a": "from helpers.checks import check\ndef test_it(): check()",
                "helpers/__init__": "",
                "helpers/checks": FAILS,
            },
        ),
        ("test_a.py::test_it", {"test_a": "import checks\ndef test_it(): checks.check()", "checks": FAILS}),
        ("test_a.py::test_it", {"test_a": "def test_it(found): pass", "conftest": FAILS.replace("check", "found")}),
        ("test_a.py::test_it", {"test_a": "import numpy as np\ndef test_it(): np.testing.assert_allclose(1, 2)"}),
        (
            "test_a.py::Totals::test_it",
            {
                "test_a": "import unittest\n"
                "class Totals(unittest.TestCase):\n    def test_it(self): self.assertEqual(1, 2)"
            },
        ),
        (
            "test_a.py::TestIt::test_it",
            {
                "test_a": "class Base:\n    def test_it(self): assert self.path\n"
                "class TestMore(Base): pass\nclass TestIt(TestMore):\n    path = '/app'"
            },
        ),
        ("t/test_a.py::test_it[1]", {"t/test_a": "def test_it(n): assert n"}),
    ],
)
def test_tests_that_can_run_and_fail(id: str, sources: dict[str, str]) -> None:
    tests = verifier(sources, id)
    assert lint.tests_can_run(tests, INVENTORY) == ""
    assert lint.tests_assert(tests) == ""


@pytest.mark.parametrize(
    ("ids", "sources", "words"),
    [
        ((), {"test_a": "import helpers.checks\ndef test_it(): pass"}, "imports what the image lacks: helpers"),
        ((), {"test_a": "class TestIt(Base):\n    def test_other(self): pass"}, "no such test: test_a.py::test_it"),
        (("test_a.py::TestIt::test_it",), {"test_a": "class TestIt(TestIt): pass"}, "no such test"),
        (
            ("test_a.py::test_it", "test_a.py::test_it", "test_a.py::test_b"),
            {"test_a": "def test_it(): pass\ndef test_b(): pass"},
            "expected twice: test_a.py::test_it",
        ),
    ],
)
def test_tests_that_cannot_run(ids: tuple[str, ...], sources: dict[str, str], words: str) -> None:
    assert words in lint.tests_can_run(verifier(sources, *ids), INVENTORY)


@pytest.mark.parametrize(
    "sources",
    [
        {"test_a": "def test_it(): pass"},
        {"test_a": "def test_it(): assert True"},
        {"test_a": "from checks import idle\ndef test_it(): idle()", "checks": FAILS + "def idle(): return 1"},
        {"test_a": "class Base:\n    def other(self): assert self.x\ndef test_it(): print()"},
    ],
)
def test_tests_that_cannot_fail(sources: dict[str, str]) -> None:
    assert lint.tests_assert(verifier(sources)) == "asserts nothing: test_a.py::test_it"


@pytest.mark.parametrize(
    "line", ["import subprocess", "import importlib.util", "import pickle", "exec(open('/app/x').read())"]
)
def test_what_the_agent_left_is_run_by_run_agent_alone(line: str) -> None:
    test = f"{line}\ndef test_a(): assert open('/app/a').read() == 'a'"
    own = verifier({"test_a": test}, "test_a.py::test_a")
    assert "with the grader's rights" in lint.code_is_demoted(own)
    assert lint.code_is_demoted(own.model_copy(update={"live": True})) == ""
    beside = {"test_a": "def test_a(): assert open('/app/a').read() == 'a'", "given": line}
    assert lint.code_is_demoted(verifier(beside, "test_a.py::test_a")) == ""
