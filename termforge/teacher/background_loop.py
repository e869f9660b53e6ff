"""Coroutines run from ordinary threads, all on one event loop of the process, each with a time limit that holds."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from termforge.once import once

_Answer = TypeVar("_Answer")


def run_within(timeout_s: float, start: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Await `start()` on the process's loop from any thread but the loop's own.

    Raises: TimeoutError, after which the coroutine is cancelled; whatever it raises itself.
    """

    async def bounded() -> _Answer:
        async with asyncio.timeout(timeout_s):
            return await start()

    answer = asyncio.run_coroutine_threadsafe(bounded(), _loop(os.getpid()))
    try:
        return answer.result()
    except BaseException:
        answer.cancel()
        raise


@once
def _loop(pid: int) -> asyncio.AbstractEventLoop:
    """Keyed by process: a loop does not survive a fork. Connection pools live on it, so it is never closed."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=f"background-loop-{pid}", daemon=True).start()
    return loop
