"""Whose time a time limit counts."""

import time

import pytest

from termforge.adaptive import Aimd, Gate
from termforge.agent.limits import Ended, Stopwatch
from termforge.schemas import Ending


def test_a_stopwatch_adds_up_its_blocks() -> None:
    watch = Stopwatch(0.2, Ending.MODEL_TIME_LIMIT)
    for _ in range(2):
        watch.check()
        with watch:
            time.sleep(0.1)
    with pytest.raises(Ended) as ended:
        watch.check()
    assert ended.value.ending is Ending.MODEL_TIME_LIMIT


def test_queueing_for_a_call_is_not_the_models_time() -> None:
    gate = Gate("calls", Aimd(1, most=1, keep=0.5))
    gate.enter()
    watch = Stopwatch(0.4, Ending.MODEL_TIME_LIMIT)
    with watch:
        assert not gate.enter(0.8)
    watch.check()
