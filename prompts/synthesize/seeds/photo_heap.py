"""file-operations, archiving

A folder holds tens of thousands of photographs under meaningless names, many of them copies of one another, some in
sub-folders, some behind symbolic links. Arrange them by year and month of a date that is written in a small text file
beside each, keep one of identical ones and hard-link the others to it, leave what has no date in a folder of its own,
and write a list from which the old state can be restored.
"""

import hashlib
import os
from pathlib import Path

SUFFIX = ".jpg"


def arrange(source: Path, target: Path) -> list[tuple[str, str, str]]:
    """(old path, new path, kind) of everything that moved, in order of the old paths; dates stand in NAME.txt."""
    moved: list[tuple[str, str, str]] = []
    kept: dict[str, Path] = {}
    for old in sorted(source.rglob(f"*{SUFFIX}"), key=os.fsencode):
        new = _free(target / _month(old) / old.name)
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_symlink():
            kind = f"link to {old.readlink()}"
            new.symlink_to(old.readlink())
            old.unlink()
        else:
            content = hashlib.sha256(old.read_bytes()).hexdigest()
            kind = "copy" if content in kept else "kept"
            if kind == "copy":
                new.hardlink_to(kept[content])
                old.unlink()
            else:
                kept[content] = old.rename(new)
        moved.append((str(old.relative_to(source)), str(new.relative_to(target)), kind))
    return moved


def _month(photo: Path) -> str:
    note = photo.with_suffix(".txt")
    words = note.read_text().split("-") if note.is_file() else []
    return "/".join(words[:2]) if len(words) == 3 else "undated"


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.is_symlink() or free.exists():
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free
