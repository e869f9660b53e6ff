"""tmux's words: how a session is started, commands are quoted and replies of control mode are read. Pure text.

Replies are never trusted to end where a screen says so: rows of a capture are counted, command numbers must follow each
other, and a reply is complete when a random word comes back that was not known before the request.
"""

import random
import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from termforge.errors import AgentFailure, TerminalClosed, TerminalTampered

COLUMNS, ROWS = 160, 40
PIECE = 4096
"""Characters typed per command."""

# Control characters become octal escapes; the others have a meaning between double quotes.
ESCAPES = {code: f"\\{code:03o}" for code in (*range(1, 32), 127)} | {ord(sign): "\\" + sign for sign in '"\\$~'}
UNTYPABLE = re.compile("[\x00\ud800-\udfff]")
OCTAL = re.compile(rb"\\([0-3][0-7]{2})")

START = r"""
echo 500 > /proc/self/oom_score_adj  # when memory runs out, what the agent started ends before what holds the sandbox
terminal=screen-256color
for folder in /etc/terminfo /lib/terminfo /usr/lib/terminfo /usr/share/terminfo; do
    [ -e "$folder/t/tmux-256color" ] && terminal=tmux-256color
done
for folder in /run /var/lib /var/tmp; do
    mkdir -m 700 "$folder/$1" 2>/dev/null && break
done
exec env -u TMUX -u TMUX_PANE LANG=C.UTF-8 SHELL=/bin/bash TERM=xterm-256color \
    tmux -C -S "$folder/$1/$2" -f /dev/null start-server \; \
    set-option -g history-limit "$3" \; set-option -g default-terminal "$terminal" \; \
    set-option -g default-shell /bin/bash \; set-option -g status off \; set-option -g bell-action none \; \
    set-option -g automatic-rename off \; set-option -s message-limit 1 \; set-option -s set-clipboard off \; \
    new-session -f no-output -x 160 -y 40 -c /app env -u TMUX -u TMUX_PANE bash --login
"""
ATTACH = r"""
kill -0 "$1" 2>/dev/null || exit 1
[ -S "$2" ] || kill -USR1 "$1"  # makes tmux create its socket again, which was deleted
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$2" ] && break; sleep 0.05; done
exec env -u TMUX -u TMUX_PANE LANG=C.UTF-8 TERM=xterm-256color tmux -C -S "$2" attach-session -f "$3"
"""

# Unambiguous spellings of the commands, as far as tmux 3.3. An alias set by the agent applies to one exact spelling.
SPELLINGS = {
    name: tuple(name[:length] for length in range(shortest, len(name) + 1))
    for name, shortest in {
        "capture-pane": 3,
        "clear-history": 7,
        "display-message": 11,
        "list-clients": 7,
        "list-panes": 6,
        "send-keys": 6,
        "set-option": 5,
        "show-options": 6,
    }.items()
}

PANE_FORMAT = (
    "#{pane_id} #{pane_pid} #{pane_width}x#{pane_height} #{pane_in_mode} #{pane_pipe} #{pane_input_off}"
    " #{history_limit} #{history_size}"
)
OPTIONS = ("-s", "-gH", "-gwH", "-H", "-wH", "-pH")
"""Server, session, window and pane options with their hooks."""


class Request(NamedTuple):
    line: str
    nonce: str
    """Its return, as the only line of a last block, ends the reply."""


def start_command(history_limit: int) -> tuple[str, ...]:
    return ("sh", "-c", START, "sh", secrets.token_hex(8), secrets.token_hex(8), str(history_limit))


def attach_command(server: int, socket_path: str, flags: str = "no-output") -> tuple[str, ...]:
    return ("sh", "-c", ATTACH, "sh", str(server), socket_path, flags)


def listen_command(server: int, socket_path: str) -> tuple[str, ...]:
    """Attaches a client that hears all output; what it has not taken up after two seconds is dropped."""
    return attach_command(server, socket_path, flags="pause-after=2")


def unescaped(output: bytes) -> bytes:
    """What a program put out, from an %output notification: bytes below 32 and backslashes are octal there."""
    return OCTAL.sub(lambda escape: bytes((int(escape[1], 8),)), output)


def quoted(text: str) -> str:
    """One double-quoted tmux argument."""
    return f'"{text.translate(ESCAPES)}"'


def typable(keystrokes: str) -> tuple[str, str]:
    """The keystrokes without what no terminal carries, and a note that says so; empty where nothing was wrong."""
    kept = UNTYPABLE.sub("", keystrokes)
    removed = len(keystrokes) - len(kept)
    note = (
        f"{removed} characters were not typed: NUL and lone surrogates cannot be sent to a terminal." if removed else ""
    )
    return kept, note


