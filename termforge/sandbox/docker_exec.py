"""Commands in a container over Docker's exec: opened as a raw stream, run to their end within limits.

Raises what docker-py raises; docker_engine.py translates.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from termforge.sandbox.frames import STDERR, STDOUT, Frames
from termforge.sandbox.protocol import Finished

UNKNOWN = -1
"""Exit code of a command that never started, or of whose end the engine knows nothing: its container may be gone."""
_CHUNK = 1 << 16
_QUIET_S = 0.2
"""Silence after which the engine is asked whether the command has ended: a child that keeps stdout open hides it."""


_LAST_WORDS_S = 2.5
_FIRST_WORD_S = 0.3
_SETTLE_S = 30.0
"""How long the engine may take to start a command, or to report its end."""


class Exec(NamedTuple):
    """A started command: its id, and the hijacked connection with what was read of it already."""

    id: str
    stream: socket.socket
    early: bytes
    response: Any

    def close(self) -> None:
        self.stream.close()
        self.response.close()


class Stuck(Exception):
    """A command outlived its own limit: what should have ended it inside the container did not."""


def start(api: Any, container: str, argv: Sequence[str], *, stdin: bool) -> Exec:
    """Run `argv` as root in /app; its stream is non-blocking and carries frames."""
    created = api.exec_create(container, list(argv), stdin=stdin, stdout=True, stderr=True, tty=False)
    raw = api.exec_start(created["Id"], socket=True, tty=False)
    stream: socket.socket = raw._sock
    stream.setblocking(False)  # docker-py leaves its request timeout on it
    # Frames that came in one packet with the HTTP header lie in the header's buffer.
    early = bytes(raw._response.raw._fp.fp.peek(1) or b"")
    return Exec(created["Id"], stream, early, raw._response)


def wait_for_start(api: Any, command: Exec) -> bool:
    """Whether the command runs, or ran; what the engine says of a failed start would look like its output.

    Raises: TimeoutError when the engine does not say in time.
    """
    deadline = time.monotonic() + _SETTLE_S
    if not command.early:
        _await_word(command.stream)
    while time.monotonic() < deadline:
        state = api.exec_inspect(command.id)
        if state["Pid"] or state["ExitCode"] is not None:
            return bool(state["Pid"])
        time.sleep(0.005)
    raise TimeoutError(f"the engine did not start a command within {_SETTLE_S:.0f} s")


def _await_word(stream: socket.socket) -> None:
    """Most commands speak as soon as they run, and asking costs an engine more than waiting."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        selector.select(_FIRST_WORD_S)


def run(
    api: Any, container: str, argv: Sequence[str], stdin: bytes, timeout_s: float, grace_s: float, output_limit: int
) -> Finished:
    """Run `argv` to its end; `timeout` inside the container kills its process group when the time is up.

    Raises: Stuck when that did not help for another `grace_s` seconds.
    """
    limited = ("timeout", "--signal=KILL", f"{timeout_s:.3f}", *argv)
    started_at = time.monotonic()
    command = start(api, container, limited, stdin=bool(stdin))
    try:
        output = _Output(output_limit)
        output.feed(command.early)
        _pump(api, command, stdin, output, started_at + timeout_s + grace_s)
        code = _exit_code(api, command.id)  # before the stream is closed: the engine would count that as a failure
    finally:
        command.close()
    timed_out = code == 137 and time.monotonic() - started_at >= timeout_s
    return Finished(-9 if timed_out else code, bytes(output.of[STDOUT]), bytes(output.of[STDERR]), timed_out)


class _Output:
    def __init__(self, limit: int) -> None:
        self.of = {STDOUT: bytearray(), STDERR: bytearray()}
        self._frames, self._limit = Frames(), limit

    def feed(self, data: bytes) -> None:
        for stream, payload in self._frames.feed(data):
            kept = self.of.get(stream)
            if kept is not None:
                kept += payload[: max(0, self._limit - len(kept))]


def _pump(api: Any, command: Exec, stdin: bytes, output: _Output, deadline: float) -> None:
    """Feed stdin and read output until the stream or the command ends."""
    waiting = memoryview(stdin)
    quiet_s = _QUIET_S
    with selectors.DefaultSelector() as selector:
        selector.register(command.stream, selectors.EVENT_READ | (selectors.EVENT_WRITE if stdin else 0))
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Stuck
            ready = selector.select(min(quiet_s, left))
            if not ready:
                if _code(api, command.id) is not None:
                    _drain(selector, command.stream, output)
                    return
                quiet_s = min(2 * quiet_s, 1.0)
                continue
            for _, events in ready:
                if events & selectors.EVENT_WRITE:
                    waiting = _send(command.stream, waiting)
                    if not waiting:
                        selector.modify(command.stream, selectors.EVENT_READ)
                if events & selectors.EVENT_READ and not _receive(command.stream, output):
                    return


def _send(stream: socket.socket, waiting: memoryview) -> memoryview:
    try:
        waiting = waiting[stream.send(waiting[:_CHUNK]) :]
    except BlockingIOError:
        return waiting
    except OSError:  # the command closed its stdin or ended
        waiting = waiting[len(waiting) :]
    if not waiting:
        with contextlib.suppress(OSError):
            stream.shutdown(socket.SHUT_WR)
    return waiting


def _receive(stream: socket.socket, output: _Output) -> bool:
    """Read once; False at the end of the stream."""
    try:
        data = stream.recv(_CHUNK)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    output.feed(data)
    return bool(data)


def _drain(selector: selectors.BaseSelector, stream: socket.socket, output: _Output) -> None:
    """What a command said may arrive after its end is known: a busy engine is slow, Docker hangs up within 2 s."""
    deadline = time.monotonic() + _LAST_WORDS_S
    selector.modify(stream, selectors.EVENT_READ)
    while (left := deadline - time.monotonic()) > 0:
        if selector.select(left) and not _receive(stream, output):
            return


def _exit_code(api: Any, exec_id: str) -> int:
    """The stream ends a moment before the engine knows the code."""
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        code = _code(api, exec_id)
        if code is not None:
            return code
        time.sleep(0.02)
    return UNKNOWN


def _code(api: Any, exec_id: str) -> int | None:
    """None before the start, while it runs, and for ever where its container ended first."""
    state = api.exec_inspect(exec_id)
    if state["Running"] or state["ExitCode"] is None:
        return None
    return int(state["ExitCode"]) if state["Pid"] else UNKNOWN
