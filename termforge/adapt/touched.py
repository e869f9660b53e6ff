"""Which of the files that a patch changes tell whether it does its work.

Standard library only: laid beside the tests of adapted SWE tasks, and used when they are made.
"""

import ast
import re
from collections.abc import Iterator, Mapping

ASIDE = re.compile(
    r"(?:.*/)?(?:(?:tests?|testing|docs?|news|changelog)/.*|test_[^/]*|[^/]*_test\.\w+|conftest\.py)", re.I
)
PROSE = re.compile(r".*\.(?:md|rst|txt)|(?:.*/)?(?:changes|changelog|history|news|authors|readme)", re.I)


def touched(before: Mapping[str, str], after: Mapping[str, str | None]) -> list[str]:
    """Paths, sorted, of the files whose work differs: tests and documentation do none, and comments are no change."""
    return sorted(path for path, text in after.items() if is_code(path) and differs(path, before.get(path), text))


def is_code(path: str) -> bool:
    return not ASIDE.fullmatch(path) and not PROSE.fullmatch(path)


def differs(path: str, before: str | None, after: str | None) -> bool:
    if before is None or after is None or not path.endswith(".py"):
        return before != after
    one, other = parsed(before), parsed(after)
    if one is None or other is None or len(one.body) != len(other.body):
        return before != after
    pairs = zip(_written(one, before), _written(other, after), strict=True)
    return any(ours[1:] != theirs[1:] and ast.dump(ours[0]) != ast.dump(theirs[0]) for ours, theirs in pairs)


def _written(tree: ast.Module, text: str) -> Iterator[tuple[ast.stmt, list[str], int]]:
    """Statements with their lines: where these are the same, nothing needs to be compared."""
    lines = text.split("\n")
    for node in tree.body:
        first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
        yield node, lines[first - 1 : node.end_lineno], node.col_offset


def parsed(text: str) -> ast.Module | None:
    """None for what is not Python, or nested too deeply."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
