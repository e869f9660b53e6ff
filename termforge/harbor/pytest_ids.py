"""Test ids of a pytest file as pytest will report them, read from its text and never by running it.

Literal parameter sets are numbered as pytest does; what only running could tell is refused with its line.
"""

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from typing import Any

from termforge.errors import InputError
from termforge.python_source import Function, Tree, parsed

SELF_NAMED = (str, int, float, bool, complex, type(None))
"""Values that stand in ids as they print; others are named by argument and number."""
COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)
MAGIC = {"pytestmark", "pytest_plugins", "collect_ignore", "collect_ignore_glob", "__test__"}
"""Names that say to pytest which tests there are, or that they need not pass."""


def parse(path: str, source: bytes, beside: Collection[str]) -> Tree:
    """A file's tree; `path` is relative to /tests, and `beside` are names of modules and folders there.

    Raises: InputError naming the line, where it is not Python or adds tests in a way that only running tells.
    """
    try:
        tree = parsed(source)
    except SyntaxError as error:
        raise InputError(f"tests/{path}: is not Python: {error}") from None
    for node in ast.walk(tree):
        if reason := _dynamic(node):
            raise _refused(path, node, reason)
        if isinstance(node, ast.ImportFrom) and _is_beside(node, beside) and any(map(_is_test, _bound(node))):
            raise _refused(path, node, "tests of another file are imported")
    return tree


def test_ids(path: str, tree: Tree) -> tuple[str, ...]:
    """Raises: InputError naming the line."""
    return tuple(f"{path}::{name}" for name in _names(path, tree))


def _dynamic(node: ast.AST) -> str:
    """Why only running tells which tests there are; empty where it does not matter."""
    if isinstance(node, Function) and node.name.startswith("pytest_"):
        return f"{node.name} may change which tests there are"
    if isinstance(node, ast.Call) and dotted(node.func).endswith("fixture") and _given(node, "params"):
        return "a fixture with parameters multiplies tests"
    if isinstance(node, ast.Name | ast.Attribute) and dotted(node).rpartition(".")[2] in MAGIC:
        return "marks of a whole module, and what else says which tests there are, are not read"
    return ""


def _given(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name for keyword in call.keywords)


def _is_beside(node: ast.ImportFrom, beside: Collection[str]) -> bool:
    return node.level > 0 or (node.module or "").split(".")[0] in beside


def _bound(node: ast.ImportFrom) -> list[str]:
    return [alias.asname or alias.name for alias in node.names]


def _is_test(name: str) -> bool:
    """Whether pytest would collect what bears this name; a star stands for any."""
    return name == "*" or name.startswith(("test", "Test"))


def _names(path: str, tree: Tree) -> Iterator[str]:
    cases = _cases(tree)
    for node in tree.body:
        _refuse_hidden(path, node, cases)
        if isinstance(node, Function) and node.name.startswith("test"):
            yield from _of_function(path, node, "", ())
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or node.name in cases):
            if node.bases and not _is_unittest(node):
                raise _refused(path, node, f"{node.name} may inherit tests")
            yield from _of_class(path, node, cases)


def _of_class(path: str, node: ast.ClassDef, cases: Collection[str]) -> Iterator[str]:
    for inner in node.body:
        _refuse_hidden(path, inner, cases)
        if isinstance(inner, ast.ClassDef) and inner.name.startswith("Test"):
            raise _refused(path, inner, "tests of a class in a class are not read")
        if isinstance(inner, Function) and inner.name.startswith("test"):
            yield from _of_function(path, inner, f"{node.name}::", node.decorator_list)


def _refuse_hidden(path: str, node: ast.stmt, cases: Collection[str]) -> None:
    """Tests that are there under a condition, or by another name."""
    for inner in ast.walk(node) if isinstance(node, COMPOUND) else ():
        if isinstance(inner, Function | ast.ClassDef) and (_is_test(inner.name) or inner.name in cases):
            raise _refused(path, inner, "only running tells whether this test is there")
    if isinstance(node, ast.Assign) and any(_is_test(dotted(target)) for target in node.targets):
        value = node.value
        if isinstance(value, ast.Lambda) or _is_test(dotted(value).rpartition(".")[2]):
            raise _refused(path, node, "a test is given another name")


def _cases(tree: Tree) -> set[str]:
    """Classes that unittest's TestCase is a base of, as far as the file tells: pytest collects them by any name."""
    cases: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = {dotted(base).rpartition(".")[2] for base in node.bases}
            if bases & cases or any(base.endswith("TestCase") for base in bases):
                cases.add(node.name)
    return cases


def _is_unittest(node: ast.ClassDef) -> bool:
    return [dotted(base) for base in node.bases] in (["unittest.TestCase"], ["TestCase"])


def _of_function(path: str, node: Function, prefix: str, outer: Sequence[ast.expr]) -> Iterator[str]:
    if isinstance(node, ast.AsyncFunctionDef):
        raise _refused(path, node, "an asynchronous test wants a plugin that the grader does not load")
    # The decorator nearest to the function counts first.
    sets = [_set_of(path, mark) for mark in reversed([*outer, *node.decorator_list])]
    combined = ["-".join(parts) for parts in product(*(ids for ids in sets if ids is not None))]
    yield from (f"{prefix}{node.name}[{ids}]" if ids else f"{prefix}{node.name}" for ids in combined)


def _set_of(path: str, mark: ast.expr) -> list[str] | None:
    """Ids of a `parametrize`; None for a mark that changes no id and no outcome."""
    name = dotted(mark.func if isinstance(mark, ast.Call) else mark)
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


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _refused(path: str, node: ast.AST, reason: str) -> InputError:
    return InputError(f"tests/{path}:{getattr(node, 'lineno', 0)}: {reason}")
