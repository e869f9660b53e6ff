"""When a wait has ended: a pure reading of successive looks at the processes of a terminal.

A wait ends once the foreground waits for input and nothing has moved for a moment. The moment is short for a shell at
its prompt, longer for other programs (REPLs, editors, pagers) and beside background jobs, whose output comes later.
"""

from termforge.terminal.processes import Look

SHORT_S = 0.03
LONG_S = 0.25


class Settle:
    def __init__(self, before: Look | None, start_s: float) -> None:
        """`before` is the look taken just before keys were typed; None when nothing was typed."""
        self._before = before
        self._last: Look | None = None
        self._quiet_since = start_s

    def ended(self, look: Look, now_s: float) -> bool:
        if look.state == "gone":
            return True
        if look != self._last or look.state == "busy":
            self._last = look
            self._quiet_since = now_s
        moment = self._moment(look)
        return moment is not None and now_s - self._quiet_since >= moment

    def left_s(self, now_s: float) -> float:
        """How long it takes to end if nothing moves; 0 where that is not known."""
        moment = self._moment(self._last) if self._last is not None else None
        return max(0.0, self._quiet_since + moment - now_s) if moment is not None else 0.0

    def _moment(self, look: Look) -> float | None:
        """How long nothing must move; None: only time ends this wait."""
        if look.state == "busy":
            return None
        if self._before is None:
            # Nobody typed: the caller gives time to something that runs. Only an idle prompt makes that pointless.
            return SHORT_S if look.state == "prompt" else None
        taken = look.work != self._before.work
        return SHORT_S if look.state == "prompt" and taken else LONG_S
