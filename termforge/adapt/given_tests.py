"""The tests that sources of code prompts bring, in their usual forms, as what the test file of a task needs.

A function's: `check(candidate)` (HumanEval), assertions (MBPP), calls with their results (`fn_name` in APPS and TACO,
`testtype: functional` in LiveCodeBench). A program's: pairs of input and output.
"""

import ast
import builtins
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from termforge.python_source import parsed

METHOD = re.compile(r"class Solution\b.*?\bdef (\w+)\(self", re.S)
CHECK = "def check("
CALLS = """\
import json

from candidate import equal

CASES = json.loads(%s)


def check(candidate):
    for arguments, expected in CASES:
        assert equal(candidate(*arguments), expected)
"""


class Checks(NamedTuple):
    name: str
    """Of the function."""
    source: str
    """Python that defines `check(candidate)`."""


class Call(NamedTuple):
    arguments: list[Any]
    expected: Any


def function_checks(tests: str, entry_point: str | None, prompt: str) -> Checks | None:
    """None where the tests are of no form that is known."""
    if CHECK in tests and entry_point:
        return Checks(entry_point, tests.strip("\n"))
    found = as_json(tests)
    if calls := list(_calls(found)):
        method = METHOD.search(prompt)
        named = found["fn_name"] if isinstance(found, dict) else method and method[1]
        return Checks(str(entry_point or named), CALLS % ascii(json.dumps(calls))) if entry_point or named else None
    listed = isinstance(found, list) and all(isinstance(line, str) for line in found)
    return _assertions("\n".join(found) if listed else tests, entry_point)  # type: ignore[arg-type]


def as_json(tests: str) -> object:
    """None for what is none."""
    try:
        return json.loads(tests)
    except (ValueError, RecursionError):
        return None


def _calls(found: object) -> Iterator[Call]:
    """Arguments stand as a list, or in LiveCodeBench as JSON, one a line."""
    if isinstance(found, dict) and isinstance(found.get("fn_name"), str):
        inputs, outputs = found.get("inputs"), found.get("outputs")
        if isinstance(inputs, list) and isinstance(outputs, list) and len(inputs) == len(outputs):
            yield from (Call(*pair) for pair in zip(inputs, outputs, strict=True) if isinstance(pair[0], list))
    elif isinstance(found, list) and all(isinstance(row, dict) and is_functional(row) for row in found):
        for row in found:
            lines = [as_json(line) for line in row["input"].split("\n") if line.strip()]
            yield Call(lines, as_json(row["output"]))


def is_functional(row: dict[str, Any]) -> bool:
    return row.get("testtype") == "functional" and all(isinstance(row.get(side), str) for side in ("input", "output"))


def _assertions(tests: str, entry_point: str | None) -> Checks | None:
    """The one function that they call and nobody has defined is the agent's, unless it is named."""
    try:
        tree = parsed(tests)
    except SyntaxError:
        return None
    if not any(isinstance(node, ast.Assert) for node in tree.body):
        return None
    unknown = {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    unknown -= {*dir(builtins), *_defined(tree)}
    if not entry_point and len(unknown) != 1:
        return None
    (check,) = ast.parse(f"{CHECK}candidate): ...").body
    assert isinstance(check, ast.FunctionDef)
    check.body = tree.body
    return Checks(entry_point or unknown.pop(), ast.unparse(check))


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def program_cases(tests: str) -> list[tuple[str, str]]:
    """Pairs of standard input and output; none where the tests are of another form."""
    found = as_json(tests)
    if isinstance(found, dict):
        inputs, outputs = (found.get(name, found.get(f"{name}s")) for name in ("input", "output"))
        if "fn_name" in found or not isinstance(inputs, list) or not isinstance(outputs, list):
            return []
        pairs = list(zip(inputs, outputs, strict=False)) if len(inputs) == len(outputs) else []
    else:
        rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        pairs = [(row.get("input"), row.get("output")) for row in rows if row.get("testtype") != "functional"]
    return pairs if all(_is_text(part) for pair in pairs for part in pair) else []


def _is_text(value: object) -> bool:
    """Half a surrogate pair can be written in JSON, and read by no program."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value
