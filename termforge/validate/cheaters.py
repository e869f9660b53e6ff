"""Agents that do not work: files of the right names with the wrong content must not earn anything."""

from collections.abc import Iterable, Mapping
from heapq import nlargest

from termforge.schemas import File, TerminalTask

COPIES = 2
"""Inputs that are copied to each place, one cheater after the other. Each costs a grading."""


def cheats(terminal_task: TerminalTask, modes: Mapping[str, int]) -> dict[str, list[File]]:
    """What each kind of cheater puts at these paths, in these modes; none where it has nothing to put."""
    objects = [path for path in modes if path.endswith(".json")]
    made = {
        "empty files": dict.fromkeys(modes, b""),
        "the instruction": dict.fromkeys(modes, terminal_task.instruction.encode()),
        "an empty object": dict.fromkeys(objects, b"{}"),
        "an empty list": dict.fromkeys(objects, b"[]"),
        **_copied(terminal_task, modes),
    }
    return {
        name: [File(path=path, content=content, mode=modes[path]) for path, content in contents.items()]
        for name, contents in made.items()
        if contents
    }


def _copied(terminal_task: TerminalTask, paths: Iterable[str]) -> dict[str, dict[str, bytes]]:
    likely = {path: likely_inputs(terminal_task, path, COPIES) for path in paths}
    return {
        f"copied input {place + 1}": {path: inputs[place] for path, inputs in likely.items() if place < len(inputs)}
        for place in range(COPIES)
    }


def likely_inputs(terminal_task: TerminalTask, path: str, most: int) -> list[bytes]:
    """Of the task's own files those most like the wanted one: of its kind, in its folder, else the longest."""
    folder, _, name = path.rpartition("/")
    ending = name.rpartition(".")[2]
    others = (file for file in terminal_task.files if file.path != path and file.content)
    return [file.content for file in nlargest(most, others, key=lambda file: _likeness(file, folder, ending))]


def _likeness(file: File, folder: str, ending: str) -> tuple[bool, bool, int, str]:
    return file.path.endswith(f".{ending}"), file.path.startswith(f"{folder}/"), len(file.content), file.path


def laid_with(terminal_task: TerminalTask, files: Iterable[File]) -> list[File]:
    """The task's own files with others beside and over them."""
    return list({file.path: file for file in (*terminal_task.files, *files)}.values())
