"""The calls to one service that are in flight: as many as it bears, over every teacher of this process that asks it.

Found from what it refuses. A Retry-After holds for all callers, not only for the one that was told.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from termforge.adaptive import Aimd, Gate, own_time
from termforge.errors import TeacherUnavailable
from termforge.once import once
from termforge.teacher.faults import Fault

START = 20
KEEP = 0.7
SPREAD = 0.25
"""Share of a Retry-After that is waited longer, at random: other processes were told the same second."""


class Calls:
    """A gate in front of a service."""

    def __init__(self, model: str, most: int) -> None:
        self.gate = Gate(f"calls to {model}", Aimd(START, most=most, keep=KEEP), poll_s=5.0)
        self._model = model
        self._answered_at = 0.0
        self._refusal = ""

    @contextmanager
    def slot(self, asked_at: float, deadline: float) -> Iterator[float]:
        """Hold a slot for one call; gives the time.monotonic() at which it begins.

        Waiting here takes nothing from the `deadline`, a time of `own_time()`: while the service answers, who waits is
        in our own queue. Where it has answered nobody since `asked_at` (time.monotonic) and wants no call for longer
        than is left, there is no use in waiting.

        Raises: TeacherUnavailable then.
        """
        left_s = deadline - own_time()

        def give_up_or_wait() -> None:
            if self.gate.closed_until > max(asked_at, self._answered_at) + left_s:
                raise TeacherUnavailable(f"{self._model}: no time for another attempt, after: {self._refusal}")

        give_up_or_wait()
        self.gate.enter(meanwhile=give_up_or_wait)
        try:
            yield time.monotonic()
        finally:
            self.gate.leave()

    def answered(self, began: float) -> None:
        self._answered_at = time.monotonic()
        self.gate.went_well(since=began)

    def failed(self, began: float, fault: Fault, text: str) -> None:
        """What the service calls too much lowers the limit; other faults say nothing about it."""
        if fault.wait_s:
            self._refusal = text
            self.gate.close(fault.wait_s * random.uniform(1.0, 1.0 + SPREAD))
        if fault.overloaded:
            self.gate.went_badly(since=began)


@once
def calls_to(model: str, api_base: str | None, most: int) -> Calls:
    """The same calls for every teacher of this process that names the same."""
    return Calls(model, most)
