"""A disk limit for engines whose storage has no quotas: look every second, end what has written too much.

Weaker than a quota: between two looks a sandbox may pass its limit by what it writes in that time. Where the engine's
storage takes a size (overlay2 on XFS with project quotas), this is not used.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_EVERY_S = 1.0
_SHARE_OF_TIME = 0.1
"""Looking walks every writable layer; it takes at most this share of the time."""
_INODE_BYTES = 256
"""What an empty file takes."""


def takes_more(api: Any, container: str, layer: Path | None, limit_bytes: int) -> bool:
    """Whether what a container wrote takes more than its limit.

    Blocks are counted where its writable layer is in sight: the engine is slower, and counts sparse files in full.
    Raises what docker-py raises.
    """
    if layer is not None:
        with contextlib.suppress(OSError):  # a tree too deep for paths
            return _holds_more(layer, limit_bytes)
    found = api.containers(size=True, filters={"id": container})
    return any(one.get("SizeRw", 0) > limit_bytes for one in found)


def layer_of(api: Any, container: str) -> Path | None:
    """The folder of its writable layer; None where it is not in sight. Raises what docker-py raises."""
    driver = api.inspect_container(container).get("GraphDriver") or {}
    upper = Path((driver.get("Data") or {}).get("UpperDir") or "/nonexistent")
    return upper if os.access(upper, os.R_OK | os.X_OK) else None


def _holds_more(folder: Path, limit_bytes: int) -> bool:
    total, waiting, seen = 0, [str(folder)], set[int]()
    while waiting:
        inside, entries = _listed(waiting.pop())
        waiting += inside
        for status in entries:
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_blocks * 512 + _INODE_BYTES
        if total > limit_bytes:
            return True
    return False


def _listed(folder: str) -> tuple[list[str], list[os.stat_result]]:
    """Its folders and what all its entries take; the agent may remove them meanwhile."""
    folders, entries = [], []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                entries.append(entry.stat(follow_symlinks=False))
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return folders, entries


class DiskWatch:
    """Ends containers whose writable layer is above its limit."""

    def __init__(self, is_over: Callable[[str, Path | None, int], bool], end: Callable[[str], None]) -> None:
        """`is_over` takes a container, its layer and its limit; both are called from a thread and must not raise."""
        self._is_over, self._end = is_over, end
        self._watched: dict[str, tuple[Path | None, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, container: str, layer: Path | None, limit_bytes: int) -> None:
        with self._lock:
            self._watched[container] = layer, limit_bytes
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="termforge-disk-watch", daemon=True)
                self._thread.start()

    def remove(self, container: str) -> None:
        with self._lock:
            self._watched.pop(container, None)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        pause = _EVERY_S
        while not self._stop.wait(pause):
            start = time.monotonic()
            self._check()
            pause = max(_EVERY_S, (time.monotonic() - start) / _SHARE_OF_TIME)

    def _check(self) -> None:
        with self._lock:
            watched = dict(self._watched)
        for container, (layer, limit_bytes) in watched.items():
            if not self._stop.is_set() and self._is_over(container, layer, limit_bytes):
                self.remove(container)
                self._end(container)
