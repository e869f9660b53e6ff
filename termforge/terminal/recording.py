"""The terminal of a trial as an asciicast, version 2: what it showed, what was typed, where each turn began.

One JSON line for the header, then one an event: `[seconds, code, text]`. Any player of the format plays it, for
instance `asciinema play -i 1`. Format: https://docs.asciinema.org/manual/asciicast/v2/
"""

import json
import threading
import time
from collections.abc import Iterable

from termforge.terminal.tmux import COLUMNS, ROWS

LIMIT = 2_000_000
"""Characters that the events of one trial may take; a marker stands where the recording ends for that."""
FRAME_S = 0.01
"""Output that came within this time of other output is one event with it."""
_EVENT = 30
"""Characters that an event takes beside its text, about."""
_FULL = f"the recording ends here: it has {LIMIT:,} characters"


class Recording:
    """Events in seconds since this object was made, which is the start of the trial. Any thread may add to it."""

    def __init__(self, title: str) -> None:
        self._header = {
            "version": 2,
            "width": COLUMNS,
            "height": ROWS,
            "timestamp": int(time.time()),
            "title": title,
            "env": {"TERM": "tmux-256color"},
        }
        self._start = time.monotonic()
        self._events: list[tuple[float, str, str]] = []
        self._left = LIMIT
        self._adding = threading.Lock()

    @property
    def full(self) -> bool:
        return self._left <= 0

    def shown(self, text: str) -> None:
        """Output of the terminal, when it was heard."""
        self._add("o", text)

    def typed(self, keystrokes: str) -> None:
        """As tmux was given them: a key's name stands for the key."""
        self._add("i", keystrokes)

    def mark(self, label: str) -> None:
        """A place that players jump to."""
        self._add("m", label)

    def cast(self, turns_at_s: Iterable[float] = ()) -> str:
        """The file's text, with a mark where each turn began; events in the order of their times."""
        turns = ((at_s, "m", f"turn {number}") for number, at_s in enumerate(turns_at_s))
        events = sorted((*self._events, *turns), key=lambda event: event[0])
        lines = (self._header, *([round(at_s, 3), code, text] for at_s, code, text in events))
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)

    def _add(self, code: str, text: str) -> None:
        with self._adding:
            at_s = time.monotonic() - self._start
            if self.full or not text:
                return
            self._left -= len(json.dumps(text, ensure_ascii=False)) + _EVENT
            if self.full:
                code, text = "m", _FULL
            last_s, last_code, last_text = self._events[-1] if self._events else (at_s, "", "")
            if code == last_code == "o" and at_s - last_s < FRAME_S:
                self._events[-1] = (last_s, code, last_text + text)
            else:
                self._events.append((at_s, code, text))
