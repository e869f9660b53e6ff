"""What a teacher's tests may not do: read with `ast`, never executed.

Keeps the honest on the path; a determined author can hide code from it, which is why grading is sandboxed all the same.
Whether the tests are right is for the gates.
"""

import ast
import re
import sys

from termforge.images import Inventory
from termforge.synthesize.reply import MalformedReply, Reason

GRADER_MODULES = frozenset({"pytest", "termforge_grader"})
FIXTURES = frozenset({"tmp_path"})
_INTERPRETERS = {"code", "codeop", "ctypes", "imp", "importlib", "multiprocessing", "pexpect", "pty", "runpy"}
_UNPICKLERS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
RUNS_CODE = frozenset({"subprocess", *_INTERPRETERS, *_UNPICKLERS})
"""Modules by which a test would run what the agent wrote, with the grader's own rights."""

BUILTINS_THAT_RUN_CODE = frozenset({"__import__", "compile", "eval", "exec"})
OS_CALLS_THAT_RUN_CODE = re.compile(r"system|popen|fork|forkpty|posix_spawnp?|exec[lv]\w*|spawn\w+")


def test_functions(source: str, inventory: Inventory) -> tuple[str, ...]:
    """Names of the test functions, in order.

    Raises: MalformedReply.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise MalformedReply(Reason.TESTS_NOT_PYTHON, str(error)[:200]) from None
    _refuse_running_code(tree)
    importable = sys.stdlib_module_names | GRADER_MODULES | set(inventory.modules)
    if missing := sorted(_imported(tree) - importable):
        raise MalformedReply(Reason.MISSING_IMPORT, ", ".join(missing))
    names = [_checked(node) for node in tree.body if _is_test(node)]
    if not names:
        raise MalformedReply(Reason.NO_TESTS)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MalformedReply(Reason.BAD_TEST, f"defined twice: {', '.join(twice)}")
    return tuple(names)


def check_requirements(section: str, inventory: Inventory) -> None:
    """The images are shared and grading has no network: a requirement is met by the image, or not at all.

    Raises: MalformedReply.
    """
    wanted = [line.strip() for line in section.split("\n") if line.strip()]
    names = {re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0]: line for line in wanted}
    present = inventory.python.keys() | {"pytest"}
    if missing := sorted(line for name, line in names.items() if re.sub(r"[-_.]+", "-", name).lower() not in present):
        raise MalformedReply(Reason.MISSING_REQUIREMENT, ", ".join(missing)[:200])


def _is_test(node: ast.stmt) -> bool:
    """As pytest would collect it."""
    if isinstance(node, ast.ClassDef):
        return node.name.startswith("Test")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _checked(node: ast.stmt) -> str:
    """The name of a test function whose id pytest reports as it stands: no class, parameter set, skip or fixture."""
    if not isinstance(node, ast.FunctionDef):
        raise MalformedReply(Reason.BAD_TEST, f"{getattr(node, 'name', '')} is not a plain function")
    arguments = node.args
    named = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    if node.decorator_list or named - FIXTURES or arguments.vararg or arguments.kwarg:
        raise MalformedReply(Reason.BAD_TEST, f"{node.name} has decorators or parameters")
    if not any(isinstance(inner, ast.Assert | ast.Raise | ast.Call) for inner in ast.walk(node)):
        raise MalformedReply(Reason.BAD_TEST, f"{node.name} checks nothing")
    return node.name


def _refuse_running_code(tree: ast.Module) -> None:
    if used := sorted(_imported(tree) & RUNS_CODE):
        raise MalformedReply(Reason.UNSAFE_TEST, ", ".join(used))
    for node in ast.walk(tree):
        if calls := _running_names(node):
            raise MalformedReply(Reason.UNSAFE_TEST, ", ".join(calls))


def _running_names(node: ast.AST) -> list[str]:
    """Names in this node that run code, called or not."""
    if isinstance(node, ast.Name):
        return [node.id] if node.id in BUILTINS_THAT_RUN_CODE else []
    names: list[str] = []
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("os", "posix"):
        names = [node.attr]
    elif isinstance(node, ast.ImportFrom) and node.module in ("os", "posix"):
        names = [alias.name for alias in node.names]
    return [f"os.{name}" for name in names if OS_CALLS_THAT_RUN_CODE.fullmatch(name)]


def _imported(tree: ast.Module) -> set[str]:
    """Top-level names of everything imported; a relative import counts as one that is not there."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").split(".")[0])
    return names
