"""Test ids of a pytest file as pytest will report them, read from its text and never by running it.

Literal parameter sets are numbered as pytest does; what only running could tell is refused with its line.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from termforge.errors import InputError

Function = ast.FunctionDef | ast.AsyncFunctionDef
SELF_NAMED = (str, int, float, bool, complex, type(None))
"""Values that stand in ids as they print; others are named by argument and number."""


def test_ids(path: str, source: bytes) -> tuple[str, ...]:
    """`path` is relative to /tests.

    Raises: InputError naming the line.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"tests/{path}: is not Python: {error or type(error).__name__}") from None
    _refuse_dynamic(path, tree)
    return tuple(f"{path}::{name}" for name in _names(path, tree))


def _refuse_dynamic(path: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name.startswith("pytest_"):
            raise _refused(path, node, f"{node.name} may change which tests there are")
        if isinstance(node, ast.Call) and _dotted(node.func).endswith("fixture") and _given(node, "params"):
            raise _refused(path, node, "a fixture with parameters multiplies tests")
        if isinstance(node, ast.Name | ast.Attribute) and _dotted(node).endswith("pytestmark"):
            raise _refused(path, node, "marks of a whole module are not read")


def _given(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name for keyword in call.keywords)


def _names(path: str, tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, Function) and node.name.startswith("test"):
            yield from _of_function(path, node, "", ())
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or _is_unittest(node)):
            if node.bases and not _is_unittest(node):
                raise _refused(path, node, f"{node.name} may inherit tests")
            for inner in node.body:
                if isinstance(inner, Function) and inner.name.startswith("test"):
                    yield from _of_function(path, inner, f"{node.name}::", node.decorator_list)


def _is_unittest(node: ast.ClassDef) -> bool:
    return [_dotted(base) for base in node.bases] in (["unittest.TestCase"], ["TestCase"])


def _of_function(path: str, node: Function, prefix: str, outer: Sequence[ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.AsyncFunctionDef):
        raise _refused(path, node, "an asynchronous test wants a plugin that the grader does not load")
    # The decorator nearest to the function counts first.
    sets = [_set_of(path, mark) for mark in reversed([*outer, *node.decorator_list])]
    combined = ["-".join(parts) for parts in product(*(ids for ids in sets if ids is not None))]
    yield from (f"{prefix}{node.name}[{ids}]" if ids else f"{prefix}{node.name}" for ids in combined)


def _set_of(path: str, mark: ast.expr) -> list[str] | None:
    """Ids of a `parametrize`; None for a mark that changes no id and no outcome."""
    name = _dotted(mark.func if isinstance(mark, ast.Call) else mark)
    if name.endswith(("mark.skip", "mark.skipif", "mark.xfail")) or "unittest." in name or "skip" in name:
        raise _refused(path, mark, f"a test under {name} need not pass")
    if not name.endswith("mark.parametrize"):
        return None
    assert isinstance(mark, ast.Call)
    try:
        names, rows, given = _arguments(mark)
    except (ValueError, TypeError):
        raise _refused(path, mark, "parameters that are not literal have ids that only running tells") from None
    if any(len(row) != len(names) for row in rows):
        raise _refused(path, mark, "there are not as many values as names")
    ids = given or [
        "-".join(_id(*pair, number) for pair in zip(names, row, strict=True)) for number, row in enumerate(rows)
    ]
    if len(ids) != len(rows) or max(Counter(ids).values(), default=2) > 1 or not all(ids):
        raise _refused(path, mark, "ids of parameters must differ, and be some text")
    return ids


def _arguments(mark: ast.Call) -> tuple[list[str], list[Any], list[str] | None]:
    """Argument names, rows of values, and ids where they are given.

    Raises: ValueError, TypeError for anything but literals.
    """
    keywords = {keyword.arg: keyword.value for keyword in mark.keywords}
    if unread := keywords.keys() - {"argnames", "argvalues", "ids"}:
        raise ValueError(unread)
    given = [*mark.args, *(keywords[name] for name in ("argnames", "argvalues") if name in keywords)]
    named, values = (ast.literal_eval(node) for node in given)
    names = [name.strip() for name in named.split(",") if name.strip()] if isinstance(named, str) else list(named)
    # One name in a list stands for rows of one value, one name alone for values.
    rows = [(value,) for value in values] if isinstance(named, str) and len(names) == 1 else list(values)
    ids = [str(one) for one in ast.literal_eval(keywords["ids"])] if "ids" in keywords else None
    return names, rows, ids


def _id(name: str, value: object, number: int) -> str:
    if not isinstance(value, SELF_NAMED):
        return f"{name}{number}"
    return value.encode("unicode_escape").decode("ascii") if isinstance(value, str) else str(value)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _refused(path: str, node: ast.AST, reason: str) -> InputError:
    return InputError(f"tests/{path}:{getattr(node, 'lineno', 0)}: {reason}")


def looks_beyond(source: bytes) -> bool:
    """Whether a test may look at more of the machine than files under /app: other paths, processes, services."""
    tree = ast.parse(source)
    return any(_reaches(node) for node in ast.walk(tree))


BEYOND = {"grp", "http", "httpx", "pexpect", "psutil", "pwd", "requests", "shutil", "socket", "subprocess", "urllib"}
OS_BEYOND = {"environ", "execv", "getenv", "kill", "popen", "stat", "system"}
INSIDE = re.compile(r"/(?:app|tests)(?:/|$)|[^/~]|$")


def _reaches(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in BEYOND for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in BEYOND
    if isinstance(node, ast.Attribute):
        return _dotted(node) in {f"os.{name}" for name in OS_BEYOND}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and not INSIDE.match(node.value)
