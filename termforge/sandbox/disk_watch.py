"""A disk limit for engines whose storage has no quotas: look every few seconds, end what has written too much.

Weaker than a quota: between two looks a sandbox may pass its limit by what it writes in that time. Where the engine's
storage takes a size (overlay2 on XFS with project quotas), this is not used.
"""

import threading
import time
from collections.abc import Callable, Mapping

_EVERY_S = 1.0
_SHARE_OF_TIME = 0.1
"""Looking walks every writable layer; it takes at most this share of the engine's time."""


class DiskWatch:
    """Calls `over(container id)` once for each container whose writable layer is above its limit."""

    def __init__(self, sizes: Callable[[], Mapping[str, int]], over: Callable[[str], None]) -> None:
        """`sizes` gives bytes by container id; both are called from the watching thread and must not raise."""
        self._sizes, self._over = sizes, over
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
                self._look()
            pause = max(_EVERY_S, (time.monotonic() - start) / _SHARE_OF_TIME)

    def _look(self) -> None:
        sizes = self._sizes()
        with self._lock:
            above = [one for one, limit in self._limits.items() if sizes.get(one, 0) > limit]
            for container in above:
                del self._limits[container]
        for container in above:
            self._over(container)
