"""What a teacher's tests may hold, and how many there must be."""

import pytest

from termforge.images import Inventory
from termforge.synthesize import Reason, lint
from termforge.synthesize.lint import MAX_TESTS, MIN_TESTS, check_requirements
from termforge.synthesize.reply import MalformedReply

INVENTORY = Inventory(
    apt={},
    python={"pyyaml": "6.0", "numpy": "2.0", "scikit-learn": "1.5"},
    commands=(),
    modules=("yaml", "numpy", "pandas", "sklearn", "sympy", "torch", "jinja2"),
)


def written(count: int, body: str = "assert len(open('/app/x').read())", head: str = "") -> str:
    return head + "".join(f"\n\ndef test_{number}():\n    {body}\n" for number in range(count))


def refusal(tests: str) -> tuple[Reason, str] | None:
    try:
        lint.test_functions(tests, INVENTORY)
    except MalformedReply as malformed:
        return malformed.reason, malformed.detail
    return None


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (0, Reason.NO_TESTS),
        (1, Reason.TEST_COUNT),
        (MIN_TESTS - 1, Reason.TEST_COUNT),
        (MIN_TESTS, None),
        (MAX_TESTS, None),
        (MAX_TESTS + 1, Reason.TEST_COUNT),
        (300, Reason.TEST_COUNT),
    ],
)
def test_there_are_as_many_tests_as_the_prompt_asks_for(count: int, reason: Reason | None) -> None:
    assert (refusal(written(count)) or (None,))[0] is reason


@pytest.mark.parametrize(
    "body", ["print(1)", "pass", "x = 1", "assert True", "assert 'always'", "open('/app/x').read()", "idle()"]
)
def test_a_test_that_cannot_fail_is_refused_by_the_rule_of_the_gate(body: str) -> None:
    tests = written(MIN_TESTS, head="def idle():\n    return 1") + f"\n\ndef test_last():\n    {body}\n"
    assert refusal(tests) == (Reason.BAD_TEST, "asserts nothing: test_outputs.py::test_last")


@pytest.mark.parametrize("body", ["check()", "pytest.fail('no')", "raise AssertionError"])
def test_a_test_may_fail_through_a_function_of_the_file(body: str) -> None:
    head = "import pytest\n\n\ndef check():\n    assert open('/app/x').read()"
    assert refusal(written(MIN_TESTS, body, head)) is None


