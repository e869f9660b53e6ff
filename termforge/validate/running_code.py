"""What in tests would run code that the agent wrote with the grader's own rights, and so forge the verdict.

Found by name: modules that are imported; functions and classes that are imported, reached as an attribute or by
getattr. An attribute counts whatever it is taken from, so that `import os as o` hides nothing. Loaders that make any
object out of a file (pickles and what resembles them) run code as well.
"""

import ast
import re
from collections.abc import Iterator, Mapping

_INTERPRETERS = {"bdb", "builtins", "code", "codeop", "ctypes", "doctest", "imp", "importlib", "jinja2"}
_INTERPRETERS |= {
    "multiprocessing",
    "pdb",
    "pexpect",
    "pkgutil",
    "pty",
    "runpy",
    "site",
    "subprocess",
    "timeit",
    "zipimport",
}
_UNPICKLERS = {"_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve"}
MODULES = frozenset({*_INTERPRETERS, *_UNPICKLERS})

_BUILTINS = {"compile", "eval", "exec", "globals"}
"""As plain names alone: `re.compile` is harmless."""
_BEHIND = {"builtins", "ctypes", "ctypeslib", "importlib", "pickle", "subprocess"}
"""Modules that hide in others, such as `asyncio.subprocess`."""
_OS_CALLS = re.compile(r"system|popen|fork|forkpty|posix_spawnp?|(?:exec|spawn)[lv]p?e?")
_YAML = {f"{c}{kind}Loader" for c in ("", "C") for kind in ("", "Full", "Unsafe")}
_ANYWHERE = {
    *("__builtins__", "__globals__", "__import__", "__loader__", "__subclasses__"),
    *("create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"),
    *("dictConfig", "fileConfig", "importorskip", "pytest_plugins"),
    *("enable_load_extension", "load_extension", "load_library"),
    *("full_load", "full_load_all", "read_hdf", "read_pickle", "unsafe_load", "unsafe_load_all"),
    *("parse_expr", "sympify"),  # they evaluate what they parse
}
_DOTTED = {"pytest.main", "sys.meta_path", "sys.modules", "sys.path", "sys.path_hooks", "torch.load"}


def running_code(tree: ast.Module) -> list[str]:
    """Names of all that runs code, sorted; empty where nothing does."""
    aliases = _aliases(tree)
    return sorted({name for node in ast.walk(tree) for name in _running(node, aliases)})


def _running(node: ast.AST, aliases: Mapping[str, str]) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        case ast.ImportFrom():
            yield from _imported(node)
        case ast.Name(id=name) if name in _ANYWHERE | _BUILTINS:
            yield name
        case ast.Attribute(attr=name) if _runs(name) or _is_dotted(_path(node, aliases)):
            yield _path(node, aliases)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]) if _runs(name):
            yield name
        case ast.keyword(arg="allow_pickle", value=value) if not _is_false(value):
            yield "allow_pickle"


def _imported(node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    for alias in node.names:
        whole = f"{module}.{alias.name}"
        if module.split(".")[0] in MODULES or alias.name == "*" or _runs(alias.name) or _is_dotted(whole):
            yield whole


def _runs(name: str) -> bool:
    return name in _ANYWHERE | _BEHIND | _YAML or bool(_OS_CALLS.fullmatch(name))


def _is_dotted(path: str) -> bool:
    return any(f".{path}".endswith(f".{name}") for name in _DOTTED)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _path(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """`t.jit.load` as `torch.jit.load` after `import torch as t`; what is no name at its root is left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(aliases.get(node.id, node.id))
    return ".".join(reversed(parts))


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What each name that an import renames stands for."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    return {alias.asname: alias.name for node in imports for alias in node.names if alias.asname}
