"""What a solution came to: the files it made or changed, without those that only helped it."""

import re
from collections.abc import Iterable

from termforge.schemas import Command, File, TerminalTask

TYPED = re.compile(r"(?:>>?|\btee(?: -a)?)\s*([^\s;|&<>()]+)\s*<<|<<\s*\S+\s*>>?\s*([^\s;|&<>()]+)")
"""A file typed as a here-document."""
NAMED = re.compile(r"/app(?:/[\w.+@%-]+)+")


def results(terminal_task: TerminalTask, left: Iterable[File]) -> dict[str, File]:
    """By path, in byte order: what differs from the task's own files, and is not a helper's source.

    A file that the solution types as a here-document, and that the instruction does not name, only helped, unless
    nothing else was made.
    """
    laid = {file.path: file for file in terminal_task.files}
    typed = {name.rpartition("/")[2] for name in _typed(terminal_task)}
    changed = sorted((file for file in left if file != laid.get(file.path)), key=lambda file: file.path)
    wanted = [
        file
        for file in changed
        if (name := file.path.rpartition("/")[2]) not in typed or name in terminal_task.instruction
    ]
    return {file.path: file for file in wanted or changed}


def _typed(terminal_task: TerminalTask) -> set[str]:
    commands: list[Command] = [command for step in terminal_task.solution or () for command in step.commands]
    return {name for command in commands for pair in TYPED.findall(command.keystrokes) for name in pair if name}


def named_paths(terminal_task: TerminalTask) -> list[str]:
    """What the instruction names below /app and the task does not lay: where results are expected."""
    laid = {file.path for file in terminal_task.files}
    folders = {folder for path in laid for folder in _parents(path)}
    named = {found.rstrip(".") for found in NAMED.findall(terminal_task.instruction)}
    folders |= {folder for path in named for folder in _parents(path)}
    return sorted(named - laid - folders)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]
