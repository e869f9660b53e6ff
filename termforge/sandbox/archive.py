"""Tar archives as the only way files enter or leave a sandbox.

`pack` is deterministic. `unpack` reads what a hostile machine sent: it keeps regular files in memory and never touches
this machine's file system, so links, devices and `..` have nothing to act on; names and sizes are checked before the
bytes are read.
"""

import io
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Sequence

from termforge.errors import SandboxError, UnfitFiles
from termforge.schemas import File

MTIME = 1_735_689_600
"""2025-01-01 UTC: fixed, and late enough for zip, which knows nothing before 1980."""

_HEADERS_PER_FILE = 8192
"""Room in the stream for one entry's headers and padding; hostile extension headers count against it."""


def pack(files: Sequence[File], *, read_only: bool = False) -> bytes:
    """A tar of root's `files`, names relative to `/`, without entries for folders; write bits cleared on request."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            member = tarfile.TarInfo(file.path.removeprefix("/"))
            member.size, member.mtime = len(file.content), MTIME
            member.mode = file.mode & (0o7555 if read_only else 0o7777)
            tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def unpack(
    stream: bytes | Iterable[bytes],
    under: Sequence[str],
    *,
    max_bytes: int,
    max_files: int,
    base: str = "/",
) -> list[File]:
    """Regular files of a tar whose path, `base` joined with the member's name, is at or below one of `under`.

    Hard links inside the archive are followed to files already read; a name that is not UTF-8 is left out, as is
    anything that is no regular file. Sorted by path; of two members with one name the later counts.

    Raises: UnfitFiles when a limit is passed, SandboxError when the archive is damaged or ends early.
    """
    chunks = iter((stream,)) if isinstance(stream, bytes) else iter(stream)
    bounded = _Bounded(chunks, max_bytes + (4 * max_files + 16) * _HEADERS_PER_FILE)
    found: dict[str, File] = {}
    total = entries = 0
    try:
        with tarfile.open(fileobj=bounded, mode="r|") as tar:
            for member in tar:
                entries += 1
                if entries > 4 * max_files + 16:
                    raise UnfitFiles(f"more than {max_files} files to fetch, folders and links among them")
                path = _path(base, member.name, under)
                if path is None or not (member.isreg() or member.islnk()):
                    continue
                total += member.size
                if total > max_bytes:
                    raise UnfitFiles(f"more than {max_bytes} bytes to fetch, at {path!r}")
                content = _content(tar, member, found, base)
                if content is None:
                    continue
                total += len(content) if member.islnk() else 0
                found[path] = File(path=path, content=content, mode=member.mode & 0o7777)
                if len(found) > max_files or total > max_bytes:
                    raise UnfitFiles(f"more than {max_files} files or {max_bytes} bytes to fetch, at {path!r}")
    except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
        raise SandboxError(f"the archive out of the sandbox is damaged: {error}") from error
    return sorted(found.values(), key=lambda file: file.path)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, found: dict[str, File], base: str) -> bytes | None:
    if member.islnk():
        target = found.get(posixpath.normpath(posixpath.join(base, member.linkname)))
        return target.content if target is not None else None
    reader = tar.extractfile(member)
    return reader.read() if reader is not None else None


def _path(base: str, name: str, under: Sequence[str]) -> str | None:
    """The absolute, normal path of a member; None where the name is hostile, unreadable or not below `under`."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return None
    parts = [part for part in posixpath.join(base, name).split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        return None
    path = "/" + "/".join(parts)
    wanted = (posixpath.normpath(folder) for folder in under)
    return path if any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in wanted) else None


class _Bounded(io.RawIOBase):
    """Joins chunks into a readable stream, no longer than `limit` bytes and closed by a block of zeros.

    tarfile takes a stream cut between two members for a whole one.
    """

    def __init__(self, chunks: Iterator[bytes], limit: int) -> None:
        self._chunks, self._left, self._buffer, self._tail = chunks, limit, b"", b"?"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._buffer) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                if self._tail.strip(b"\0"):
                    raise SandboxError("the archive out of the sandbox ends early")
                break
            self._tail = (self._tail + chunk)[-512:]
            self._left -= len(chunk)
            if self._left < 0:
                raise UnfitFiles("the archive out of the sandbox is longer than its limits allow")
            self._buffer = self._buffer + chunk if self._buffer else chunk
        size = len(self._buffer) if size < 0 else size
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken
