"""A progress artifact that the shards of one process share, updated at most once in two seconds."""

import threading
import time
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

INTERVAL_S = 2.0


class Progress:
    """How far a stage is, in whatever it counts (trials, optimizer steps), shown in the UI."""

    def __init__(self, key: str, total: int, description: str) -> None:
        self._total, self._done, self._shown = total, 0, 0.0
        self._lock = threading.Lock()
        artifact = create_progress_artifact(progress=0.0, key=key, description=description)
        assert isinstance(artifact, UUID)
        self._artifact = artifact

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._done < self._total and time.monotonic() - self._shown < INTERVAL_S:
                return
            self._shown, share = time.monotonic(), self._done / max(self._total, 1)
        update_progress_artifact(self._artifact, progress=min(100.0, 100 * share))