def test_a_test_takes_no_fixture() -> None:
    assert refusal(written(MIN_TESTS).replace("test_1()", "test_1(tmp_path)")) == (
        Reason.BAD_TEST,
        "test_1 has decorators or parameters",
    )


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("import pandas as pd; pd.read_pickle('/app/x')", "pandas.read_pickle"),
        ("from pandas import read_pickle as r", "pandas.read_pickle"),
        ("import numpy as np; np.load('/app/x', allow_pickle=True)", "allow_pickle"),
        ("yes = 1; import numpy as np; np.load('/app/x', allow_pickle=yes)", "allow_pickle"),
        ("import yaml; yaml.unsafe_load('')", "yaml.unsafe_load"),
        ("import yaml; yaml.load('', Loader=yaml.Loader)", "yaml.Loader"),
        ("import yaml; yaml.load('', Loader=yaml.UnsafeLoader)", "yaml.UnsafeLoader"),
        ("import yaml; yaml.load('', Loader=yaml.FullLoader)", "yaml.FullLoader"),
        ("from yaml import CLoader", "yaml.CLoader"),
        ("import torch; torch.load('/app/x')", "torch.load"),
        ("import torch as t; t.load('/app/x')", "torch.load"),
        ("from torch import load", "torch.load"),
        ("import sympy; sympy.sympify(open('/app/x').read())", "sympy.sympify"),
        ("import jinja2", "jinja2"),
        ("import sqlite3; sqlite3.connect('').load_extension('/app/x')", "load_extension"),
        ("import asyncio; asyncio.create_subprocess_exec('/app/x')", "asyncio.create_subprocess_exec"),
        ("import asyncio; asyncio.subprocess.run", "asyncio.subprocess"),
        ("import os as o; o.system('/app/x')", "os.system"),
        ("import os; other = os; other.execvp('/app/x', [])", "other.execvp"),
        ("import pathlib; pathlib.os.popen('/app/x')", "pathlib.os.popen"),
        ("import os; getattr(os, 'system')('/app/x')", "system"),
        ("from os import spawnl as s", "os.spawnl"),
        ("from os import *", "os.*"),
        ("from re import *", "re.*"),
        ("import builtins; builtins.exec('')", "builtins"),
        ("__builtins__.exec('')", "__builtins__"),
        ("().__class__.__base__.__subclasses__()", "__class__.__base__.__subclasses__"),
        ("import pkgutil; pkgutil.resolve_name('solution')", "pkgutil"),
        ("import sys; sys.path.insert(0, '/app')", "sys.path"),
        ("import sys as s; s.path.insert(0, '/app')", "sys.path"),
        ("from sys import path", "sys.path"),
        ("import sys; sys.modules['os']", "sys.modules"),
        ("import pytest; pytest.importorskip('solution')", "pytest.importorskip"),
        ("import pytest; pytest.main(['/app'])", "pytest.main"),
        ("pytest_plugins = ['solution']", "pytest_plugins"),
        ("import doctest; doctest.testfile('/app/x')", "doctest"),
        ("import xml.dom, subprocess", "subprocess"),
        ("eval('1')", "eval"),
        ("run = exec", "exec"),
        ("import pickle", "pickle"),
    ],
)
def test_what_would_run_the_agents_code_in_the_grader_is_refused_by_name(line: str, named: str) -> None:
    reason, detail = refusal(written(MIN_TESTS, head=line)) or (None, "")
    assert reason is Reason.UNSAFE_TEST
    assert named in detail.split(", ")


@pytest.mark.parametrize(
    "line",
    [
        "import re; re.compile('x')",
        "import yaml; yaml.safe_load(''); yaml.load('', Loader=yaml.SafeLoader)",
        "import numpy as np; np.load('/app/x', allow_pickle=False)",
        "import json; json.load(open('/app/x'))",
        "import os.path; os.path.exists('/app/x')",
        "import sqlite3; sqlite3.connect('').execute('')",
        "import numpy as np; np.trace([[1]])",
        "system = fork = Loader = 1",
        "import pathlib; getattr(pathlib.Path(), 'name', None)",
        "import sys; sys.version_info",
    ],
)
def test_what_only_resembles_it_is_not(line: str) -> None:
    assert refusal(written(MIN_TESTS, head=line)) is None


@pytest.mark.parametrize(
    "head",
    ["x = " + "-" * 100_000 + "1", "x = " + "(" * 5000, "x = " + "1" * 5000, "x = '\x00'", "x = '\ud800'", "x = ("],
)
def test_what_python_cannot_read_is_refused(head: str) -> None:
    reason, _ = refusal(written(MIN_TESTS, head=head)) or (None, "")
    assert reason is Reason.TESTS_NOT_PYTHON


@pytest.mark.parametrize(
    "section",
    ["", "\n", "None", "none\n", "N/A", "PyYAML>=6", "yaml", "- numpy\n- pyyaml", "scikit_learn", "sklearn", "pytest"],
)
def test_a_requirement_is_a_package_or_a_module_of_the_image_or_none(section: str) -> None:
    check_requirements(section, INVENTORY)


@pytest.mark.parametrize("section", ["requests", "numpy\nrequests>=2", "-e git+https://evil.example/x", "nonesuch"])
def test_what_the_image_lacks_is_refused(section: str) -> None:
    with pytest.raises(MalformedReply) as refused:
        check_requirements(section, INVENTORY)
    assert refused.value.reason is Reason.MISSING_REQUIREMENT
