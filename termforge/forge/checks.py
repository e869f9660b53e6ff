"""The test file of a forged task: helpers that turn every missing or malformed output into a failed assertion."""

from collections.abc import Sequence
from textwrap import indent

from termforge.forge.skill import Check, Fragment
from termforge.schemas import File, Test, Verifier

PATH = "/tests/test_outputs.py"

HELPERS = '''\
"""Checks of what the task asks for. The expected values were fixed when the task was made."""

import csv
import io
import json
from pathlib import Path


def content(path):
    """The text exactly as it stands, line ends included; the other helpers take any line ends."""
    assert Path(path).is_file(), f"{path} is missing"
    return Path(path).read_bytes().decode(errors="replace")


def lines(path):
    return [line.rstrip() for line in content(path).strip("\\n").split("\\n")]


def cells(path):
    """Rows of a CSV file with cells exactly as they stand; line ends may be of any kind."""
    rows = [row for row in csv.reader(io.StringIO(content(path), newline=None)) if row]
    assert rows, f"{path} is empty"
    return rows


def table(path):
    return [[cell.strip() for cell in row] for row in cells(path)]


def document(path):
    try:
        return json.loads(content(path))
    except ValueError as error:
        raise AssertionError(f"{path} is not JSON: {error}") from None


def assert_same(found, expected, tolerance=0.0, where="value"):
    if isinstance(expected, dict):
        assert isinstance(found, dict), f"{where} is not an object"
        assert sorted(found) == sorted(expected), f"{where} has other keys"
        for key in expected:
            assert_same(found[key], expected[key], tolerance, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), f"{where} is not a list of {len(expected)}"
        for position, item in enumerate(expected):
            assert_same(found[position], item, tolerance, f"{where}[{position}]")
    elif isinstance(expected, float):
        assert isinstance(found, (int, float)) and not isinstance(found, bool), f"{where} is not a number"
        assert abs(found - expected) <= tolerance, f"{where} is {found}, not {expected}"
    else:
        assert type(found) is type(expected) and found == expected, f"{where} is {found!r}, not {expected!r}"


def number(text, where):
    try:
        return float(text)
    except ValueError:
        raise AssertionError(f"{where} is not a number: {text!r}") from None
'''

PROGRAM = '''

def output_of(program, stdin="", arguments=(), status=0):
    """Lines that the program under /app prints for this input, run under another uid."""
    content(program)
    runner = "bash" if program.endswith(".sh") else "python3"
    finished = run_agent([runner, program, *arguments], stdin=stdin)
    assert finished.returncode == status, f"{program} ended with status {finished.returncode}, not {status}"
    return [line.rstrip() for line in finished.stdout.strip("\\n").split("\\n")]
'''

GRADER_IMPORT = "\nfrom termforge_grader import run_agent\n"


def verifier(parts: Sequence[tuple[str, Fragment]]) -> Verifier:
    """One pytest file for all parts; each part has a prefix that keeps its test names apart."""
    checks = [(f"test_{prefix}_{check.name}", check) for prefix, part in parts for check in part.checks]
    return Verifier(
        files=(File(path=PATH, content=_source(checks).encode()),),
        tests=tuple(Test(id=f"test_outputs.py::{name}", weight=check.weight) for name, check in checks),
    )


def runs_programs(part: Fragment) -> bool:
    """Do its tests run what the agent left, which is then done as another user?"""
    return any(call in check.body for check in part.checks for call in ("output_of(", "run_agent("))


def _source(checks: Sequence[tuple[str, Check]]) -> str:
    functions = "".join(f"\n\ndef {name}():\n{indent(check.body.strip(), '    ')}\n" for name, check in checks)
    if "output_of(" not in functions:
        return HELPERS + functions
    imports = "from pathlib import Path\n"
    return HELPERS.replace(imports, imports + GRADER_IMPORT, 1) + PROGRAM + functions
