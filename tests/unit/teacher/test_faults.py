import time
from email.utils import formatdate

import pytest

from termforge.teacher.faults import judge, seconds


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), (None, None)]
)
def test_retry_after_in_seconds(header: str | None, expected: float | None) -> None:
    assert seconds(header) == expected


def test_retry_after_as_a_date() -> None:
    wait_s = seconds(formatdate(time.time() + 100, usegmt=True))
    assert wait_s is not None
    assert 98 < wait_s <= 100
    assert seconds(formatdate(time.time() - 100, usegmt=True)) == 0.0


def test_a_time_limit_may_have_been_paid_for_and_is_tried_again() -> None:
    fault = judge(TimeoutError())
    assert (fault.outcome, fault.free, fault.error) == ("timed out", False, None)
