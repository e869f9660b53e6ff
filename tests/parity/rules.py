"""What is not compared: the normalised words, and the deliberate differences from Terminus 2.

A rule looks at the keystrokes typed so far, never at what came of them. From its first turn on a script's captures are
excluded, for what was shown stays on the screen.
"""

import re
import shlex
from collections.abc import Callable
from typing import NamedTuple

from tests.parity.recordings import Command, Script

NORMALISED = (
    (re.compile(r"(\[\d+\][-+]?) +\d+(?= |$)", re.M), r"\1 PID"),  # jobs
    (re.compile(r"^ *\d+ (pts/\d+)", re.M), r"PID \1"),  # ps
    (re.compile(r"\bpid=\d+"), "pid=PID"),
    (re.compile(r"kill: \(\d+\)"), "kill: (PID)"),
    (re.compile(r"\b(\d\d:\d\d(:\d\d)?|\d+ seconds? ago)\b *"), "CLOCK "),
)
"""Process ids and the clock; the host's name is set to the same."""

PASTED_BYTES = 15_968
"""Above this many, quoted for a shell, Terminus 2 pastes."""


class Rule(NamedTuple):
    name: str
    reason: str
    applies: Callable[[Command], bool]


def words(pattern: str) -> Callable[[Command], bool]:
    expression = re.compile(pattern)
    return lambda command: expression.search(command.keystrokes) is not None


def pasted_elsewhere(command: Command) -> bool:
    """Shells read CR and LF alike; programs in raw mode do not."""
    size = len(shlex.quote(command.keystrokes).encode())
    return size > PASTED_BYTES and "<<" not in command.keystrokes.split("\n")[0]


RULES = (
    Rule("last semicolon", "its tmux client takes a last `;` for its own and loses it; we type it", words(r";\Z")),
    Rule("long text", "it pastes long texts with CR for LF; we type the same at every length", pasted_elsewhere),
    Rule("tmux in sight", "its shells know their tmux and can end it; ours do not", words(r"\benv\b|TMUX|\btmux\b")),
    Rule("its own files", "it keeps a socket in /tmp and logs in /logs, we do not", words(r"\bls (-A /tmp|/)\n")),
)  # fmt: skip


def normalised(message: str) -> str:
    for expression, word in NORMALISED:
        message = expression.sub(word, message)
    return message


def excluding(script: Script) -> list[Rule | None]:
    """For each capture, the first one included, the rule that excludes it."""
    found: list[Rule | None] = [None]
    for turn in script:
        found.append(found[-1] or next((rule for rule in RULES if any(map(rule.applies, turn))), None))
    return found
