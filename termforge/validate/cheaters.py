"""Agents that do not work: files of the right names with the wrong content must not earn anything."""

from collections.abc import Callable, Iterable, Sequence

from termforge.schemas import File, TerminalTask

Cheat = Callable[[TerminalTask, str], bytes | None]
"""What is put at a path; None where there is nothing to put."""


def nothing(terminal_task: TerminalTask, path: str) -> bytes:
    return b""


def the_instruction(terminal_task: TerminalTask, path: str) -> bytes:
    return terminal_task.instruction.encode()


def an_input(terminal_task: TerminalTask, path: str) -> bytes | None:
    """The task's own file that is most like the wanted one: of its kind, in its folder; else the longest."""
    folder, _, name = path.rpartition("/")
    ending = name.rpartition(".")[2]
    others = [file for file in terminal_task.files if file.path != path and file.content]
    if not others:
        return None
    return max(others, key=lambda file: _likeness(file, folder, ending)).content


def _likeness(file: File, folder: str, ending: str) -> tuple[bool, bool, int, str]:
    return file.path.endswith(f".{ending}"), file.path.startswith(f"{folder}/"), len(file.content), file.path


CHEATS: dict[str, Cheat] = {
    "empty files": nothing,
    "the instruction": the_instruction,
    "copied input": an_input,
}


def cheats(terminal_task: TerminalTask, paths: Sequence[str]) -> dict[str, list[File]]:
    """What each kind of cheater leaves that puts something at these paths; none where it has nothing to put."""
    found = {}
    for name, cheat in CHEATS.items():
        put = [
            File(path=path, content=content) for path in paths if (content := cheat(terminal_task, path)) is not None
        ]
        if put:
            found[name] = laid_with(terminal_task, put)
    return found


def laid_with(terminal_task: TerminalTask, files: Iterable[File]) -> list[File]:
    """The task's own files with others beside and over them."""
    return list({file.path: file for file in (*terminal_task.files, *files)}.values())
