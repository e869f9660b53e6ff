"""A tmux session inside a sandbox, typed into and looked at over one channel that lives as long as the episode.

The agent can reach this tmux. What is read through it is data from the agent: it goes to the model and decides nothing.
"""

import contextlib
import re
import secrets
import time
from types import TracebackType
from typing import Literal, NamedTuple, Self

from pexpect import EOF, TIMEOUT
from pexpect.fdpexpect import fdspawn

from termforge.agent.observation import Mode
from termforge.agent.observation import Screen as Screen
from termforge.errors import TerminalClosed, TerminalError, TerminalTampered
from termforge.sandbox.protocol import Sandbox
from termforge.terminal import tmux
from termforge.terminal.listener import Listener
from termforge.terminal.processes import Look
from termforge.terminal.recording import Recording
from termforge.terminal.settle import Settle
from termforge.terminal.watch import Watch, watch

WaitMode = Literal["settle", "full"]

ANSWER_S = 30.0
"""tmux answers within a millisecond; after this long it has been stopped."""
START_S = 20.0
CLOSE_S = 1.0
TYPED_PER_S = 20_000
"""Characters of a long text that a shell's line editor takes in a second; a settle wait is given that much more."""
HISTORY = {"terminus2": 2_000, "clean": 50_000}
"""Lines kept above the screen. Terminus 2 never gets more than tmux's default, whatever it asks for."""
REPLY_BYTES = 256 * 1024 * 1024
COUNT = "@termforge"
POLLS_S = (0.002, 0.005, 0.01, 0.02, 0.05)


class _Channel(fdspawn):  # type: ignore[misc]
    """pexpect over a descriptor, with a bound on what one reply may hold."""

    received = 0

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> str:
        text: str = super().read_nonblocking(size, timeout)
        self.received += len(text)
        if self.received > REPLY_BYTES:
            raise TerminalTampered("tmux sends without end")
        return text


class _Server(NamedTuple):
    pid: int
    pane_pid: int
    pane: str
    client: str
    socket_path: str


