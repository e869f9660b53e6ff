"""What the model is shown of the terminal: screens in, text out, no terminal needed.

`terminus2` repeats Terminus 2 to the byte, its odd slicing included, for models that are evaluated there. `clean`
follows output by line position; it expects screens whose history starts where the previous screen started.
"""

from typing import Literal, NamedTuple, Protocol

LIMIT_BYTES = 10_000
SCREEN = "Current Terminal Screen:\n"
OUTPUT = "New Terminal Output:\n"
OUTPUT_LOST = "New Terminal Output (so much that its beginning is gone):\n"

Mode = Literal["terminus2", "clean"]


class Screen(NamedTuple):
    """Rows right-trimmed, each ending in a newline."""

    full: str
    """History and screen. In clean mode the history holds exactly what has left the screen since the last capture."""
    visible: str
    """The rows on the screen, empty ones included."""
    lost: bool = False
    """More may have left the screen than the history holds."""


class Observer:
    """Turns the screens of one episode into observations, in order."""

    def __init__(self, mode: Mode = "clean") -> None:
        self._rule: _Rule = _Terminus2() if mode == "terminus2" else _Clean()

    def first(self, screen: Screen) -> str:
        return self._rule.first(screen)

    def next(self, screen: Screen) -> str:
        return self._rule.next(screen)


class _Rule(Protocol):
    def first(self, screen: Screen) -> str: ...
    def next(self, screen: Screen) -> str: ...


class _Terminus2:
    def first(self, screen: Screen) -> str:
        self._previous = screen.full
        return SCREEN + screen.visible

    def next(self, screen: Screen) -> str:
        before, self._previous = self._previous.strip(), screen.full
        if before not in screen.full:
            return SCREEN + screen.visible
        # An index into the stripped text, used on the unstripped one: the original cuts words this way.
        start = before.rfind("\n") if "\n" in before else screen.full.index(before)
        new = screen.full[start:]
        return OUTPUT + new if new.strip() else SCREEN + screen.visible


class _Clean:
    def first(self, screen: Screen) -> str:
        self._rows = _rows(screen.visible)
        return SCREEN + _text(self._rows)

    def next(self, screen: Screen) -> str:
        before, self._rows = self._rows, _rows(screen.visible)
        rows = _rows(screen.full)
        if screen.lost:
            return OUTPUT_LOST + _text(rows)
        if rows == before:
            return _nothing_new(rows)
        same = next(
            (row for row, pair in enumerate(zip(before, rows, strict=False)) if pair[0] != pair[1]), len(before)
        )
        # The last row may have been continued: a prompt behind which a command was typed.
        appended = len(before) - 1 <= same < len(rows)
        return OUTPUT + _text(rows[same:]) if appended else SCREEN + _text(rows)


def _rows(text: str) -> list[str]:
    return text.rstrip("\n").split("\n") if text.strip("\n") else []


def _text(rows: list[str]) -> str:
    return "".join(row + "\n" for row in rows)


def _nothing_new(rows: list[str]) -> str:
    if not rows:
        return "No new terminal output. The screen is empty.\n"
    return f"No new terminal output. The last line is still:\n{rows[-1]}\n"


def limit(text: str) -> str:
    """At most 10,000 UTF-8 bytes; of a longer text the first and last 5,000, and how many were cut out between them."""
    data = text.encode()
    if len(data) <= LIMIT_BYTES:
        return text
    half = LIMIT_BYTES // 2
    head = data[:half].decode(errors="ignore")
    tail = data[-half:].decode(errors="ignore")
    omitted = len(data) - len(head.encode()) - len(tail.encode())
    return f"{head}\n[... output limited to {LIMIT_BYTES} bytes; {omitted} interior bytes omitted ...]\n{tail}"
