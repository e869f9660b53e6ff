"""A progress artifact that shards of one process share, updated at most once in two seconds."""

import threading
import time
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

INTERVAL_S = 2.0


class Progress:
    """Counts finished trials of a stage and shows them in the UI."""

    def __init__(self, key: str, total: int, description: str) -> None:
        self._total, self._done, self._shown = max(total, 1), 0, 0.0
        self._lock = threading.Lock()
        self._artifact: UUID = create_progress_artifact(progress=0.0, key=key, description=description)

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            due = self._done >= self._total or time.monotonic() - self._shown > INTERVAL_S
            if due:
                self._shown = time.monotonic()
        if due:
            update_progress_artifact(self._artifact, progress=min(100.0, 100 * self._done / self._total))