class Terminal:
    """The terminal of one episode: a pane of 160x40 with `bash --login` in /app.

    `observation_mode` is the Observer's: `terminus2` keeps 2,000 lines of history; `clean` keeps many and empties them
    with each capture, so that a screen's history is exactly what is new. `history_limit` overrides the number of lines.
    A `recording` is written through a client of its own from the first prompt on, and whole when this is closed.

    Tampering is looked for with every capture, in the same line of commands: options, hooks and command aliases as they
    were at the start, one session, one pane, one client, one block for each command and numbers in sequence; names of
    commands are spelled at random. Not detectable: an agent that attaches a debugger to tmux, replaces it by a program
    that plays it, or undoes its changes before the next capture. That is why nothing rests on what is read here.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        wait_mode: WaitMode = "settle",
        observation_mode: Mode = "clean",
        history_limit: int | None = None,
        recording: Recording | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._wait_mode = wait_mode
        self._drains = observation_mode == "clean"
        self._limit = HISTORY[observation_mode] if history_limit is None else history_limit
        self._attached_again = False
        self._sent = 0
        self._secret = secrets.token_hex(8)
        self._typed_at: float | None = None
        self._typed_s = 0.0
        self._before: Look | None = None
        self._watch: Watch | None = None
        self._recording = recording
        self._listener: Listener | None = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def send(self, keystrokes: str) -> str:
        """Type keystrokes: a key name as that key, all else literally. Returns a note on what was left out, or "".

        Raises: TerminalClosed, TerminalTampered, TerminalError, SandboxLost.
        """
        self._typed_at, self._before = time.monotonic(), None
        text, note = tmux.typable(keystrokes)
        self._typed_s = len(text) / TYPED_PER_S if len(text) > tmux.PIECE else 0.0
        if text and self._wait_mode == "settle" and self._watch is not None:
            self._before = self._watch.look()
        if self._recording is not None:
            self._recording.typed(text)
        for typing in tmux.typing(text):
            self._type(typing)
        return note

    def wait(self, duration_s: float) -> float:
        """Give the terminal time, counted from the start of the last `send`; returns the seconds really waited here."""
        start = time.monotonic()
        since, self._typed_at = self._typed_at or start, None
        before, self._before = self._before, None
        typed_s, self._typed_s = self._typed_s, 0.0
        until = since + duration_s if duration_s > 0 else start  # false for NaN too
        if self._wait_mode == "settle" and self._watch is not None:
            self._settle(Settle(before, start), until + typed_s)
        else:
            time.sleep(max(0.0, until - time.monotonic()))
        return time.monotonic() - start

    def capture(self) -> Screen:
        """The terminal as it is now, checked like `check`.

        Raises: TerminalClosed, TerminalTampered, TerminalError, SandboxLost.
        """
        pane = self._server.pane
        commands = [*tmux.inspection(pane), tmux.command("capture-pane", "-p", "-S", "-", "-t", pane)]
        if self._drains:
            commands.append(tmux.command("clear-history", "-t", pane))
        reader = self._ask_again(*commands)
        history = self._verify(tmux.seen(reader))
        rows = reader.block(history + tmux.ROWS)
        if self._drains:
            reader.block()
        reader.finish()
        # tmux drops a tenth of a full history at once, so only a history above nine tenths can have lost anything.
        lost = self._drains and history >= self._limit - max(1, self._limit // 10)
        return Screen(_text(rows), _text(rows[history:]), lost)

    def check(self) -> None:
        """Raises: TerminalClosed (the last shell or tmux is gone), TerminalTampered, TerminalError, SandboxLost."""
        reader = self._ask_again(*tmux.inspection(self._server.pane))
        self._verify(tmux.seen(reader))
        reader.finish()

    def close(self) -> None:
        """End the session; may be called twice."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._listener is not None:
            self._listener.close()
        if hasattr(self, "_stream"):
            until = time.monotonic() + CLOSE_S
            with contextlib.suppress(OSError):
                self._stream.settimeout(CLOSE_S)
                self._stream.sendall(b"kill-server\n")
                while self._stream.recv(65536) and time.monotonic() < until:
                    pass
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        self._open(tmux.start_command(self._limit))
        try:
            self._server = self._describe()
            if not self._server.pane_pid:
                raise TerminalError("the login shell ended before the terminal was ready")
            reader = self._ask(self._count_command(), *tmux.inspection(self._server.pane))
        except _ChannelLost:
            self._sandbox.check()
            raise TerminalError("tmux did not start in the sandbox; is it installed there?") from None
        reader.block()
        self._expected = self._comparable(tmux.seen(reader))
        self._watch = watch(self._sandbox, self._server.pane_pid, self._server.pid, only_host=self._wait_mode == "full")
        self._await_prompt()
        if self._recording is not None:
            self._record(self._recording)

    def _record(self, recording: Recording) -> None:
        """Begin with the screen as it is; what comes is heard."""
        pane, cursor = self._server.pane, tmux.quoted("#{e|+:#{cursor_y},1};#{e|+:#{cursor_x},1}")
        reader = self._ask_again(
            tmux.command("capture-pane", "-p", "-e", "-t", pane),
            tmux.command("display-message", "-p", "-t", pane, cursor),
        )
        screen = "\r\n".join(reader.block(tmux.ROWS)).rstrip()
        recording.shown(f"{screen}\x1b[{''.join(reader.block())}H")
        stream = self._sandbox.open_channel(tmux.listen_command(self._server.pid, self._server.socket_path))
        self._listener = Listener(stream, recording)

    def _open(self, argv: tuple[str, ...]) -> None:
        self._stream = self._sandbox.open_channel(argv)
        self._stream.settimeout(None)
        self._tmux = _Channel(
            self._stream.fileno(),
            encoding="utf-8",
            codec_errors="replace",
            timeout=ANSWER_S,
            maxread=65536,
            use_poll=True,
        )
        self._tmux.delayafterread = None  # pexpect would sleep after every read

    def _describe(self) -> _Server:
        """The first words on a new channel."""
        self._reply(tmux.request(), after="%session-changed ")  # what belongs to the start itself is left out
        format = "#{pid} #{pane_pid} #{pane_id} #{client_pid} #{socket_path}"
        reader = self._ask(tmux.command("display-message", "-p", tmux.quoted(format)))
        found = re.fullmatch(r"(\d+) (\d*) (%\d+) (\d+) (.+)", "\n".join(reader.block()))
        if found is None:
            raise TerminalTampered("tmux does not say which it is")
        pid, pane_pid, pane, client, socket_path = found.groups()
        return _Server(int(pid), int(pane_pid or 0), pane, client, socket_path)

    def _await_prompt(self) -> None:
        """Until the login shell has shown its first prompt and waits, or it is clear that it will not."""
        start = still_since = time.monotonic()
        before, pause = "", 0.002
        while (now := time.monotonic()) < start + START_S:
            look = self._watch.look() if self._watch is not None else None
            visible = self._visible()
            if visible != before:
                before, still_since = visible, now
            if visible and now - still_since >= _first_quiet_s(look):
                return
            time.sleep(pause)
            pause = min(0.05, 1.2 * pause)

    def _visible(self) -> str:
        reader = self._ask_again(tmux.command("capture-pane", "-p", "-t", self._server.pane))
        return "".join(reader.block(tmux.ROWS))

    def _settle(self, settle: Settle, until: float) -> None:
        polls = iter(POLLS_S)
        pause = next(polls)
        for poll in range(1_000_000):
            assert self._watch is not None
            look = self._watch.look()
            now = time.monotonic()
            if now >= until or (look is not None and settle.ended(look, now)):
                return
            if poll % 20 == 19:
                pause = next(polls, pause)
            # What a look counts only grows: what moves between two of them is seen by the second.
            time.sleep(min(max(pause, settle.left_s(now) / 2), until - now))

    def _type(self, typing: str) -> None:
        """Type once: after a lost channel only what tmux has not counted yet."""
        self._sent += 1
        commands = (self._count_command(), typing)
        try:
            reader = self._ask(*commands)
        except _ChannelLost:
            self._attach_again()
            if self._counted() == self._count:
                return
            reader = self._ask_again(*commands)
        for _ in commands:
            reader.block()
        reader.finish()

    @property
    def _count(self) -> str:
        return f"{self._secret}-{self._sent}"

    def _count_command(self) -> str:
        """Writes down in tmux how much has been typed, beside a word that only this session knows."""
        return tmux.command("set-option", "-s", COUNT, self._count)

    def _counted(self) -> str:
        reader = self._ask_again(tmux.command("display-message", "-p", tmux.quoted(f"#{{{COUNT}}}")))
        return "".join(reader.block())

    def _verify(self, now: tmux.Seen) -> int:
        """Lines of history. Raises TerminalTampered unless everything is as it was at the start."""
        now = self._comparable(now)
        if change := tmux.difference(self._expected, now):
            raise TerminalTampered(change)
        return now.history

    def _comparable(self, seen: tmux.Seen) -> tmux.Seen:
        """Without what we change ourselves: the count, and the client of a recording."""
        server, *others = seen.options
        heard_by = self._listener.client if self._listener is not None else None
        clients = tuple(client for client in seen.clients if client != heard_by)
        return seen._replace(clients=clients, options=(server.replace(f"{COUNT} {self._count}", COUNT), *others))

    def _ask_again(self, *commands: str) -> tmux.Reader:
        """Ask for something that may be asked twice."""
        while True:
            try:
                return self._ask(*commands)
            except _ChannelLost:
                self._attach_again()  # succeeds once in a terminal's life

    def _ask(self, *commands: str) -> tmux.Reader:
        """Raises: _ChannelLost, TerminalClosed, TerminalTampered, SandboxLost."""
        return tmux.Reader(self._reply(tmux.request(*commands)))

    def _reply(self, request: tmux.Request, after: str = "") -> str:
        self._tmux.received = 0
        try:
            if after:
                self._tmux.expect_exact(after)
            self._tmux.send(request.line)
            self._tmux.expect_exact(f"{request.nonce}\n%end ")
            reply: str = self._tmux.before
            self._tmux.expect_exact("\n")
        except (EOF, OSError) as error:
            raise _ChannelLost from error
        except TIMEOUT as error:
            self._sandbox.check()
            if self._tmux.before:
                raise TerminalTampered("tmux answers, but not what it was asked") from error
            raise TerminalClosed("tmux has stopped answering") from error
        return reply.rpartition("%begin ")[0]

    def _attach_again(self) -> None:
        """After the end of the channel: attach a new client, once.

        Raises: TerminalClosed when the session is over, TerminalTampered when the channel was lost twice (an engine's
        restart loses it once, an agent that ends its clients as often as it likes), SandboxLost.
        """
        self._stream.close()
        self._open(tmux.attach_command(self._server.pid, self._server.socket_path))
        try:
            server = self._describe()
        except _ChannelLost:
            self._sandbox.check()
            raise TerminalClosed("the last shell has exited, or tmux was ended") from None
        if self._attached_again:
            raise TerminalTampered("the channel to the terminal was lost twice")
        self._attached_again = True
        if server._replace(client="") != self._server._replace(client=""):
            raise TerminalTampered("another tmux answers in place of ours")
        self._server = server
        self._expected = self._expected._replace(clients=(server.client,))


class _ChannelLost(Exception):
    """The channel has ended; the session may be alive."""


def _first_quiet_s(look: Look | None) -> float:
    """How long a screen that is not empty must stay as it is to be taken for the first prompt."""
    if look is None:
        return 0.05
    return 0.003 if look.state == "prompt" else 2.0


def _text(rows: list[str]) -> str:
    return "".join(row + "\n" for row in rows)
