"""Who holds a container: a file under the state folder, locked for as long as the holding process lives.

The kernel drops the lock however the process ends, so a lock that can be taken means a dead holder. Containers carry
the holder's id and the state folder's, so an engine shared by several machines or users is reaped by each for itself.
"""

import fcntl
import os
import uuid
from pathlib import Path


class Holder:
    """This process as a holder; `id` goes on what it holds."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._path = folder / self.id
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{self.id}"
        self._lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.rename(self._path)  # locked before it can be seen, or a reaper would take it for a dead one

    def release(self) -> None:
        """Only when nothing is held any more. May be called twice."""
        if self._lock >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


def is_dead(folder: Path, holder: str) -> bool:
    """Whether nobody lives who holds under this id."""
    try:
        lock = os.open(folder / holder, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def forget(folder: Path, holder: str) -> None:
    (folder / holder).unlink(missing_ok=True)


def owner(folder: Path) -> str:
    """The id of a state folder, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "owner"
    fresh = folder / f".owner-{uuid.uuid4().hex}"
    fresh.write_text(uuid.uuid4().hex[:12])
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text()
