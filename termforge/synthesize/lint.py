"""What a teacher's tests may not do: read with `ast`, never executed.

Keeps the honest on the path; a determined author can hide code from it, which is why grading is sandboxed all the same.
Whether the tests are right is for the gates.
"""

import ast
import re
import sys

from termforge.images import Inventory
from termforge.python_source import Tree, parsed
from termforge.synthesize.reply import MalformedReply, Reason, verifier_of
from termforge.validate.lint import GRADER_MODULES, tests_assert
from termforge.validate.running_code import running_code
from termforge.validate.source import imports

MIN_TESTS = 3
MAX_TESTS = 12
_NONE = {"", "none", "n/a", "na", "-"}
"""How a section that should be empty is filled."""


def parsed_tests(source: str) -> Tree:
    """Raises: MalformedReply."""
    try:
        return parsed(source)
    except SyntaxError as error:
        raise MalformedReply(Reason.TESTS_NOT_PYTHON, str(error)[:200]) from None


def test_functions(source: str, inventory: Inventory) -> tuple[str, ...]:
    """Names of the test functions, in order.

    Raises: MalformedReply.
    """
    tree = parsed_tests(source)
    if running := running_code(tree):
        raise MalformedReply(Reason.UNSAFE_TEST, ", ".join(running)[:200])
    importable = sys.stdlib_module_names | GRADER_MODULES | set(inventory.modules)
    if missing := sorted(_imported(tree) - importable):
        raise MalformedReply(Reason.MISSING_IMPORT, ", ".join(missing))
    names = [_checked(node) for node in tree.body if _is_test(node)]
    _check_number(names)
    if idle := tests_assert(verifier_of(source, dict.fromkeys(names, 1.0))):
        raise MalformedReply(Reason.BAD_TEST, idle)
    return tuple(names)


def check_requirements(section: str, inventory: Inventory) -> None:
    """The images are shared and grading has no network: a requirement is met by the image, or not at all.

    A line names a package or a module of one; the version it may ask for is the image's, whatever the line says.

    Raises: MalformedReply.
    """
    wanted = [line.strip().removeprefix("- ") for line in section.split("\n")]
    names = {re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0]: line for line in wanted if line.lower() not in _NONE}
    present = inventory.python.keys() | set(inventory.modules) | {"pytest"}
    if missing := sorted(line for name, line in names.items() if not {name, _normalized(name)} & present):
        raise MalformedReply(Reason.MISSING_REQUIREMENT, ", ".join(missing)[:200])


def _check_number(names: list[str]) -> None:
    if not names:
        raise MalformedReply(Reason.NO_TESTS)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MalformedReply(Reason.BAD_TEST, f"defined twice: {', '.join(twice)}")
    if not MIN_TESTS <= len(names) <= MAX_TESTS:
        raise MalformedReply(Reason.TEST_COUNT, f"{len(names)} instead of {MIN_TESTS} to {MAX_TESTS}")


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_test(node: ast.stmt) -> bool:
    """As pytest would collect it."""
    if isinstance(node, ast.ClassDef):
        return node.name.startswith("Test")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _checked(node: ast.stmt) -> str:
    """The name of a test function whose id pytest reports as it stands: no class, parameter set, skip or fixture.

    Not even tmp_path, which the agent's programs could not see.
    """
    if not isinstance(node, ast.FunctionDef):
        raise MalformedReply(Reason.BAD_TEST, f"{getattr(node, 'name', '')} is not a plain function")
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if node.decorator_list or named or arguments.vararg or arguments.kwarg:
        raise MalformedReply(Reason.BAD_TEST, f"{node.name} has decorators or parameters")
    return node.name


def _imported(tree: Tree) -> set[str]:
    """Top-level names of everything imported; a relative import counts as one that is not there."""
    relative = {"." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level}
    return relative | {name.partition(".")[0] for name in imports(tree)}
