"""software-engineering, services

A public service lets each caller in at most so many times in any window of so many seconds, and all callers together
at most so many times. Calls that are turned away do not count. From a list of calls in the order of their arrival
decide each, and tell a caller that is turned away the earliest moment at which the same call would be let in if
nobody else called. Clocks may stand still but never run back; a call exactly one window later no longer sees the
earlier one.
"""

from collections import defaultdict, deque


class Gate:
    def __init__(self, each: int, everybody: int, window: int) -> None:
        self._limits = (each, everybody)
        self._window = window
        self._by_caller: dict[str, deque[int]] = defaultdict(deque)
        self._all: deque[int] = deque()

    def call(self, caller: str, now: int) -> int:
        """`now` where the call is let in, else the earliest moment at which it would be."""
        passed = (self._by_caller[caller], self._all)
        for times in passed:
            while times and now - times[0] >= self._window:
                times.popleft()
        opens = [
            times[len(times) - limit] + self._window
            for times, limit in zip(passed, self._limits, strict=True)
            if len(times) >= limit
        ]
        if opens:
            return max(opens)
        for times in passed:
            times.append(now)
        return now
