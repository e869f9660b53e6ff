"""Mutants of a solution: what is nearly right must be rejected, or the tests do not look closely.

Of two kinds: a solution in which something is wrong, played anew, and a right solution's results in which something is
wrong, graded as they are. A played mutant that leaves the same files as the solution is equivalent: it says nothing
about the tests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from termforge.schemas import Command, File, Step, TerminalTask
from termforge.validate.cheaters import likely_inputs

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
DOING = re.compile(
    r"(?<![0-9&])>(?! ?/dev/null)|<<|\bsed -\w*i|\bsort -o|-exec\b|-delete\b|(?:^|[|;&(]|\bdo|\bthen|"
    r"\bxargs(?: -\S+)*)[ \t]*"
    r"(?:mv|cp|rm|mkdir|touch|chmod|ln|install|patch|tee|truncate|split|csplit|rename|rsync|unzip|zip|make|gcc|cc|perl|"
    r"tar -?\w*[xc]|git (?!log|show|diff|status)|python3|bash|sh|node|cpio|openssl|gzip|gunzip|xz|dos2unix|sqlite3)\b",
    re.M,
)
"""Commands that may change something, quoted words left out: dropping one that only looks changes nothing."""
NUMBER = re.compile(r"(?<![\w.$#&/-])\d{1,9}(?![\w.>])")
VALUE = re.compile(r"(?<![\w.])\d{1,9}(?!\w)")
"""A whole number in a result, or what stands before a fraction: never in a name, nor behind a point."""
PER_FILE = 3
"""Results of which mutants are made, at most, so that a tree of many files does not crowd out the rest."""


class PlayedMutant(NamedTuple):
    kind: str
    what: str
    solution: tuple[Step, ...]


class LeftMutant(NamedTuple):
    kind: str
    what: str
    changed: Mapping[str, bytes | None]
    """New content by path; None for a file that is gone."""


def played(terminal_task: TerminalTask, random: Random) -> Iterator[PlayedMutant]:
    """Every dropped step that may matter, and as many perturbed constants."""
    solution = terminal_task.solution or ()
    doing = [place for place, step in enumerate(solution) if any(_does(command) for command in step.commands)]
    for place in doing if len(solution) > 1 else ():  # to drop the only one is to do nothing
        yield PlayedMutant("dropped step", f"step {place + 1}", (*solution[:place], *solution[place + 1 :]))
    for place in doing:
        if (mutant := _perturbed(solution, place, random)) is not None:
            yield mutant


def _does(command: Command) -> bool:
    return DOING.search(QUOTED.sub("q", command.keystrokes)) is not None


def _perturbed(solution: Sequence[Step], place: int, random: Random) -> PlayedMutant | None:
    """One number in what a step does, larger by one."""
    step = solution[place]
    spots = [
        (position, found)
        for position, command in enumerate(step.commands)
        if _does(command)
        for found in NUMBER.finditer(command.keystrokes)
    ]
    if not spots:
        return None
    position, found = random.choice(spots)
    where, text = _larger(step.commands[position].keystrokes, found)
    changed = step.commands[position].model_copy(update={"keystrokes": text})
    commands = (*step.commands[:position], changed, *step.commands[position + 1 :])
    mutated = (*solution[:place], step.model_copy(update={"commands": commands}), *solution[place + 1 :])
    return PlayedMutant("perturbed constant", f"step {place + 1}, command {position + 1}, {where}", mutated)


def _larger(text: str, number: re.Match[str]) -> tuple[str, str]:
    """What became larger by one, and the text in which it is; as wide as it was where zeros fill it."""
    other = str(int(number[0]) + 1).zfill(len(number[0]))
    line = text[: number.start()].count("\n") + 1
    return f"line {line}: {number[0]} became {other}", text[: number.start()] + other + text[number.end() :]


def of_results(terminal_task: TerminalTask, results: Mapping[str, File], random: Random) -> Iterator[LeftMutant]:
    """Results in which something is wrong; where there are several, also one that is missing, empty or an input.

    Of a single result those would only repeat what doing nothing and the cheaters have said. Where nothing but a mode
    was changed, what a file holds is no result.
    """
    laid = {file.path: file.content for file in terminal_task.files}
    contents = {path: file.content for path, file in results.items() if file.content != laid.get(path)}
    for path in random.sample(sorted(contents), min(PER_FILE, len(contents))):
        yield from _damaged(path, contents[path], random)
        if len(contents) > 1:
            yield from _replaced(terminal_task, path, contents[path])
    if len(contents) > 1:
        yield LeftMutant("touched files", "all results", dict.fromkeys(contents, b""))


def _damaged(path: str, content: bytes, random: Random) -> Iterator[LeftMutant]:
    if (less := truncated(content)) is not None:
        yield LeftMutant("truncated result", path, {path: less})
    if (dropped := without_a_line(content, random)) is not None:
        where, less = dropped
        yield LeftMutant("dropped line", f"{path}, {where}", {path: less})
    if (changed := with_another_number(content, random)) is not None:
        where, other = changed
        yield LeftMutant("changed number", f"{path}, {where}", {path: other})


def _replaced(terminal_task: TerminalTask, path: str, content: bytes) -> Iterator[LeftMutant]:
    if content:
        yield LeftMutant("empty result", path, {path: b""})
    yield LeftMutant("missing result", path, {path: None})
    for copied in likely_inputs(terminal_task, path, 1):
        if copied != content:
            yield LeftMutant("copied input", path, {path: copied})


def truncated(content: bytes) -> bytes | None:
    """Without its last line that is not blank; None where that leaves nothing."""
    less = content.rstrip().rpartition(b"\n")[0]
    return less + b"\n" if less.strip() else None


def without_a_line(content: bytes, random: Random) -> tuple[str, bytes] | None:
    """Which line is gone, and the rest: no blank one, nor the first or last that is none. None where there is none."""
    lines = content.splitlines(keepends=True)
    inner = [place for place, line in enumerate(lines) if line.strip()][1:-1]
    if not inner:
        return None
    place = random.choice(inner)
    return f"line {place + 1}", b"".join(lines[:place] + lines[place + 1 :])


def with_another_number(content: bytes, random: Random) -> tuple[str, bytes] | None:
    """Which number is larger by one, and all of it; None for what is no text or has no number."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if not (found := list(VALUE.finditer(text))):
        return None
    where, changed = _larger(text, random.choice(found))
    return where, changed.encode()
