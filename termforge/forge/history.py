"""Version histories as text: a `git fast-import` stream, and the names that git will give its commits.

A task cannot carry a repository, whose objects are compressed; a stream with fixed dates makes the same one anywhere.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Revision(NamedTuple):
    """One commit of the branch `branch`; `files` is the whole tree after it, by path, without folders."""

    subject: str
    author: str
    """`Name <mail>`."""
    time: int
    """Seconds since 1970, UTC."""
    files: Mapping[str, str]
    branch: str = "main"
    parent: int | None = None
    """Position of the parent in the list of revisions; None for the first."""


def stream(revisions: Iterable[Revision]) -> str:
    """What `git fast-import` reads; revision N has the mark `:N+1`."""
    return "".join(_commit(number, revision) for number, revision in enumerate(revisions, 1))


def _commit(number: int, revision: Revision) -> str:
    """Each commit lists its whole tree anew."""
    lines = [
        f"commit refs/heads/{revision.branch}",
        f"mark :{number}",
        f"author {revision.author} {revision.time} +0000",
        f"committer {revision.author} {revision.time} +0000",
        _data(f"{revision.subject}\n"),
    ]
    if revision.parent is not None:
        lines.append(f"from :{revision.parent + 1}")
    lines.append("deleteall")
    lines += [f"M 100644 inline {path}\n{_data(text)}" for path, text in revision.files.items()]
    return "\n".join(lines) + "\n\n"


def _data(text: str) -> str:
    return f"data {len(text)}\n{text}"


def names(revisions: Iterable[Revision]) -> list[str]:
    """The 40 digits by which git knows each commit."""
    found: list[str] = []
    for revision in revisions:
        lines = [f"tree {_tree(revision.files).hex()}"]
        if revision.parent is not None:
            lines.append(f"parent {found[revision.parent]}")
        lines += [f"{role} {revision.author} {revision.time} +0000" for role in ("author", "committer")]
        text = "\n".join([*lines, "", revision.subject, ""])
        found.append(_object("commit", text.encode()).hex())
    return found


def _tree(files: Mapping[str, str]) -> bytes:
    entries = (b"100644 %s\0%s" % (path.encode(), _object("blob", files[path].encode())) for path in sorted(files))
    return _object("tree", b"".join(entries))


def _object(kind: str, content: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(content), content), usedforsecurity=False).digest()
