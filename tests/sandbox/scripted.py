"""A teacher that says what it was told to."""

from collections.abc import Callable, Sequence
from typing import Any

from termforge.teacher import ChatMessage, Reply


class Scripted:
    """A Teacher that says lines in order, the last one again and again; an exception among them is raised."""

    model = "test/scripted"
    sampling: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, *lines: str | Exception | Callable[[], str]) -> None:
        self._lines = list(lines)

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        line = self._lines.pop(0) if len(self._lines) > 1 else self._lines[0]
        if isinstance(line, Exception):
            raise line
        return Reply(content=line if isinstance(line, str) else line())
