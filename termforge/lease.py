"""Who may work on a shard: a lease with a time to live and a fencing number that only grows.

A lease is a small JSON file, changed under a short flock. It can be taken when it was released, when it has expired,
or at once when its holder ran on this very machine and is provably dead (no such process, or another under its number).
"""

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from termforge.errors import LeaseLost
from termforge.schemas import Record

TTL_S = 60.0


class Holder(Record):
    """A process, told apart from a later one with the same number by its start time."""

    machine: str
    pid: int
    started: str

    @classmethod
    def of_this_process(cls) -> Self:
        return cls(machine=_machine(), pid=os.getpid(), started=_start_time(os.getpid()))

    @property
    def provably_dead(self) -> bool:
        return self.machine == _machine() and _start_time(self.pid) != self.started


class Entry(Record):
    """What the lease file says."""

    fence: int
    expires: float
    """Unix time; 0 once released."""
    holder: Holder

    @property
    def binding(self) -> bool:
        return self.expires > time.time() and not self.holder.provably_dead


class Lease:
    """The right to write a shard. `check` before every write; a ticker renews it meanwhile."""

    def __init__(self, folder: Path, fence: int, ttl_s: float) -> None:
        self.folder, self.fence, self._ttl_s = folder, fence, ttl_s
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._renew_until_stopped, daemon=True, name=f"lease-{folder.name}")

    def check(self) -> None:
        """Raises: LeaseLost when another holder has taken over."""
        if not self._is_ours():
            raise LeaseLost(f"{self.folder} is held by somebody else now")

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._ttl_s / 4):
            with _locked(self.folder):
                if not self._is_ours():
                    return
                _write(self.folder, self.fence, expires=time.time() + self._ttl_s)

    def release(self) -> None:
        self._stop.set()
        with _locked(self.folder):
            if self._is_ours():
                _write(self.folder, self.fence, expires=0.0)

    def _is_ours(self) -> bool:
        entry = _read(self.folder)
        return entry is not None and entry.fence == self.fence


@contextmanager
def held(folder: Path, *, ttl_s: float = TTL_S, poll_s: float = 0.5) -> Iterator[Lease]:
    """Wait for the shard's lease, hold it for the block, release it."""
    folder.mkdir(parents=True, exist_ok=True)
    while (lease := _take(folder, ttl_s)) is None:
        time.sleep(poll_s)
    lease._ticker.start()
    try:
        yield lease
    finally:
        lease.release()


def _take(folder: Path, ttl_s: float) -> Lease | None:
    with _locked(folder):
        entry = _read(folder)
        if entry is not None and entry.binding:
            return None
        fence = 1 if entry is None else entry.fence + 1
        _write(folder, fence, expires=time.time() + ttl_s)
        return Lease(folder, fence, ttl_s)


def _read(folder: Path) -> Entry | None:
    path = folder / "lease.json"
    return Entry.model_validate_json(path.read_text()) if path.exists() else None


def _write(folder: Path, fence: int, *, expires: float) -> None:
    entry = Entry(fence=fence, expires=expires, holder=Holder.of_this_process())
    partial = folder / f"lease.json.{os.getpid()}"
    partial.write_text(entry.model_dump_json())
    partial.replace(folder / "lease.json")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lease.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _machine() -> str:
    """This machine and boot: a process number means nothing after a restart."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()}/{boot.read_text().strip() if boot.exists() else ''}"


def _start_time(pid: int) -> str:
    """The process's start in clock ticks since boot; empty when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]
