"""Time limits of an episode, over all turns: each adds up where its seconds are spent, and ends the episode."""

from types import TracebackType

from termforge.adaptive import own_time
from termforge.schemas import Ending


class Ended(Exception):
    """A limit was reached."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class Stopwatch:
    """Adds up the seconds of `own_time` spent in its `with` blocks, against a limit."""

    def __init__(self, limit_s: float, ending: Ending) -> None:
        self._limit_s, self._ending = limit_s, ending
        self._before_s, self._started = 0.0, 0.0

    def __enter__(self) -> None:
        self._started = own_time()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._before_s = self.spent_s
        self._started = 0.0

    @property
    def spent_s(self) -> float:
        return self._before_s + (own_time() - self._started if self._started else 0.0)

    @property
    def left_s(self) -> float:
        return self._limit_s - self.spent_s

    def check(self, grace_s: float = 0.0) -> None:
        """Raises: Ended, also where no more than `grace_s` is left."""
        if self.left_s <= grace_s:
            raise Ended(self._ending)
