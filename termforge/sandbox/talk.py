"""A running command's three pipes and its status, served by the calling thread within limits of time and size."""

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Sequence

_CHUNK = 1 << 16


class Talk:
    """The host's side of a running command: feeds its stdin, keeps its output up to a limit, waits for its status."""

    def __init__(self, call: socket.socket, pipes: Sequence[int], stdin: bytes, limit: int) -> None:
        self._call, self._stdin, self._limit = call, memoryview(stdin), limit
        self._in, *self._outs = pipes
        self._kept = {descriptor: bytearray() for descriptor in self._outs}
        self._selector = selectors.DefaultSelector()
        self._open = set(pipes)
        for descriptor in pipes:
            os.set_blocking(descriptor, False)

    def __enter__(self) -> "Talk":
        self._selector.register(self._call, selectors.EVENT_READ)
        self._selector.register(self._in, selectors.EVENT_WRITE)
        for descriptor in self._outs:
            self._selector.register(descriptor, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for descriptor in self._open:
            os.close(descriptor)

    @property
    def output(self) -> tuple[bytes, bytes]:
        stdout, stderr = (bytes(kept) for kept in self._kept.values())
        return stdout, stderr

    def until(self, deadline: float) -> bytes | None:
        """The command's status as process 1 sends it, empty where it hung up; None when time ran out first."""
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.fd == self._call.fileno():
                    return self._status()
                if key.fd == self._in:
                    self._feed()
                else:
                    self._keep(key.fd)
        self._drain()
        return None

    def _status(self) -> bytes:
        try:
            status = self._call.recv(_CHUNK)
        except OSError:
            status = b""
        self._drain()
        return status

    def _feed(self) -> None:
        try:
            self._stdin = self._stdin[os.write(self._in, self._stdin[:_CHUNK]) :] if self._stdin else self._stdin
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = memoryview(b"")
        if not self._stdin:
            self._leave(self._in)

    def _keep(self, descriptor: int) -> bool:
        """Read once; False when there is nothing more to read now."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        kept = self._kept[descriptor]
        kept += data[: max(0, self._limit - len(kept))]
        if not data:
            self._leave(descriptor)
        return bool(data)

    def _drain(self) -> None:
        """What lies in the pipes; a process left behind that keeps writing gets no more than one limit of attention."""
        for descriptor in self._outs:
            reads = 2 + self._limit // _CHUNK
            while reads and descriptor in self._open and self._keep(descriptor):
                reads -= 1

    def _leave(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        self._open.discard(descriptor)
        os.close(descriptor)


def pipes(closing: contextlib.ExitStack) -> tuple[list[int], list[int]]:
    """Ours and theirs of stdin, stdout and stderr."""
    stdin, stdout, stderr = (os.pipe() for _ in range(3))
    for descriptor in (*stdin, *stdout, *stderr):
        closing.callback(os.close, descriptor)
    return [stdin[1], stdout[0], stderr[0]], [stdin[0], stdout[1], stderr[1]]
