"""A memory limit where no control group can be had: look, add up, end the largest process of a sandbox above its limit.

Weaker than a control group: between two looks a sandbox may pass its limit, and files held in memory without being
mapped are not seen. A single process is stopped before that by its own RLIMIT_DATA.
"""

import contextlib
import os
import signal
import threading
import time
from collections import defaultdict
from pathlib import Path

_EVERY_S = 0.25
_SHARE_OF_TIME = 0.05
"""Looking costs time for each process of the machine; it takes at most this share."""


class Watchdog:
    """Watches PID namespaces from one thread, which runs while there is something to watch."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, init_pid: int, limit_bytes: int) -> str:
        """Returns what `remove` wants."""
        namespace = os.readlink(f"/proc/{init_pid}/ns/pid")  # noqa: PTH115
        with self._lock:
            self._limits[namespace] = init_pid, limit_bytes
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="termforge-watchdog", daemon=True)
                self._thread.start()
        return namespace

    def remove(self, namespace: str) -> None:
        with self._lock:
            self._limits.pop(namespace, None)

    def _watch(self) -> None:
        took = 0.0
        while True:
            time.sleep(max(_EVERY_S, took / _SHARE_OF_TIME))
            start = time.monotonic()
            with self._lock:
                limits = dict(self._limits)
                if not limits:
                    self._thread = None
                    return
            self._look(limits)
            took = time.monotonic() - start

    def _look(self, limits: dict[str, tuple[int, int]]) -> None:
        """`limits` by namespace: its process 1, which is never ended, and the bytes of all together."""
        used: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit():
                with contextlib.suppress(OSError):
                    namespace = os.readlink(f"/proc/{name}/ns/pid")  # noqa: PTH115
                    if namespace in limits and int(name) != limits[namespace][0]:
                        used[namespace].append((_bytes(name), int(name)))
        for namespace, processes in used.items():
            if sum(size for size, _ in processes) > limits[namespace][1]:
                _end(max(processes)[1], namespace)


def _bytes(process: str) -> int:
    """Anonymous and shared memory that is resident; zero for a zombie."""
    lines = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return sum(int(words[1]) << 10 for words in lines if words[0] in ("RssAnon:", "RssShmem:"))


def _end(process: int, namespace: str) -> None:
    """By descriptor, so that a pid used again meanwhile hits nobody else."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(process)
        try:
            if os.readlink(f"/proc/{process}/ns/pid") == namespace:  # noqa: PTH115
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
