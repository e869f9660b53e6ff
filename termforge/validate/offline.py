"""Does a task reach for a network? There is none, but for what it declares to need."""

import ast
import re
from collections.abc import Iterator

from termforge.python_source import Tree, called
from termforge.schemas import Command, Need, TerminalTask
from termforge.validate.source import imports, trees

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
CONNECTING = frozenset({"connect", "connect_ex", "create_connection", "getaddrinfo", "gethostbyname"})
"""Without a call of these `socket` only converts addresses."""
NETWORK_COMMANDS = re.compile(
    r"(?:^|[;&|(`]|\b(?:do|then|else|if|while|until|xargs)\b)[ \t]*"
    r"(?:(?:sudo|env|time|nohup|timeout[ \t]+\S+|\w+=\S*)[ \t]+)*"
    r"(?:(?:curl|wget|ssh|scp)(?![-\w])|git\s+(?:clone|fetch|pull)\s+\S*://"
    r"|(?:python3?[ \t]+-m[ \t]+|uv[ \t]+)?(?:apt|apt-get|pip|pip3|npm|gem|cargo)(?:[ \t]+-\S+)*[ \t]+install\b)"
)
"""In one line: where a command may stand, what may stand before its name, and the names."""
HERE_DOCUMENT = re.compile(r"<<-?[ \t]*(['\"]?)([A-Za-z_]\w*)\1")
LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]")


def offline(terminal_task: TerminalTask) -> str:
    """What tests or solution would fetch, as text; empty when nothing."""
    if terminal_task.needs & {Need.PACKAGES, Need.SERVICES}:
        return ""
    for path, tree in (trees(terminal_task.verifier) if terminal_task.verifier else {}).items():
        if used := sorted(_reached_by(tree)):
            return f"/tests/{path} imports {', '.join(used)}"
    for step in terminal_task.solution or ():
        for command in step.commands:
            if found := _fetched_by(command):
                return f"the solution types {found!r}"
    return ""


def _reached_by(tree: Tree) -> set[str]:
    used = imports(tree) & NETWORK_MODULES
    calls = {called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)} if "socket" in used else set()
    return used if calls & CONNECTING else used - {"socket"}


def _fetched_by(command: Command) -> str:
    if LOCAL.search(command.keystrokes):
        return ""
    found = (NETWORK_COMMANDS.search(line) for line in _commands(command.keystrokes))
    return next((match[0].strip() for match in found if match), "")


def _commands(keystrokes: str) -> Iterator[str]:
    """The lines that a shell runs: none of a here-document."""
    end = None
    for line in keystrokes.split("\n"):
        if end is None:
            yield line
            end = document[2] if (document := HERE_DOCUMENT.search(line)) else None
        elif line.lstrip("\t") == end:
            end = None
