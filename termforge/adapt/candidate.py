"""The agent's program as tests see it: run as another user, in a process of its own for each call.

Laid beside the tests of adapted code tasks; standard library only. Arguments, results and exceptions travel as JSON, so
that the tests and what they expect are never in a process with the agent's code. What comes back is plain: a Counter is
a dict, a generator a list, an exception the built-in one that it is or inherits from.
"""

import builtins
import inspect
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from termforge_grader import run_agent  # type: ignore[import-not-found]

PROGRAM = "/app/solution.py"
CALL_S = 10.0
TOLERANCE = 1e-6
"""Of numbers that the source prints with decimals, absolute or relative."""


def packed(value: Any) -> Any:
    """As values of JSON; what is none has its kind before it. Raises: TypeError for what is no plain value."""
    value = value.tolist() if hasattr(value, "tolist") else value  # of numpy
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (Decimal, Fraction, complex)):
        return [type(value).__name__, str(value)]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", value.decode("latin-1")]
    if isinstance(value, Mapping):
        return ["dict", [[packed(key), packed(content)] for key, content in value.items()]]
    kind = next((kind for kind in (tuple, set, frozenset) if isinstance(value, kind)), list)
    return [kind.__name__, [packed(part) for part in value]]


def unpacked(said: Any) -> Any:
    """What `packed` was given. Raises: ValueError, TypeError, ArithmeticError for anything else."""
    if not isinstance(said, list):
        return said
    kind, content = said
    if kind == "bytes":
        return content.encode("latin-1")
    if isinstance(content, str):
        return {"Decimal": Decimal, "Fraction": Fraction, "complex": complex}[kind](content)
    made = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}[kind]
    return made([unpacked(part) for part in content] if kind != "dict" else (map(unpacked, pair) for pair in content))


CALLER = f"""
import json, os, sys, types
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

{inspect.getsource(packed)}
{inspect.getsource(unpacked)}

answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
name, arguments, keywords = unpacked(json.load(sys.stdin))
module = sys.modules["solution"] = types.ModuleType("solution")
with open({PROGRAM!r}, encoding="utf-8") as file:
    exec(compile(file.read(), {PROGRAM!r}, "exec"), module.__dict__)
called = getattr(module if hasattr(module, name) else module.Solution(), name)
try:
    result = called(*arguments, **keywords)
except Exception as error:
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    said = {{"raised": kind.__name__, "message": str(error)}}
else:
    said = {{"returned": packed(result), "arguments": packed(arguments)}}
answer.write(json.dumps(said))
answer.flush()
"""
"""Its function may be a method of a class `Solution`, as judges of contests want it."""


def function(name: str) -> Callable[..., Any]:
    """The agent's function, to be called with plain values; lists that it changes are changed here, too."""
    assert Path(PROGRAM).is_file(), f"{PROGRAM} is missing"

    def call(*arguments: Any, **keywords: Any) -> Any:
        given = json.dumps(packed([name, arguments, keywords]))
        ended = run_agent(["python3", "-c", CALLER], given, CALL_S)
        assert ended.returncode == 0, f"{name} failed ({ended.returncode}): {ended.stderr[-300:]}"
        try:
            said = json.loads(ended.stdout)
            raised = said.get("raised")
            returned, after = (None, ()) if raised else (unpacked(said["returned"]), unpacked(said["arguments"]))
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError):
            raise AssertionError(f"{name} returned what is no plain value: {ended.stdout[:100]!r}") from None
        if raised:
            raise _exception(raised, str(said.get("message")))
        for before, changed in zip(arguments, after, strict=False):
            _put_back(before, changed)
        return returned

    return call


def _exception(name: object, message: str) -> Exception:
    kind = getattr(builtins, str(name), None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError):
        return kind(message)
    return AssertionError(f"it raised {name}: {message}")


def _put_back(before: Any, changed: Any) -> None:
    if isinstance(before, list) and isinstance(changed, list):
        before[:] = changed
    elif isinstance(before, (dict, set)) and type(before) is type(changed):
        before.clear()
        before.update(changed)


def equal(result: Any, expected: Any) -> bool:
    """Whether a result is what JSON can say of it; some sources put it into a list of its own."""
    plain = json.loads(json.dumps(result, default=list))
    return plain in (expected, *(expected[:1] if isinstance(expected, list) and len(expected) == 1 else ()))


def output(given: str) -> str:
    """What the whole program prints for an input."""
    assert Path(PROGRAM).is_file(), f"{PROGRAM} is missing"
    ended = run_agent(["python3", PROGRAM], given, CALL_S)
    assert ended.returncode == 0, f"the program failed ({ended.returncode}): {ended.stderr[-300:]}"
    printed: str = ended.stdout
    return printed


def same_lines(printed: str, expected: str) -> bool:
    """Without the blanks that end a line and the empty lines that end a text; decimals may differ a little."""
    ours, theirs = ([line.rstrip() for line in text.rstrip().split("\n")] for text in (printed, expected))
    return len(ours) == len(theirs) and all(map(_same_line, ours, theirs))


def _same_line(printed: str, expected: str) -> bool:
    ours, theirs = printed.split(" "), expected.split(" ")
    return ours == theirs or (len(ours) == len(theirs) and all(map(_same_word, ours, theirs)))


def _same_word(printed: str, expected: str) -> bool:
    """Whole numbers are exact."""
    if printed == expected or "." not in expected:
        return printed == expected
    try:
        return math.isclose(float(printed), float(expected), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except ValueError:
        return False
