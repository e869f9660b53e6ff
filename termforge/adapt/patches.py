"""What files become under a patch: a unified diff, or the SEARCH/REPLACE edits that SWE prompts ask for.

Standard library only: this file is laid beside the tests of adapted SWE tasks, and adapts them too. Hunks may stand at
another line than they say, as for `patch`; their context must be there exactly, but for the ends of lines (LF, CRLF).
What could be read in two ways is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

SEARCH, DIVIDER, REPLACE = re.compile(r"(<{5,9}) SEARCH *"), re.compile(r"={5,9} *"), re.compile(r">{5,9} REPLACE *")
HEADING = re.compile(r"#{1,4} +`?([^`]+?)`? *")
FENCE = "```"
OLD, NEW = re.compile(r"--- ([^\t\n]+)"), re.compile(r"\+\+\+ ([^\t\n]+)")
HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
RENAMED = ("rename from ", "rename to ")
NOWHERE = "/dev/null"
ROOT = "/app/"


class DoesNotApply(ValueError):
    """Which file, and what does not fit."""


class Edit(NamedTuple):
    """Lines to be replaced, and the line above that may name their file."""

    above: str
    search: list[str]
    replace: list[str]


def edited(patch: str, originals: Mapping[str, str]) -> dict[str, str | None]:
    """The files that a patch touches, by path, as they are afterwards; None for a removed one.

    Raises: DoesNotApply; a text in which there is no edit is refused, too.
    """
    files: dict[str, str | None] = dict(originals)
    lines = patch.split("\n")
    edits = list(_edits([line.rstrip("\r") for line in lines]))
    touched = list(_apply_edits(edits, files) if edits else _apply_diff(lines, files))
    if not touched:
        raise DoesNotApply("there is neither a unified diff nor a SEARCH/REPLACE edit")
    return {path: files[path] for path in touched}


def _edits(lines: list[str]) -> Iterator[Edit]:
    opened = None
    for number, line in enumerate(lines):
        if SEARCH.fullmatch(line):
            if opened is not None:
                raise DoesNotApply(f"line {number + 1}: the edit before has no end")
            opened = number
        elif opened is not None and REPLACE.fullmatch(line):
            yield _edit(lines, opened, number)
            opened = None
    if opened is not None:
        raise DoesNotApply(f"line {opened + 1}: the edit has no end")


def _edit(lines: list[str], opened: int, end: int) -> Edit:
    dividers = [number for number in range(opened + 1, end) if DIVIDER.fullmatch(lines[number])]
    length = lines[opened].count("<")
    exact = [number for number in dividers if lines[number].count("=") == length] or dividers
    if len(exact) != 1:
        raise DoesNotApply(f"line {opened + 1}: it must be clear which line divides the edit")
    above = opened - 2 if opened > 1 and lines[opened - 1].startswith(FENCE) else opened - 1
    return Edit(lines[above] if above >= 0 else "", lines[opened + 1 : exact[0]], lines[exact[0] + 1 : end])


def _apply_edits(edits: Sequence[Edit], files: dict[str, str | None]) -> Iterator[str]:
    path = None
    for edit in edits:
        path = _named(edit.above, files) or path
        if path is None:
            raise DoesNotApply("an edit names no file")
        if (text := files.get(path)) is None and not edit.search:
            files[path] = "".join(f"{line}\n" for line in edit.replace)
        else:
            files[path] = _replaced(path, (text or "").split("\n"), edit)
        yield path


def _replaced(path: str, lines: list[str], edit: Edit) -> str:
    search, replace = _with_ends_of(lines, edit.search), _with_ends_of(lines, edit.replace)
    start = _place(lines, search, 0, 0) if search else None
    if start is None:
        raise DoesNotApply(f"{path}: the lines searched for are not there")
    return "\n".join([*lines[:start], *replace, *lines[start + len(search) :]])


def _named(above: str, files: Mapping[str, str | None]) -> str | None:
    """A heading names a file, even a new one; any other line only one that is there."""
    if heading := HEADING.fullmatch(above):
        return _known(heading[1], files)
    path = _known(above.strip(" `*:"), files)
    return path if path in files else None


def _with_ends_of(lines: Sequence[str], others: Sequence[str]) -> list[str]:
    """Other lines, ended as these are where these are all ended alike."""
    ends = {line.endswith("\r") for line in lines[:-1]}
    if len(ends) != 1:
        return list(others)
    end = "\r" if True in ends else ""
    return [line.rstrip("\r") + end for line in others]


def _apply_diff(lines: list[str], files: dict[str, str | None]) -> Iterator[str]:
    place = 0
    while place + 1 < len(lines):
        first, second = lines[place], lines[place + 1]
        old, new = OLD.match(first), NEW.match(second)
        if first.startswith(RENAMED[0]) and second.startswith(RENAMED[1]):
            yield from _rename(first.removeprefix(RENAMED[0]), second.removeprefix(RENAMED[1]), files)
            place += 2
        elif old and new:
            source, path = _source_and_path(old[1], new[1], files)
            text = "" if source == NOWHERE else files.get(source)
            if text is None:
                raise DoesNotApply(f"{source}: there is no such file")
            result, place = _apply_hunks(path, text, lines, place + 2)
            files[path] = None if new[1].strip() == NOWHERE else result
            yield path
        else:
            place += 1


def _rename(old: str, new: str, files: dict[str, str | None]) -> Iterator[str]:
    source, target = _known(old, files), _unquoted(new)
    if (text := files.get(source)) is None:
        raise DoesNotApply(f"{source}: there is no such file")
    files[source], files[target] = None, text
    yield from (source, target)


def _source_and_path(old: str, new: str, files: Mapping[str, str | None]) -> tuple[str, str]:
    """The file that the hunks start from, and the one that they make; of a pair such as x.orig and x, the one known."""
    if _unquoted(old) == NOWHERE:
        return NOWHERE, _plain(new)
    source, target = _known(old, files), _known(new, files)
    if files.get(source) is None and files.get(target) is not None:
        return target, target
    return source, source


def _apply_hunks(path: str, text: str, lines: list[str], place: int) -> tuple[str, int]:
    """The text after all hunks that follow, and the line after the last of them."""
    rest, done, at, found = text.split("\n"), [], 0, False
    while place < len(lines) and (header := HUNK.match(lines[place])):
        hunk = _hunk(path, lines, place + 1, int(header[2] or 1), int(header[4] or 1))
        before, after, place = _with_ends_of(rest, hunk[0]), _with_ends_of(rest, hunk[1]), hunk[2]
        start = _place(rest, before, at, int(header[1]) - 1)
        if start is None:
            raise DoesNotApply(f"{path}: the lines of hunk {header[0]} are not there")
        done += [*rest[at:start], *after]
        at, found = start + len(before), True
    if not found:
        raise DoesNotApply(f"{path}: no hunk follows")
    return "\n".join([*done, *rest[at:]]), place


def _hunk(path: str, lines: list[str], place: int, old: int, new: int) -> tuple[list[str], list[str], int]:
    """Lines before and after, as many as the header says, and the line that follows."""
    before: list[str] = []
    after: list[str] = []
    while place < len(lines) and (len(before) < old or len(after) < new or lines[place].startswith("\\")):
        mark, line = lines[place][:1], lines[place][1:]
        if mark not in (" ", "", "-", "+", "\\"):
            raise DoesNotApply(f"{path}: a hunk is shorter than its header says")
        before += [line] if mark in (" ", "", "-") else []
        after += [line] if mark in (" ", "", "+") else []
        place += 1
    if len(before) != old or len(after) != new:
        raise DoesNotApply(f"{path}: a hunk is not as long as its header says")
    return before, after, place


def _place(lines: list[str], before: list[str], first: int, expected: int) -> int | None:
    """Where these lines stand from `first` on, nearest to what is expected; None where they do not."""
    last = len(lines) - len(before)
    if not before:
        return min(max(expected + 1, first), len(lines))
    found = [start for start in range(first, last + 1) if lines[start : start + len(before)] == before]
    return min(found, key=lambda start: abs(start - expected), default=None)


def _known(name: str, files: Mapping[str, str | None]) -> str:
    """A path as a patch may spell it: with `a/` or `b/`, or below /app."""
    name = _unquoted(name)
    for path in (name, name.removeprefix("./"), name.removeprefix(ROOT), name.partition("/")[2]):
        if path in files:
            return path
    return _plain(name)


def _plain(name: str) -> str:
    name = _unquoted(name)
    return name[2:] if name[:2] in ("a/", "b/", "./") else name.removeprefix(ROOT)


def _unquoted(name: str) -> str:
    """Git writes bytes beyond ASCII as octal numbers, between quotation marks."""
    name = name.strip()
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    try:
        return name[1:-1].encode("ascii").decode("unicode_escape").encode("latin-1").decode()
    except UnicodeError:
        raise DoesNotApply(f"{name}: is no name as git quotes one") from None
