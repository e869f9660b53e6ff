import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from termforge.teacher.background_loop import run_within


def test_threads_share_one_loop_and_run_at_the_same_time() -> None:
    async def loop_id() -> int:
        await asyncio.sleep(0.1)
        return id(asyncio.get_running_loop())

    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        loops = set(pool.map(lambda _: run_within(5, loop_id), range(16)))
    assert len(loops) == 1
    assert time.monotonic() - started < 1


def test_what_takes_too_long_is_cancelled() -> None:
    ended = []

    async def stall() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        run_within(0.05, stall)
    assert ended == [True]


def test_errors_reach_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_within(1, fail)
