"""Ctrl-C, once: nothing more is started, and what is live ends and is kept. Twice: the process ends at once.

Without it whoever waits for shards would wait for all they still have to do. An end at once costs what is live and no
more: every finished item is on the disk, and sandboxes end with their process.
"""

import atexit
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a process that was asked to end."""

log = logging.getLogger(__name__)

_asked = threading.Event()


def asked() -> bool:
    """Whether somebody wants an end."""
    return _asked.is_set()


@contextmanager
def stoppable() -> Iterator[None]:
    """The block ends soon after a Ctrl-C. Only a process's main thread is told of it: elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.clear()
    before = signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _asked.clear()


def _stop(number: int, frame: object) -> None:
    if _asked.is_set():
        atexit._run_exitfuncs()  # servers and sandboxes of ours; threads are not waited for
        os._exit(INTERRUPTED)
    _asked.set()
    log.warning("stopping: what is live is finished first; Ctrl-C once more ends it at once")
