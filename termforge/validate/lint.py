"""What can be said of a task without running it: files, tests that can run, tests that look at something.

Each check returns what is wrong as text, empty when nothing is.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from termforge.images import Inventory
from termforge.schemas import File, Need, TerminalTask, Verifier

GRADER_MODULES = frozenset({"pytest", "termforge_grader"})
MAX_INSTRUCTION_CHARS = 100_000
MAX_FILE_BYTES = 16 * 2**20
MAX_FILES_BYTES = 128 * 2**20
RESERVED = ("/tests/", "/proc/", "/sys/", "/dev/", "/opt/termforge/")
"""Where no task may lay files: the grader's, and the kernel's."""
NETWORK_MODULES = frozenset(
    {
        "socket",
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "http.client",
        "urllib.request",
        "ftplib",
        "smtplib",
        "paramiko",
    }
)
NETWORK_COMMANDS = re.compile(
    r"(?:^|[\n;&|(]\s*)(?:curl|wget|ssh|scp|(?:apt|apt-get|pip|pip3|npm|gem|cargo)\s+install|git\s+(?:clone|fetch|pull)\s+\S*://)\b"
)
LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]")
FAILING_CALLS = frozenset({"fail", "raises", "exit"})

Tree = ast.Module


def files_fit(terminal_task: TerminalTask) -> str:
    if len(terminal_task.instruction) > MAX_INSTRUCTION_CHARS:
        return f"the instruction has more than {MAX_INSTRUCTION_CHARS} characters"
    if not terminal_task.instruction.strip():
        return "the instruction is empty"
    return _paths_fault(terminal_task.files) or _sizes_fault(terminal_task.files)


def _paths_fault(files: tuple[File, ...]) -> str:
    paths = [file.path for file in files]
    if twice := sorted({path for path in paths if paths.count(path) > 1}) if len(set(paths)) < len(paths) else []:
        return f"laid twice: {', '.join(twice)}"
    if reserved := sorted(path for path in paths if f"{path}/".startswith(RESERVED)):
        return f"laid where no task may: {', '.join(reserved)}"
    folders = {str(folder) for path in paths for folder in Path(path).parents}
    if both := sorted(folders & set(paths)):
        return f"a file and a folder at once: {', '.join(both)}"
    return ""


def _sizes_fault(files: tuple[File, ...]) -> str:
    if large := sorted(file.path for file in files if len(file.content) > MAX_FILE_BYTES):
        return f"larger than {MAX_FILE_BYTES} bytes: {', '.join(large)}"
    total = sum(len(file.content) for file in files)
    return f"{total} bytes of files; at most {MAX_FILES_BYTES}" if total > MAX_FILES_BYTES else ""


def tests_can_run(verifier: Verifier, inventory: Inventory) -> str:
    importable = sys.stdlib_module_names | GRADER_MODULES | set(inventory.modules)
    siblings = {Path(file.path).stem for file in verifier.files}
    found: set[str] = set()
    for file in _python_files(verifier):
        tree = _parsed(file)
        if isinstance(tree, str):
            return f"{file.path} is not Python: {tree}"
        if missing := sorted({name.partition(".")[0] for name in _imports(tree)} - importable - siblings):
            return f"{file.path} imports what the image lacks: {', '.join(missing)}"
        found |= {f"{file.path.removeprefix('/tests/')}::{name}" for name in _test_functions(tree)}
    absent = sorted(test.id for test in verifier.tests if test.id.partition("[")[0] not in found)
    return f"no such test: {', '.join(absent)}" if absent else ""


def tests_assert(verifier: Verifier) -> str:
    """Every expected test, or a function of its file that it calls, can fail: it asserts something not constant."""
    wanted = {test.id.partition("[")[0] for test in verifier.tests}
    idle: list[str] = []
    for file in _python_files(verifier):
        tree = _parsed(file)
        if isinstance(tree, Tree):
            failing = _failing_functions(tree)
            names = {
                f"{file.path.removeprefix('/tests/')}::{name}": node for name, node in _test_functions(tree).items()
            }
            idle += [name for name, node in names.items() if name in wanted and not _can_fail(node, failing)]
    return f"asserts nothing: {', '.join(sorted(idle))}" if idle else ""


def offline(terminal_task: TerminalTask) -> str:
    """Neither tests nor solution reach for a network; there is none, but for what the task declares to need."""
    if terminal_task.needs & {Need.PACKAGES, Need.SERVICES}:
        return ""
    for file in _python_files(terminal_task.verifier) if terminal_task.verifier else ():
        tree = _parsed(file)
        if isinstance(tree, Tree) and (used := sorted(_imports(tree) & NETWORK_MODULES)):
            return f"{file.path} imports {', '.join(used)}"
    for step in terminal_task.solution or ():
        for command in step.commands:
            if (found := NETWORK_COMMANDS.search(command.keystrokes)) and not LOCAL.search(command.keystrokes):
                return f"the solution types {found[0].strip()!r}"
    return ""


def _python_files(verifier: Verifier) -> Iterator[File]:
    return (file for file in verifier.files if file.path.endswith(".py"))


def _parsed(file: File) -> Tree | str:
    return _tree(file.content)


@lru_cache(maxsize=8)
def _tree(source: bytes) -> Tree | str:
    """The tree, or why there is none; kept a while, since three checks read it one after the other."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deeply
        return str(error) or type(error).__name__


def _imports(tree: Tree) -> set[str]:
    """Full names of everything a module imports, deferred imports included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _functions(body: list[ast.stmt], prefix: str = "") -> dict[str, ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {f"{prefix}{node.name}": node for node in body if isinstance(node, kinds)}


def _test_functions(tree: Tree) -> dict[str, ast.AST]:
    """Functions, and methods of classes, as they stand in ids, parameters left out."""
    found = _functions(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= _functions(node.body, f"{node.name}::")
    return {name: node for name, node in found.items() if name.rpartition("::")[2].startswith("test")}


def _failing_functions(tree: Tree) -> set[str]:
    """Functions and methods of the file that can fail, by themselves or through others."""
    functions = {
        node.name: node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    failing: set[str] = set()
    while more := {name for name, node in functions.items() if name not in failing and _can_fail(node, failing)}:
        failing |= more
    return failing


def _can_fail(function: ast.AST, failing: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)):
            return True
        if isinstance(node, ast.Call) and _called(node) in failing | FAILING_CALLS:
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _uses_fixture(node, failing):
            return True
    return False


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _uses_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef, failing: set[str]) -> bool:
    return any(argument.arg in failing for argument in function.args.args)
