"""A disk limit for engines whose storage has no quotas: look every second, end what has written too much.

Weaker than a quota: between two looks a sandbox may pass its limit by what it writes in that time. Where the engine's
storage takes a size (overlay2 on XFS with project quotas), this is not used.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_EVERY_S = 1.0
_SHARE_OF_TIME = 0.1
"""Looking walks every writable layer; it takes at most this share of the engine's time."""


def over(api: Any, filters: Mapping[str, str], limits_bytes: Mapping[str, int]) -> list[str]:
    """Ids of the running containers, of those that the filters find, that take more than their limits.

    The engine counts sparse files in full; where its files are in sight, blocks are counted before it is believed.
    Raises what docker-py raises.
    """
    found = api.containers(size=True, filters=dict(filters))
    apparent = {one["Id"]: one.get("SizeRw", 0) for one in found if one["Id"] in limits_bytes}
    suspect = [container for container, size in apparent.items() if size > limits_bytes[container]]
    return [container for container in suspect if _is_over(api, container, limits_bytes[container])]


def _is_over(api: Any, container: str, limit_bytes: int) -> bool:
    driver = api.inspect_container(container).get("GraphDriver") or {}
    upper = Path((driver.get("Data") or {}).get("UpperDir") or "/nonexistent")
    if not os.access(upper, os.R_OK | os.X_OK):
        return True
    try:
        return _takes_more(upper, limit_bytes)
    except OSError:  # a tree too deep for paths, or gone meanwhile
        return True


def _takes_more(folder: Path, limit_bytes: int) -> bool:
    total, waiting, seen = 0, [str(folder)], set[int]()
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
                if total > limit_bytes:
                    return True
    return False


class DiskWatch:
    """Ends containers whose writable layer is above its limit."""

    def __init__(self, look: Callable[[Mapping[str, int]], list[str]], end: Callable[[str], None]) -> None:
        """`look` picks those above their limits; both are called from the watching thread and must not raise."""
        self._look, self._end = look, end
        self._limits: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, container: str, limit_bytes: int) -> None:
        with self._lock:
            self._limits[container] = limit_bytes
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="termforge-disk-watch", daemon=True)
                self._thread.start()

    def remove(self, container: str) -> None:
        with self._lock:
            self._limits.pop(container, None)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        pause = _EVERY_S
        while not self._stop.wait(pause):
            start = time.monotonic()
            if self._limits:
                self._check()
            pause = max(_EVERY_S, (time.monotonic() - start) / _SHARE_OF_TIME)

    def _check(self) -> None:
        with self._lock:
            limits = dict(self._limits)
        for container in self._look(limits):
            self.remove(container)
            self._end(container)
