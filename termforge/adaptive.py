"""A bound on what is under way at once, found while it is used: raised while all goes well, cut when it was too much.

Additive increase, multiplicative decrease, as TCP finds what a network bears (RFC 5681): the limit doubles every round
until the first cut, and creeps up after it. What is live when the limit is cut goes on to its end.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

_CREEP, _CREEP_LEAST = 1 / 16, 0.5
"""What a round adds after the first cut: a share of the limit, or so much. Every cut costs callers a wait."""

_waited = threading.local()


def own_time() -> float:
    """`time.monotonic()` less what this thread has waited at gates: our own queues use up nobody's time limit."""
    return time.monotonic() - getattr(_waited, "seconds", 0.0)


class Aimd:
    """How a limit moves between `least` and `most`. Times are seconds of any one clock."""

    def __init__(self, start: float, *, most: int, keep: float, least: int = 1) -> None:
        """`keep`: the share of the limit that a cut leaves."""
        self.limit = min(float(most), max(float(least), start))
        self._least, self._most, self._keep = least, most, keep
        self._cut_at = -math.inf

    def went_well(self, since: float, rounds: float) -> None:
        """`rounds`: one where every slot has been used once, less for a share of them."""
        if since >= self._cut_at:
            step = self.limit if self._cut_at == -math.inf else max(_CREEP_LEAST, self.limit * _CREEP)
            self.limit = min(float(self._most), self.limit + rounds * step)

    def went_badly(self, since: float, now: float) -> None:
        """What began before the last cut tells nothing about the limit of now, so that one burst counts once."""
        if since >= self._cut_at:
            self.limit = max(float(self._least), self.limit * self._keep)
            self._cut_at = now


class Gate:
    """Lets in as many at once as its rule allows, first come, first served. For threads."""

    def __init__(self, name: str, rule: Aimd, *, poll_s: float = 1.0) -> None:
        self.live = 0
        self.highest = 0
        """The most that were ever live at once."""
        self.closed_until = 0.0
        """On time.monotonic()."""
        self._name, self._rule, self._poll_s, self._said = name, rule, poll_s, int(rule.limit)
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @property
    def limit(self) -> int:
        return int(self._rule.limit)

    def enter(self, timeout_s: float | None = None, meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Wait for a slot. False: none came free in time; True: `leave` must follow. `own_time` stands still here.

        `meanwhile` is called every `poll_s` seconds of waiting; what it raises ends the wait.
        """
        arrived = time.monotonic()
        deadline = math.inf if timeout_s is None else arrived + timeout_s
        turn = threading.Event()
        with self._lock:
            self._queue.append(turn)
            self._admit()
        try:
            while not turn.wait(self._nap_s(deadline)) and time.monotonic() < deadline:
                meanwhile()
                with self._lock:
                    self._admit()
        except BaseException:
            if not self._withdrawn(turn):
                self.leave()
            raise
        finally:
            _waited.seconds = getattr(_waited, "seconds", 0.0) + time.monotonic() - arrived
        return not self._withdrawn(turn)

    def leave(self) -> None:
        with self._lock:
            self.live -= 1
            self._admit()

    def close(self, for_s: float) -> None:
        """Let nobody in for so long. Who is in stays."""
        with self._lock:
            self.closed_until = max(self.closed_until, time.monotonic() + for_s)

    def went_well(self, since: float, rounds: float | None = None) -> None:
        """Something that began at `since` (time.monotonic) went well: of one slot where `rounds` is not given.

        While slots are free, it tells nothing about a higher limit.
        """
        with self._lock:
            if self.live + len(self._queue) >= self.limit:
                self._rule.went_well(since, 1 / self._rule.limit if rounds is None else rounds)
                self._say("raised")
                self._admit()

    def went_badly(self, since: float) -> None:
        """While more are live than the limit allows, the last cut is yet to take effect."""
        with self._lock:
            if self.live <= self.limit:
                self._rule.went_badly(since, time.monotonic())
                self._say("cut")

    def _withdrawn(self, turn: threading.Event) -> bool:
        """Out of the queue; False where its turn had come."""
        with self._lock:
            if not turn.is_set():
                self._queue.remove(turn)
            return not turn.is_set()

    def _nap_s(self, deadline: float) -> float:
        now = time.monotonic()
        opens_s = self.closed_until - now
        return max(0.0, min(self._poll_s, deadline - now, opens_s if opens_s > 0 else math.inf))

    def _admit(self) -> None:
        while self._queue and self.live < self.limit and time.monotonic() >= self.closed_until:
            self.live += 1
            self.highest = max(self.highest, self.live)
            self._queue.popleft().set()

    def _say(self, what: str) -> None:
        if abs(self.limit - self._said) >= max(4, self._said / 2):
            log.info("%s: %s from %d to %d at once", self._name, what, self._said, self.limit)
            self._said = self.limit
