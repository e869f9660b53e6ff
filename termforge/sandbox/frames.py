"""Docker's exec streams as plain sockets.

Without a tty the engine sends frames: 1 byte stream number, 3 zero bytes, 4 bytes length (big endian), payload. One
thread serves every channel of an engine; a reader that is slow slows its own process down and nothing else.
"""

import contextlib
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator

STDOUT, STDERR = 1, 2
_CHUNK = 1 << 16
_FULL = 1 << 18
"""Bytes waiting in one direction from which its source is no longer read."""


class Frames:
    """Cuts a byte stream into frames, wherever its pieces end."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The payloads (stream, bytes) that `data` brings; a long frame comes in several pieces."""
        self._buffer += data
        while self._buffer:
            if self._left == 0:
                if len(self._buffer) < 8:
                    return
                self._stream, self._left = self._buffer[0], int.from_bytes(self._buffer[4:8], "big")
                del self._buffer[:8]
                continue
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            yield self._stream, piece


class _Link:
    """One channel: the engine's socket, our end of the pair, and what waits to be written to either."""

    def __init__(self, engine: socket.socket, far: socket.socket, early: bytes, on_end: Callable[[], None]) -> None:
        self.engine, self.far = engine, far
        self.on_end = on_end
        self._frames = Frames()
        self._to_engine, self._to_reader = bytearray(), bytearray()
        self._engine_ended = self._writer_ended = self._shut = False
        self.dead = False
        for end in (engine, far):
            end.setblocking(False)
        self._take(early)

    def wanted(self) -> dict[socket.socket, int]:
        """What to wait for on either socket; selectors' events."""
        read, write = selectors.EVENT_READ, selectors.EVENT_WRITE
        read_engine = not self._engine_ended and len(self._to_reader) < _FULL
        read_far = not self._writer_ended and len(self._to_engine) < _FULL
        return {
            self.engine: read * read_engine | write * bool(self._to_engine),
            self.far: read * read_far | write * bool(self._to_reader),
        }

    def serve(self, ready: socket.socket, events: int) -> None:
        """Move bytes as far as they go without blocking."""
        try:
            if events & selectors.EVENT_READ:
                self._read(ready)
            self._write(self.engine, self._to_engine)
            self._write(self.far, self._to_reader)
        except OSError:
            self.dead = True
            return
        if self._writer_ended and not self._to_engine and not self._shut:
            self._shut = True
            with contextlib.suppress(OSError):
                self.engine.shutdown(socket.SHUT_WR)
        self.dead = self._engine_ended and not self._to_reader

    def close(self) -> None:
        self.far.close()
        self.engine.close()
        self.on_end()

    def _read(self, ready: socket.socket) -> None:
        try:
            data = ready.recv(_CHUNK)
        except BlockingIOError:
            return
        if ready is self.engine:
            self._engine_ended = not data
            self._take(data)
        else:
            self._writer_ended = not data
            self._to_engine += data

    def _take(self, data: bytes) -> None:
        for stream, payload in self._frames.feed(data):
            if stream == STDOUT:
                self._to_reader += payload

    @staticmethod
    def _write(end: socket.socket, waiting: bytearray) -> None:
        with contextlib.suppress(BlockingIOError):
            while waiting:
                del waiting[: end.send(waiting[:_CHUNK])]


class Channels:
    """All channels of one engine, served by one thread that starts with the first."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._wake = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._new: deque[_Link] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def attach(
        self, engine: socket.socket, early: bytes = b"", on_end: Callable[[], None] = lambda: None
    ) -> socket.socket:
        """A blocking socket of the plain stdin and stdout behind `engine`, which belongs to the channel from now on.

        `early` is what was read of the stream already; `on_end` is called from the serving thread when it is over.
        """
        near, far = socket.socketpair()
        link = _Link(engine, far, early, on_end)
        with self._lock:
            self._new.append(link)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="termforge-channels", daemon=True)
                self._thread.start()
        self._wake.send(b"!")
        return near

    def close(self) -> None:
        """End the thread and every channel."""
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._wake.send(b"!")
        if thread is not None:
            thread.join()
        self._selector.close()
        self._bell.close()
        self._wake.close()

    def _serve(self) -> None:
        links: dict[_Link, dict[socket.socket, int]] = {}
        while not self._stopping:
            touched: set[_Link] = set()
            for key, events in self._selector.select():
                if key.data is None:
                    self._bell.recv(4096)
                else:
                    key.data.serve(key.fileobj, events)
                    touched.add(key.data)
            while self._new:
                link = self._new.popleft()
                links[link] = {link.engine: 0, link.far: 0}
                link.serve(link.far, 0)
                touched.add(link)
            for link in touched:
                self._follow(link, links)
        for link in (*links, *self._new):
            link.close()

    def _follow(self, link: _Link, links: dict[_Link, dict[socket.socket, int]]) -> None:
        """Register what a link waits for now; let go of it when it is over."""
        before, after = links[link], {link.engine: 0, link.far: 0} if link.dead else link.wanted()
        for end, events in after.items():
            if before[end] and events and before[end] != events:
                self._selector.modify(end, events, link)
            elif events and not before[end]:
                self._selector.register(end, events, link)
            elif before[end] and not events:
                self._selector.unregister(end)
        links[link] = after
        if link.dead:
            del links[link]
            link.close()
