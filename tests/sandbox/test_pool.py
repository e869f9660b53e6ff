"""Sandboxes started ahead: as fresh as cold ones, handed out once, and gone when nobody wants them."""

import time
from collections.abc import Callable, Iterator

import pytest

from termforge.sandbox import pool as pools
from termforge.sandbox.pool import AHEAD, Pool
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, Image, Limits
from tests.sandbox.watched import Watched, gone

SMALL = Limits(memory_mb=256, pids=64)


@pytest.fixture
def watched(engine: Engine, image: Image) -> Watched:
    return Watched(engine, image)


@pytest.fixture
def pool(watched: Watched) -> Iterator[Pool]:
    pool = Pool(watched)
    yield pool
    pool.close()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def filled(pool: Pool) -> bool:
    return within(20, lambda: pool.waiting == AHEAD)


def test_the_second_sandbox_of_a_kind_was_started_ahead(pool: Pool, watched: Watched, image: Image) -> None:
    with_files = [File(path="/app/in/données.txt", content=b"42", mode=0o640)]
    pool.start(image, limits=SMALL).close()
    assert filled(pool)
    ahead = list(watched.started)
    second = pool.start(image, limits=SMALL, files=with_files)
    assert second in ahead
    assert second.run(("sh", "-c", "stat -c %a /app/in/*; cat /app/in/*")).stdout == b"640\n42"
    second.close()


def test_no_sandbox_is_handed_out_twice(pool: Pool, watched: Watched, image: Image) -> None:
    taken: list[Sandbox] = []
    for _ in range(2 * AHEAD + 2):
        sandbox = pool.start(image)
        assert all(sandbox is not other for other in taken)
        assert sandbox.run(("sh", "-c", "cat /app/mark; echo mine > /app/mark")).stdout == b""
        taken.append(sandbox)
    for sandbox in taken:
        sandbox.close()


def test_other_limits_are_another_kind(pool: Pool, watched: Watched, image: Image) -> None:
    pool.start(image, limits=SMALL).close()
    assert filled(pool)
    ahead = list(watched.started)
    other = pool.start(image, limits=Limits(memory_mb=300, pids=64))
    assert other not in ahead
    other.close()


def test_one_that_died_while_it_waited_is_not_handed_out(pool: Pool, watched: Watched, image: Image) -> None:
    pool.start(image).close()
    assert filled(pool)
    for sandbox in watched.started:
        sandbox.close()
    sandbox = pool.start(image)
    assert sandbox.run(("echo", "alive")).stdout == b"alive\n"
    sandbox.close()


def test_closing_leaves_nothing_and_starting_goes_on(pool: Pool, watched: Watched, image: Image) -> None:
    pool.start(image).close()
    assert filled(pool)
    pool.close()
    watched.assert_nothing_is_left()
    sandbox = pool.start(image)
    assert sandbox.run(("echo", "cold")).stdout == b"cold\n"
    sandbox.close()
    time.sleep(0.5)
    assert len(watched.started) == 2 + AHEAD


def test_what_nobody_asks_for_is_closed(watched: Watched, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IDLE_S", 0.5)
    pool = Pool(watched)
    pool.start(image).close()
    assert filled(pool)
    assert within(20, lambda: all(gone(sandbox) for sandbox in watched.started))
    pool.close()


def test_only_some_kinds_wait(pool: Pool, watched: Watched, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "KINDS", 1)
    pool.start(image, limits=SMALL).close()
    assert filled(pool)
    first_kind = list(watched.started)
    pool.start(image, limits=Limits(memory_mb=300)).close()
    assert within(20, lambda: all(gone(sandbox) for sandbox in first_kind))
