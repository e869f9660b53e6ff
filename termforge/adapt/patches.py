"""What files become under a patch: a unified diff, or the SEARCH/REPLACE edits that SWE prompts ask for.

Standard library only: this file is laid beside the tests of adapted SWE tasks, and adapts them too. Hunks may stand at
another line than they say, as for `patch`; their context must be there exactly.
"""

import re
from collections.abc import Iterator, Mapping

EDIT = re.compile(
    r"(?:^#{1,4} +`?(?P<path>[^\n`]+?)`? *\n)?(?:^```[^\n]*\n)?"
    r"^<{5,9} SEARCH\n(?P<search>(?:.*\n)*?)={5,9}\n(?P<replace>(?:.*\n)*?)>{5,9} REPLACE *$",
    re.M,
)
OLD, NEW = re.compile(r"--- ([^\t\n]+)"), re.compile(r"\+\+\+ ([^\t\n]+)")
HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
NOWHERE = "/dev/null"
ROOT = "/app/"


class DoesNotApply(ValueError):
    """Which file, and what does not fit."""


def edited(patch: str, originals: Mapping[str, str]) -> dict[str, str | None]:
    """The files that a patch touches, by path, as they are afterwards; None for a removed one.

    Raises: DoesNotApply; a text in which there is no edit is refused, too.
    """
    files: dict[str, str | None] = dict(originals)
    as_edits = "<<<<< SEARCH\n" in patch and EDIT.search(patch)
    touched = list(_apply_edits(patch, files) if as_edits else _apply_diff(patch, files))
    if not touched:
        raise DoesNotApply("there is neither a unified diff nor a SEARCH/REPLACE edit")
    return {path: files[path] for path in touched}


def _apply_edits(patch: str, files: dict[str, str | None]) -> Iterator[str]:
    path = None
    for edit in EDIT.finditer(patch):
        path = _known(edit["path"].strip(), files) if edit["path"] else path
        if path is None:
            raise DoesNotApply("an edit names no file")
        text, search = files.get(path) or "", edit["search"]
        if search not in text or not (search or path not in files):
            raise DoesNotApply(f"{path}: the lines searched for are not there")
        files[path] = text.replace(search, edit["replace"], 1)
        yield path


def _apply_diff(patch: str, files: dict[str, str | None]) -> Iterator[str]:
    lines = patch.split("\n")
    place = 0
    while place + 1 < len(lines):
        old, new = OLD.match(lines[place]), NEW.match(lines[place + 1])
        if not old or not new:
            place += 1
            continue
        source, target = (_known(name[1].strip(), files) for name in (old, new))
        path = source if target == NOWHERE else target
        text = "" if source == NOWHERE else files.get(source)
        if text is None:
            raise DoesNotApply(f"{source}: there is no such file")
        result, place = _apply_hunks(path, text, lines, place + 2)
        files[path] = None if target == NOWHERE else result
        yield path


def _apply_hunks(path: str, text: str, lines: list[str], place: int) -> tuple[str, int]:
    """The text after all hunks that follow, and the line after the last of them."""
    rest, done, at, found = text.split("\n"), [], 0, False
    while place < len(lines) and (header := HUNK.match(lines[place])):
        before, after, place = _hunk(path, lines, place + 1, int(header[2] or 1), int(header[4] or 1))
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
    for path in (name, name.removeprefix(ROOT), name.partition("/")[2]):
        if path in files:
            return path
    return name[2:] if name[:2] in ("a/", "b/") else name.removeprefix(ROOT)
