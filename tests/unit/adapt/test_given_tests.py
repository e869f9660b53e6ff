"""Tests in the forms of their sources, played against programs without a sandbox: only the way to another user is not
the grader's."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from termforge.adapt.code import KIND, whole_program
from termforge.adapt.given_tests import function_checks, program_cases
from termforge.adapt.kind import task_of
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.images import HOST

GRADER = '''
import os, sys
from types import SimpleNamespace

def run_agent(argv, stdin="", timeout_s=10):
    """A fork instead of a program of its own: some thousand calls are then a matter of seconds."""
    (our_in, their_in), (their_out, our_out) = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(our_in, 0), os.dup2(our_out, 1), os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.close(their_in), os.close(their_out)
        sys.stdin, code = open(0, closefd=False), 0
        sys.stdout = open(1, "w", closefd=False)
        try:
            exec(compile(argv[2] if argv[1] == "-c" else open(argv[1]).read(), "x", "exec"), {"__name__": "__main__"})
        except BaseException as error:
            code = 1
            sys.stdout.write(repr(error))
        sys.stdout.flush()
        os._exit(code)
    os.close(our_in), os.close(our_out)
    with open(their_in, "w") as pipe:
        pipe.write(stdin)
    with open(their_out) as pipe:
        said = pipe.read()
    return SimpleNamespace(returncode=os.waitpid(child, 0)[1], stdout=said, stderr=said)
'''
PLAYED = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import candidate
folder = pathlib.Path(sys.argv[1])
candidate.PROGRAM, candidate.CALLER = str(folder / "solution.py"), candidate.CALLER.replace("/app", str(folder))
for checks, program in json.load(sys.stdin):
    pathlib.Path(candidate.PROGRAM).write_text(program)
    space = {}
    try:
        exec(checks, space)
        for test in [name for name in space if name.startswith("test_")]:
            space[test]()
        print(json.dumps(""), flush=True)
    except BaseException as error:
        print(json.dumps(repr(error)), flush=True)
"""


class Case(NamedTuple):
    name: str
    tests: str
    program: str
    entry_point: str | None = "f"
    text: str = "Write f."


def check(*lines: str) -> str:
    return "\n    ".join(("def check(candidate):", *lines)) + "\n"


def io(given: str, expected: str) -> str:
    return json.dumps({"inputs": [given], "outputs": [expected]})


def functional(given: str, expected: str) -> str:
    return json.dumps([{"input": given, "output": expected, "testtype": "functional"}])


METHOD = "class Solution:\n    def f(self, a, b):\n        "
RIGHT = [
    Case("-inf", check("assert candidate([]) == float('-inf')"), "def f(x): return max(x, default=float('-inf'))"),
    Case("nan", check("assert candidate(0) != candidate(0)"), "def f(x): return float('nan')"),
    Case("inf given", check("assert candidate(float('inf')) == 1"), "def f(x): return 1 if x > 10**400 else 0"),
    Case("Counter", check("assert candidate('aa') == {'a': 2}"), "import collections\nf = collections.Counter"),
    Case(
        "defaultdict",
        check("assert candidate(1) == {1: [2]}"),
        "from collections import defaultdict\ndef f(x):\n    d = defaultdict(list)\n    d[x].append(2)\n    return d",
    ),
    Case("range", check("assert list(candidate(3)) == [0, 1, 2]"), "def f(x): return range(x)"),
    Case("generator", check("assert list(candidate(3)) == [0, 1, 2]"), "def f(x): yield from range(x)"),
    Case("Decimal", check("assert candidate('1.5') == 1.5"), "from decimal import Decimal\nf = Decimal"),
    Case("tuples", check("assert candidate((1, 2)) == {(1, 2): {3}}"), "def f(x): return {x: {3}}"),
    Case("bytes", check("assert candidate(b'a\\xff') == b'\\xffa'"), "def f(x): return x[::-1]"),
    Case("in place", check("a = [3, 1]", "candidate(a)", "assert a == [1, 3]"), "def f(x): x.sort()"),
    Case("a dict in place", check("a = {}", "candidate(a)", "assert a == {1: 2}"), "def f(x): x[1] = 2"),
    Case(
        "ValueError",
        check("try:", "    candidate(-1)", "    assert False", "except ValueError:", "    pass"),
        "class Bad(ValueError): pass\ndef f(x): raise Bad(x)",
    ),
    Case(
        "dataclass",
        check("assert candidate(3) == 6"),
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x * 2",
    ),
    Case(
        "the check calls the function by its name",
        check("assert candidate(1) == f(1)"),
        "def f(x): return x + 1",
        text="def f(x):\n    '''More.'''",
    ),
    Case("assertions", "assert f(1) == 2\nassert f(2) == 3", "def f(x): return x + 1"),
    Case("assertions, no name", "import math\nassert math.isclose(g(1), 2)", "def g(x): return x + 1", None),
    Case("a list of assertions", json.dumps(["assert g(1) == 2"]), "def g(x): return x + 1", None),
    Case("fn_name", '{"fn_name": "f", "inputs": [[1, 2]], "outputs": [[3]]}', "def f(a, b): return a + b", None),
    Case("functional", functional("[1, 2]\n4", "5"), f"{METHOD}return 5", None, f"{METHOD}..."),
    Case("pairs", functional("[1]", "[[1, 2]]"), "def f(x): return [(1, 2)]"),
    Case("decimals", io("", "x 0.3333333"), "print('x', 1 / 3)", None),
    Case("blanks at ends", io("1", "1 2 \n\n"), "print('1 2')", None),
]
WRONG = [
    Case("raises where it should return", check("assert candidate(1) is None"), "def f(x): raise ValueError(x)"),
    Case("no plain value", check("assert candidate(1)"), "def f(x): return object()"),
    Case("SystemExit", check("candidate(1)"), "def f(x): raise SystemExit(0)"),
    Case("another exception", check("try:", "    candidate(1)", "except ValueError:", "    pass"), "def f(x): [][0]"),
    Case("functional", functional("[1, 2]\n4", "5"), f"{METHOD}return 6", None, f"{METHOD}..."),
    Case("assertions", "assert f(1) == 2", "def f(x): return x"),
    Case(
        "equal to everything", check("assert candidate(1) == 7"), "class A(int):\n    __eq__ = lambda *_: True\nf = A"
    ),
    Case("another whole number", io("", "1000000007"), "print(1000000008)", None),
    Case("too far", io("", "0.333"), "print(0.334)", None),
    Case("another line", io("", "a\nb"), "print('a b')", None),
]


