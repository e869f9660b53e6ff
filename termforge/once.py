"""Values made once a process: a cache whose function never runs twice for the same arguments.

`functools.cache` runs it in every thread that asks before the first answer is there, and each keeps what it got: four
shards that begin together would have four limits where one was meant.
"""

from collections.abc import Callable
from functools import cache, update_wrapper
from threading import RLock
from typing import Generic, TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Value = TypeVar("Value")


class once(Generic[*Arguments, Value]):  # noqa: N801  a decorator
    """Who asks while the function runs waits for it. Arguments must be hashable; what is raised is not kept."""

    def __init__(self, function: Callable[[*Arguments], Value]) -> None:
        self._cached = cache(function)
        self._running = RLock()
        update_wrapper(self, function)

    def __call__(self, *arguments: *Arguments) -> Value:
        with self._running:
            return self._cached(*arguments)

    def cache_clear(self) -> None:
        self._cached.cache_clear()