def typing(keystrokes: str) -> list[str]:
    """tmux commands that type the keystrokes, in order.

    A whole string that is a key name (`C-c`, `Enter`, `0x41`, any case) is that key: tmux itself decides. Longer texts
    are typed literally in pieces, so that a piece is never taken for a key.
    """
    if len(keystrokes) <= PIECE:
        return [command("send-keys", "--", quoted(keystrokes))] if keystrokes else []
    pieces = (keystrokes[start : start + PIECE] for start in range(0, len(keystrokes), PIECE))
    return [command("send-keys", "-l", "--", quoted(piece)) for piece in pieces]


def command(name: str, *arguments: str) -> str:
    """A command under a spelling chosen at random."""
    return " ".join((random.choice(SPELLINGS[name]), *arguments))


def request(*commands: str) -> Request:
    """Commands in one line; a random word in a second, so that it returns even when the first does not parse."""
    nonce = secrets.token_hex(16)
    together = " ; ".join(commands)
    return Request(f"{together}\n{command('display-message', '-p', nonce)}\n".lstrip("\n"), nonce)


def inspection(pane: str) -> list[str]:
    """Commands whose replies show every trace that tampering leaves: panes, clients, options, hooks and aliases."""
    return [
        command("list-panes", "-a", "-F", quoted(PANE_FORMAT)),
        command("list-clients", "-F", quoted("#{client_pid}")),
        *(command("show-options", scope, *(("-t", pane) if scope in OPTIONS[3:] else ())) for scope in OPTIONS),
    ]


class Reader:
    """Walks through the reply to one request, block by block.

    Every method raises TerminalTampered when the reply is not what an untouched tmux gives, or TerminalClosed.
    """

    def __init__(self, reply: str) -> None:
        self._lines = reply.split("\n")
        self._at = 0
        self._number: int | None = None

    def block(self, rows: int | None = None) -> list[str]:
        """The lines of the next block; `rows` where their number is known, because then they may hold anything."""
        number, closing = self._begin()
        if self._number is not None and number != self._number + 1:
            raise TerminalTampered("tmux ran a command that was not asked for (a hook or an alias)")
        self._number = number
        first = self._at
        self._at = self._closing(closing) if rows is None else first + rows
        if self._line(self._at) != f"%end {closing}":
            raise TerminalTampered("a tmux command gave another reply than it can give")
        self._at += 1
        return self._lines[first : self._at - 1]

    def finish(self) -> None:
        """Nothing but notifications may be left."""
        for line in self._lines[self._at :]:
            if line.startswith(("%begin", "%end", "%error")) or (line and not line.startswith("%")):
                raise TerminalTampered("tmux ran a command that was not asked for (a hook or an alias)")

    def _begin(self) -> tuple[int, str]:
        while (line := self._line(self._at)).startswith("%") and not line.startswith("%begin "):
            self._at += 1
        match = re.fullmatch(r"%begin (\d+ (\d+) 1)", line)
        if match is None:
            raise TerminalTampered("tmux ran a command that was not asked for (a hook or an alias)")
        self._at += 1
        return int(match[2]), match[1]

    def _closing(self, tag: str) -> int:
        ends = (f"%end {tag}", f"%error {tag}")
        for at in range(self._at, len(self._lines)):
            if self._lines[at] in ends:
                if self._lines[at] == ends[1]:
                    raise _refused(" ".join(self._lines[self._at : at])[:200])
                return at
        raise TerminalTampered("the reply of a tmux command does not end")

    def _line(self, at: int) -> str:
        return self._lines[at] if at < len(self._lines) else ""


def _refused(why: str) -> AgentFailure:
    """An untouched tmux refuses what we ask only in the moment in which its last session ends."""
    if why == "no current target":
        return TerminalClosed("the last shell has exited")
    return TerminalTampered(f"tmux refused a command: {why}")


class Seen(NamedTuple):
    """What an inspection found."""

    panes: tuple[str, ...]
    """One line each, without the size of the history."""
    history: int
    """Lines above the screen of the first pane."""
    clients: tuple[str, ...]
    options: tuple[str, ...]


def seen(reader: Reader) -> Seen:
    """Read the blocks of `inspection`. Raises TerminalTampered."""
    panes = reader.block()
    clients = reader.block()
    options = tuple("\n".join(reader.block()) for _ in OPTIONS)
    history = panes[0].rpartition(" ")[2] if panes else ""
    if not history.isdigit():
        raise TerminalTampered("tmux does not describe its panes")
    return Seen(tuple(line.rpartition(" ")[0] for line in panes), int(history), tuple(clients), options)


def difference(expected: Seen, now: Seen) -> str:
    """What tampering changed, in words; empty where nothing did."""
    if now.panes != expected.panes:
        return f"panes changed: {_new(expected.panes, now.panes)}"
    if now.clients != expected.clients:
        return "another client is attached, or ours is not"
    for was, is_ in zip(expected.options, now.options, strict=True):
        if was != is_:
            return f"options, hooks or aliases changed: {_new(was.splitlines(), is_.splitlines())}"
    return ""


def _new(expected: Sequence[str], now: Sequence[str]) -> str:
    changed = [line for line in now if line not in expected] or [line for line in expected if line not in now]
    return "; ".join(changed)[:200] or "order"