def complaints(played: list[tuple[Prompt, str]], folder: Path) -> list[str]:
    """For each prompt and program what the task's tests say against it."""
    checks = []
    for prompt, program in played:
        verifier = task_of(KIND, prompt, HOST).verifier
        assert verifier is not None, prompt
        checks.append((verifier.files[0].content.decode(), program))
    (folder / "candidate.py").write_bytes(verifier.files[1].content)
    (folder / "termforge_grader.py").write_text(GRADER)
    argv = [sys.executable, "-c", PLAYED, str(folder)]
    ended = subprocess.run(argv, input=json.dumps(checks), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def played(cases: list[Case], folder: Path) -> dict[str, str]:
    prompts = [Prompt(case.text, "s", "1", tests=case.tests, entry_point=case.entry_point) for case in cases]
    programs = [case.program for case in cases]
    said = complaints(list(zip(prompts, programs, strict=True)), folder)
    return {case.name: complaint for case, complaint in zip(cases, said, strict=True)}


def test_right_programs_pass_whatever_they_return(tmp_path: Path) -> None:
    assert {name: why for name, why in played(RIGHT, tmp_path).items() if why} == {}


def test_wrong_programs_fail(tmp_path: Path) -> None:
    assert [name for name, why in played(WRONG, tmp_path).items() if not why] == []


def test_every_canonical_solution_passes_its_checks(shared: Path | None, tmp_path: Path) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    columns = {"solution": "canonical_solution", "tests": "test", "entry_point": "entry_point", "id": "task_id"}
    mapping = ColumnMapping(prompt=("prompt",), **columns)
    prompts = list(read_prompts(shared / "data" / "code_humaneval.jsonl.gz", mapping))
    programs = [whole_program(prompt) or "" for prompt in prompts]
    said = complaints(list(zip(prompts, programs, strict=True)), tmp_path)
    assert Counter(said) == {"": 164}, dict(zip((prompt.id for prompt in prompts), said, strict=True))
    assert all(task_of(KIND, prompt, HOST).solution for prompt in prompts)


@pytest.mark.parametrize(
    ("tests", "pairs"),
    [
        ('{"input": ["1"], "output": ["2"]}', [("1", "2")]),
        ('{"inputs": ["1"], "outputs": ["2"]}', [("1", "2")]),
        ('[{"input": "1", "output": "2", "testtype": "stdin"}]', [("1", "2")]),
        ('[{"input": "1", "output": "2", "testtype": "functional"}]', []),
        ('{"fn_name": "f", "inputs": [[1]], "outputs": [2]}', []),
        ('{"inputs": ["1", "2"], "outputs": ["2"]}', []),
        ('{"inputs": [1], "outputs": [2]}', []),
        ('{"inputs": ["\\ud800"], "outputs": ["2"]}', []),
        ("assert f(1) == 2", []),
        ("[" * 100_000, []),
        ("", []),
    ],
)
def test_pairs_of_input_and_output_are_read_in_their_usual_forms(tests: str, pairs: list[tuple[str, str]]) -> None:
    assert [tuple(pair) for pair in program_cases(tests)] == pairs


@pytest.mark.parametrize(
    "tests",
    [
        "",
        "It should add.",
        "assert f(g(1)) == 2",
        "def test_f(): assert f(1) == 2",
        "[" * 100_000,
        functional("1", "2"),
        '[{"input": "1", "testtype": "functional"}]',
    ],
)
def test_tests_of_an_unknown_form_are_none(tests: str) -> None:
    assert function_checks(tests, None, "Write it.") is None
