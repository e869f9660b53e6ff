"""Ids read from a text are those that pytest reports."""

import subprocess
import sys
from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.pytest_ids import parse
from termforge.harbor.pytest_ids import test_ids as ids_of
from tests.unit.harbor.folders import imported

SOURCE = """
import unittest
import pytest

def helper(): ...
def test_plain(tmp_path): ...
@pytest.mark.parametrize("name", ["a", "b c", "ü\\n", None, 1.5, True, (1, 2)])
def test_one(name): ...
@pytest.mark.parametrize("x, y", [(1, "p"), (2, [3])])
@pytest.mark.parametrize(("z",), [(0,), (-1,)])
def test_two(x, y, z): ...
@pytest.mark.parametrize("x", [1, 2], ids=["first", "second"])
@pytest.mark.timeout(5)
def test_named(x): ...
class TestGroup:
    def test_in_class(self): ...
    @staticmethod
    def not_one(): ...
class Group(unittest.TestCase):
    def test_in_case(self): ...
class Other:
    def test_nobody_collects(self): ...
"""


def test_ids_are_those_that_pytest_reports(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SOURCE)
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", "/dev/null", "--rootdir", ".", "test_it.py"]
    shown = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    reported = [line for line in shown.splitlines() if "::" in line]
    assert list(ids_in("test_it.py", SOURCE.encode())) == reported


def ids_in(path: str, source: bytes) -> tuple[str, ...]:
    return ids_of(path, parse(path, source, {"checks", "test_it"}))


PARAMETRIZED = "import pytest\nL = [1]\n@pytest.mark.parametrize({}, {})\ndef test_x(a, b=1): ..."


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def test_x(:", "is not Python"),
        ("import pytest\n@pytest.mark.skip\ndef test_x(): ...", ":2: a test under pytest.mark.skip need not pass"),
        ("import pytest\n@pytest.mark.xfail()\ndef test_x(): ...", ":2: "),
        (PARAMETRIZED.format("'a'", "L"), ":3: parameters that are not literal"),
        (PARAMETRIZED.format("'a'", "[1, 1]"), ":3: ids of parameters must differ"),
        (PARAMETRIZED.format("'a, b'", "[(1,)]"), ":3: there are not as many values"),
        ("import pytest\n@pytest.fixture(params=[1])\ndef a(): ...", ":2: a fixture with parameters"),
        ("pytestmark = 1", ":1: marks of a whole module"),
        ("async def test_x(): ...", ":1: an asynchronous test"),
        ("class TestX(Base):\n    def test_x(self): ...", ":1: TestX may inherit"),
        ("def pytest_generate_tests(metafunc): ...", ":1: pytest_generate_tests may change"),
        ("collect_ignore = []", ":1: marks of a whole module, and what else"),
        ("if 1:\n    def test_x(): ...", ":2: only running tells"),
        ("class TestX:\n    try:\n        def test_x(self): ...\n    finally: ...", ":3: only running tells"),
        ("import unittest\nif 1:\n    class A(unittest.TestCase): ...", ":3: only running tells"),
        ("for x in []:\n    class TestX: ...", ":2: only running tells"),
        ("class TestX:\n    class TestY:\n        def test_x(self): ...", ":2: tests of a class in a class"),
        ("from checks import *", ":1: tests of another file are imported"),
        ("from checks import hard as test_hard", ":1: tests of another file are imported"),
        ("from .deep import TestHard", ":1: tests of another file are imported"),
        ("test_x = lambda: None", ":1: a test is given another name"),
        ("import checks\ntest_x = checks.test_hard", ":2: a test is given another name"),
        ("from unittest import TestCase\nclass A(TestCase): ...\nclass B(A): ...", ":3: B may inherit"),
    ],
)
def test_what_only_running_could_tell_is_refused(source: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"tests/test_it.py.*{reason}"):
        ids_in("test_it.py", source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "from checks import read",
        "from math import *",
        "from unittest import TestCase",
        "if 1:\n    def helper(): ...",
        "test_data = {}",
    ],
)
def test_what_adds_no_test_is_read(source: str) -> None:
    assert ids_in("test_it.py", f"{source}\ndef test_a(): ...".encode()) == ("test_it.py::test_a",)


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("data/blob.py", "\0", "tests/data/blob.py: is not Python"),
        ("helper.py", "def f(x): return f'{x['a']}'", "tests/helper.py: is not Python"),
        ("pytest.ini", "", "tests/pytest.ini: pytest's settings"),
        ("setup.cfg", "[tool:pytest]", "tests/setup.cfg: pytest's settings"),
        ("conftest.py", "def pytest_collection_modifyitems(items): ...", "tests/conftest.py:1: pytest_collection"),
        ("conftest.py", "collect_ignore_glob = ['*']", "tests/conftest.py:1: marks"),
    ],
)
def test_files_beside_the_tests_are_looked_at_too(tmp_path: Path, path: str, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        imported(tmp_path, {f"tests/{path}": text})


def test_settings_of_something_else_lie_beside_the_tests(tmp_path: Path) -> None:
    assert imported(tmp_path, {"tests/pyproject.toml": "[project]\n"})
