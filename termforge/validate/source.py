"""Tests as source: read with `ast`, never run."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from termforge import python_source
from termforge.python_source import Function, Tree
from termforge.schemas import File, Verifier


def python_files(verifier: Verifier) -> Iterator[File]:
    return (file for file in verifier.files if file.path.endswith(".py"))


def trees(verifier: Verifier) -> dict[str, Tree]:
    """By path below /tests, of the files that are Python."""
    read = {file.path.removeprefix("/tests/"): parsed(file) for file in python_files(verifier)}
    return {path: tree for path, tree in read.items() if isinstance(tree, Tree)}


def parsed(file: File) -> Tree | str:
    """The tree, or why there is none."""
    return _parsed(file.content)


@lru_cache(maxsize=8)
def _parsed(source: bytes) -> Tree | str:
    """Kept a while, since several checks read it one after the other."""
    try:
        return python_source.parsed(source)
    except SyntaxError as error:
        return str(error)


def imports(tree: Tree) -> set[str]:
    """Full names of everything a module imports, deferred imports included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_functions(tree: Tree) -> dict[str, Function]:
    """Functions, and methods of classes with what they inherit, as they stand in ids, parameters left out."""
    found = _functions(tree.body)
    methods: dict[str, dict[str, Function]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods[node.name] = _inherited(node, methods) | _functions(node.body)
            found |= {f"{node.name}::{name}": method for name, method in methods[node.name].items()}
    return {name: node for name, node in found.items() if name.rpartition("::")[2].startswith("test")}


def _functions(body: list[ast.stmt]) -> dict[str, Function]:
    return {node.name: node for node in body if isinstance(node, Function)}


def _inherited(node: ast.ClassDef, methods: dict[str, dict[str, Function]]) -> dict[str, Function]:
    """From classes that stand above it in the file."""
    bases = [methods.get(base.id, {}) for base in reversed(node.bases) if isinstance(base, ast.Name)]
    return {name: method for base in bases for name, method in base.items()}
