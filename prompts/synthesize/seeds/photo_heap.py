"""file-operations, archiving

A folder holds tens of thousands of photographs under meaningless names, many of them copies of one another, some in
sub-folders, some mere symbolic links. It must not be touched before a plan is approved; a listing of it gives each
entry's path, its checksum or where it points, and a date where one is known. Write the plan: a tree by year and month
with a folder of its own for what has no date, no name given twice, one of identical photographs moved, the others
made hard links to it, symbolic links made again as they were; and a list by which the old state can be restored.
"""

import os
from pathlib import PurePosixPath
from typing import NamedTuple


class Entry(NamedTuple):
    path: str
    checksum: str
    """Empty for a symbolic link."""
    target: str
    date: str
    """Year, month and day with dashes between them; empty where it is not known."""


def plan(listing: list[Entry]) -> list[tuple[str, str, str]]:
    """(old path, new path, what is done) in the bytewise order of the old paths."""
    planned: list[tuple[str, str, str]] = []
    kept: dict[str, str] = {}
    taken: set[str] = set()
    for entry in sorted(listing, key=lambda entry: os.fsencode(entry.path)):
        new = _free(f"{_month(entry.date)}/{PurePosixPath(entry.path).name}", taken)
        taken.add(new)
        if entry.target:
            what = f"symbolic link to {entry.target}"
        elif entry.checksum in kept:
            what = f"hard link to {kept[entry.checksum]}"
        else:
            what = "moved"
            kept[entry.checksum] = new
        planned.append((entry.path, new, what))
    return planned


def restoring(planned: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """(new path, old path, what is done), from the last step to the first: links are undone before what they share."""
    return [(new, old, "copied" if what.startswith("hard") else "moved back") for old, new, what in reversed(planned)]


def _month(date: str) -> str:
    return "/".join(date.split("-")[:2]) if date else "undated"


def _free(path: str, taken: set[str]) -> str:
    wanted = PurePosixPath(path)
    number, free = 1, path
    while free in taken:
        free, number = str(wanted.with_stem(f"{wanted.stem}-{number}")), number + 1
    return free
