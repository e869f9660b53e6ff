"""What is made once a process is made once, however many threads ask at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from termforge.once import once


def test_threads_that_ask_together_get_the_same_answer() -> None:
    @once
    def slow(name: str) -> object:
        time.sleep(0.1)  # the others ask meanwhile
        return [name]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(slow, ["one", "other"] * 4))
    assert len({id(answer) for answer in answers}) == 2
    assert answers[:2] == [["one"], ["other"]]


def test_a_failure_is_not_kept() -> None:
    asked = []

    @once
    def second_time() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise ValueError("not yet")
        return 7

    with pytest.raises(ValueError, match="not yet"):
        second_time()
    assert (second_time(), second_time(), len(asked)) == (7, 7, 2)
