"""Mutants of a solution: what is nearly right must be rejected, or the tests do not look closely.

Of two kinds: a solution in which something is wrong, played anew, and a right solution's results in which something is
wrong, graded as they are. A played mutant that comes to the same results as the solution is equivalent: it says nothing
about the tests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from termforge.schemas import Command, File, Step, TerminalTask
from termforge.validate.cheaters import an_input

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
DOING = re.compile(
    r"(?<![0-9&])>(?! ?/dev/null)|<<|\bsed -\w*i|\bsort -o|-exec\b|-delete\b|(?:^|[|;&(]|\bdo|\bthen|"
    r"\bxargs(?: -\S+)*)\s*(?:mv|cp|rm|mkdir|touch|chmod|ln|install|patch|tee|truncate|split|csplit|rename|rsync|unzip|"
    r"zip|make|gcc|cc|perl|tar -?\w*[xc]|git (?!log|show|diff|status)|python3|bash|sh|node|cpio|openssl|gzip|gunzip|xz|"
    r"dos2unix|sqlite3)\b",
    re.M,
)
"""Commands that may change something, quoted words left out: dropping one that only looks changes nothing."""
NUMBER = re.compile(r"(?<![\w.$#&/-])\d{1,9}(?![\w.])")
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
    text = step.commands[position].keystrokes
    other = str(int(found[0]) + 1).zfill(len(found[0]))
    changed = step.commands[position].model_copy(
        update={"keystrokes": text[: found.start()] + other + text[found.end() :]}
    )
    commands = (*step.commands[:position], changed, *step.commands[position + 1 :])
    line = text[: found.start()].count("\n") + 1
    what = f"step {place + 1}, command {position + 1}, line {line}: {found[0]} became {other}"
    mutated = (*solution[:place], step.model_copy(update={"commands": commands}), *solution[place + 1 :])
    return PlayedMutant("perturbed constant", what, mutated)


def of_results(terminal_task: TerminalTask, results: Mapping[str, File], random: Random) -> Iterator[LeftMutant]:
    """Truncated, empty, missing and copied results."""
    for path in random.sample(sorted(results), min(PER_FILE, len(results))):
        content = results[path].content
        if (less := truncated(content)) is not None:
            yield LeftMutant("truncated result", path, {path: less})
        if content:
            yield LeftMutant("empty result", path, {path: b""})
        yield LeftMutant("missing result", path, {path: None})
        if (copied := an_input(terminal_task, path)) is not None and copied != content:
            yield LeftMutant("copied input", path, {path: copied})
    if len(results) > 1:
        yield LeftMutant("touched files", "all results", dict.fromkeys(results, b""))


def truncated(content: bytes) -> bytes | None:
    """Without its last line that is not blank; None where that leaves nothing."""
    less = content.rstrip().rpartition(b"\n")[0]
    return less + b"\n" if less.strip() else None
