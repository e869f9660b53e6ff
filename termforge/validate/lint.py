"""What can be said of a task without running it: files, tests that can run, tests that look at something.

Each check returns what is wrong as text, empty when nothing is.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from termforge.images import Inventory
from termforge.python_source import Function, Tree, called
from termforge.schemas import File, TerminalTask, Verifier
from termforge.validate.running_code import running_code
from termforge.validate.source import imports, parsed, python_files, test_functions, trees

GRADER_MODULES = frozenset({"pytest", "termforge_grader"})
MAX_INSTRUCTION_CHARS = 100_000
MAX_FILE_BYTES = 16 * 2**20
MAX_FILES_BYTES = 128 * 2**20
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4095
"""Of Linux."""
RESERVED = ("/tests/", "/proc/", "/sys/", "/dev/", "/opt/termforge/")
"""Where no task may lay files: the grader's, and the kernel's."""
FOLDERS = frozenset(
    {"/app", "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/media"}
    | {"/mnt", "/opt", "/root", "/run", "/sbin", "/srv", "/tmp", "/usr", "/var"}
)
"""Of every image: no file can take their place."""
FAILING_CALLS = frozenset({"fail", "raises", "exit"})


def files_fit(terminal_task: TerminalTask) -> str:
    if len(terminal_task.instruction) > MAX_INSTRUCTION_CHARS:
        return f"the instruction has more than {MAX_INSTRUCTION_CHARS} characters"
    if not terminal_task.instruction.strip():
        return "the instruction is empty"
    files = terminal_task.files
    return _paths_fault(files) or _sizes_fault(files) or _graded_fault(terminal_task.graded_paths)


def _paths_fault(files: tuple[File, ...]) -> str:
    paths = [file.path for file in files]
    if twice := _repeated(paths):
        return f"laid twice: {', '.join(twice)}"
    if long := sorted(path for path in paths if _too_long(path)):
        return f"a longer name than any file can have: {long[0][:100]}..."
    if reserved := sorted(path for path in paths if f"{path}/".startswith(RESERVED)):
        return f"laid where no task may: {', '.join(reserved)}"
    folders = {str(folder) for path in paths for folder in Path(path).parents} | FOLDERS
    if both := sorted(folders & set(paths)):
        return f"a file and a folder at once: {', '.join(both)}"
    return ""


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _too_long(path: str) -> bool:
    return len(path.encode()) > MAX_PATH_BYTES or any(len(name.encode()) > MAX_NAME_BYTES for name in path.split("/"))


def _sizes_fault(files: tuple[File, ...]) -> str:
    if large := sorted(file.path for file in files if len(file.content) > MAX_FILE_BYTES):
        return f"larger than {MAX_FILE_BYTES} bytes: {', '.join(large)}"
    total = sum(len(file.content) for file in files)
    return f"{total} bytes of files; at most {MAX_FILES_BYTES}" if total > MAX_FILES_BYTES else ""


def _graded_fault(paths: tuple[str, ...]) -> str:
    if not paths:
        return "no path is graded"
    unfit = sorted(repr(path) for path in paths if not _gradable(path))
    return f"cannot be graded: {', '.join(unfit)}" if unfit else ""


def _gradable(path: str) -> bool:
    """Absolute, normal, and neither in nor above what is the grader's or the kernel's."""
    if not path.startswith("/") or "\0" in path or {"", ".", ".."} & set(path[1:].split("/")):
        return False
    return not any(f"{path}/".startswith(folder) or folder.startswith(f"{path}/") for folder in RESERVED)


def tests_can_run(verifier: Verifier, inventory: Inventory) -> str:
    if twice := _repeated(test.id for test in verifier.tests):
        return f"expected twice: {', '.join(twice)}"
    importable = sys.stdlib_module_names | GRADER_MODULES | set(inventory.modules) | _siblings(verifier)
    found: set[str] = set()
    for file in python_files(verifier):
        tree = parsed(file)
        if isinstance(tree, str):
            return f"{file.path} is not Python: {tree}"
        if missing := sorted({name.partition(".")[0] for name in imports(tree)} - importable):
            return f"{file.path} imports what the image lacks: {', '.join(missing)}"
        found |= {f"{file.path.removeprefix('/tests/')}::{name}" for name in test_functions(tree)}
    absent = sorted(test.id for test in verifier.tests if test.id.partition("[")[0] not in found)
    return f"no such test: {', '.join(absent)}" if absent else ""


def _siblings(verifier: Verifier) -> set[str]:
    """Modules and packages that come with the tests."""
    parts = (part for file in verifier.files for part in file.path.removeprefix("/tests/").split("/"))
    return {part.removesuffix(".py") for part in parts}


def code_is_demoted(verifier: Verifier) -> str:
    """The tests themselves, not what comes with them, leave running the agent's code to `run_agent`.

    Live tests run on the agent's own machine, and their verdicts say so.
    """
    expected = {test.id.partition("::")[0] for test in verifier.tests}
    for path, tree in trees(verifier).items() if not verifier.live else ():
        if path in expected and (running := running_code(tree)):
            return f"/tests/{path} may run what the agent left with the grader's rights: {', '.join(running)}"
    return ""


def tests_assert(verifier: Verifier) -> str:
    """Every expected test, or a function that it calls, can fail: it asserts something not constant."""
    wanted = {test.id.partition("[")[0] for test in verifier.tests}
    read = trees(verifier)
    failing = _failing_functions(read.values())
    tests = {f"{path}::{name}": node for path, tree in read.items() for name, node in test_functions(tree).items()}
    idle = sorted(name for name, node in tests.items() if name in wanted and not _can_fail(node, failing))
    return f"asserts nothing: {', '.join(idle)}" if idle else ""


def _failing_functions(read: Iterable[Tree]) -> set[str]:
    """Names of functions and methods of any of the files that can fail, by themselves or through others."""
    functions = [node for tree in read for node in ast.walk(tree) if isinstance(node, Function)]
    failing: set[str] = set()
    while more := {node.name for node in functions if node.name not in failing and _can_fail(node, failing)}:
        failing |= more
    return failing


def _can_fail(function: Function, failing: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)):
            return True
        if isinstance(node, ast.Call) and _call_can_fail(called(node), failing):
            return True
        if isinstance(node, Function) and any(argument.arg in failing for argument in node.args.args):
            return True  # of a fixture
    return False


def _call_can_fail(name: str, failing: set[str]) -> bool:
    """unittest's and NumPy's assertions are functions of a library."""
    return name in failing or name in FAILING_CALLS or name.startswith("assert")
