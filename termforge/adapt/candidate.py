"""The agent's program as tests see it: run as another user, in a process of its own for each call.

Laid beside the tests of adapted code tasks; standard library only. Arguments and results travel as Python literals, so
that the tests and what they expect are never in a process with the agent's code.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from termforge_grader import run_agent  # type: ignore[import-not-found]

PROGRAM = "/app/solution.py"
CALL_S = 10.0
CALLER = f"""
import ast, os, sys
answer = os.dup(1)
os.dup2(2, 1)
name, arguments, keywords = ast.literal_eval(sys.stdin.read())
space = {{"__name__": "solution"}}
with open({PROGRAM!r}, encoding="utf-8") as file:
    exec(compile(file.read(), {PROGRAM!r}, "exec"), space)
os.write(answer, ascii(space[name](*arguments, **keywords)).encode())
"""


def function(name: str) -> Callable[..., Any]:
    """The agent's function, to be called with literals: numbers, texts, lists, dicts, None."""
    assert Path(PROGRAM).is_file(), f"{PROGRAM} is missing"

    def call(*arguments: Any, **keywords: Any) -> Any:
        ended = run_agent(["python3", "-c", CALLER], ascii((name, arguments, keywords)), CALL_S)
        assert ended.returncode == 0, f"{name} failed ({ended.returncode}): {ended.stderr[-300:]}"
        try:
            return ast.literal_eval(ended.stdout)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise AssertionError(f"{name} returned what is no plain value: {ended.stdout[:100]!r}") from None

    return call


def output(given: str) -> list[str]:
    """Lines that the whole program prints for an input."""
    assert Path(PROGRAM).is_file(), f"{PROGRAM} is missing"
    ended = run_agent(["python3", PROGRAM], given, CALL_S)
    assert ended.returncode == 0, f"the program failed ({ended.returncode}): {ended.stderr[-300:]}"
    return lines(ended.stdout)


def lines(text: str) -> list[str]:
    """Without the blanks that end a line and the empty lines that end a text."""
    return [line.rstrip() for line in text.rstrip().split("\n")]
