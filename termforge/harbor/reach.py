"""How far a test may reach: to files under /app alone, or to more of the machine that the agent worked on."""

import ast
import re

from termforge.harbor.pytest_ids import dotted
from termforge.python_source import Tree
from termforge.validate.running_code import running_code

BEYOND = {"grp", "http", "httpx", "pexpect", "psutil", "pwd", "requests", "shutil", "socket", "subprocess", "urllib"}
OS_BEYOND = {"environ", "execv", "getenv", "kill", "popen", "stat", "system"}
INSIDE = re.compile(r"/(?:app|tests)(?:/|$)|[^/~]|$")


def looks_beyond(tree: Tree) -> bool:
    """Whether a test may look at other paths, processes or services, or run the agent's code in its own process.

    The verdict of such a test is weaker evidence, here as in Harbor.
    """
    return bool(running_code(tree)) or any(_reaches(node) for node in ast.walk(tree))


def _reaches(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in BEYOND for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")[0]
        return module in BEYOND or (module == "os" and bool(OS_BEYOND & {alias.name for alias in node.names}))
    if isinstance(node, ast.Attribute):
        return dotted(node) in {f"os.{name}" for name in OS_BEYOND}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and not INSIDE.match(node.value)
