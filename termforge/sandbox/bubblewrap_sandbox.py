"""One running bubblewrap sandbox: requests to its process 1, each with a stream of its own.

Whatever arrives from inside is hostile data: bounded in size and time, and a sandbox that is gone is told apart from a
request that failed.
"""

import contextlib
import os
import select
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from termforge.errors import SandboxError, SandboxLost
from termforge.sandbox.archive import unpack
from termforge.sandbox.inside.init import RECORD
from termforge.sandbox.protocol import Finished
from termforge.schemas import File, Image, Limits, Need

_START_S = 30.0
_ANSWER_S = 30.0
_TRANSFER_S = 300.0
_CHUNK = 1 << 16


class _Closable(Protocol):
    def close(self) -> None: ...


class BubblewrapSandbox:
    """See termforge/sandbox/protocol.py. Its methods may be called from several threads."""

    offers: frozenset[Need] = frozenset()

    def __init__(
        self,
        image: Image,
        control: socket.socket,
        monitor: int,
        init: int,
        init_pid: int,
        limits: Limits,
        limits_by: str,
        demote: tuple[str, ...],
        leftovers: _Closable,
    ) -> None:
        """`monitor` and `init` are pidfds; `leftovers` closes them, `control`, and what limits the sandbox."""
        self.image, self.limits_by, self.demote = image, limits_by, demote
        self.init_pid: int | None = init_pid
        self._control, self._monitor, self._init = control, monitor, init
        self._limits, self._leftovers = limits, leftovers
        self._closing = threading.Lock()
        self._closed = False

    def open_channel(self, argv: Sequence[str]) -> socket.socket:
        near, far = socket.socketpair()
        try:
            with far, self._call(b"c", [far.fileno()], _words(argv)) as call:
                self._expect_done(call, _ANSWER_S)
        except BaseException:
            near.close()
            raise
        return near

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0, output_limit: int = 4_000_000
    ) -> Finished:
        with contextlib.ExitStack() as closing:
            ours, theirs = _pipes(closing)
            with self._call(b"r", theirs, _words(argv)) as call:
                for descriptor in theirs:
                    os.close(descriptor)
                talk = _Talk(call, ours, stdin, output_limit)
                closing.pop_all()
                with talk:
                    status = talk.until(time.monotonic() + timeout_s)
        stdout, stderr = talk.output
        if status is None:
            return Finished(-9, stdout, stderr, timed_out=True)
        if not status.startswith(b"s") or len(status) != 5:
            raise self._failure(status)
        code = os.waitstatus_to_exitcode(struct.unpack(">i", status[1:])[0])
        return Finished(code if code >= 0 else 128 - code, stdout, stderr)

    def put(self, files: Sequence[File], *, read_only: bool = False) -> None:
        if not files:
            return
        with self._call(b"p", []) as call:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused midway: the answer says why
                for file in files:
                    path = file.path.encode()
                    mode = file.mode & (0o7555 if read_only else 0o7777)
                    call.sendall(RECORD.pack(len(path), mode, len(file.content)) + path)
                    call.sendall(file.content)
                call.sendall(RECORD.pack(0, 0, 0))
            self._expect_done(call, _TRANSFER_S)

    def stop_processes(self) -> None:
        with self._call(b"s", []) as call:
            self._expect_done(call, _ANSWER_S)

    def fetch(self, paths: Sequence[str], *, max_bytes: int, max_files: int) -> list[File]:
        with self._call(b"f", [], _words(paths)) as call:
            try:
                return unpack(self._chunks(call), paths, max_bytes=max_bytes, max_files=max_files)
            except SandboxError as error:
                raise self._failure(str(error).encode()) from error

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
            for process in (self._init, self._monitor):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                _readable(process, 10.0)
            self._leftovers.close()

    def _call(self, letter: bytes, descriptors: Sequence[int], text: bytes | None = None) -> socket.socket:
        """A request's own stream, with the request sent."""
        with self._closing:
            if self._closed:
                raise SandboxLost("the sandbox is closed")
        near, far = socket.socketpair()
        near.settimeout(_TRANSFER_S)
        try:
            with far:
                socket.send_fds(self._control, [letter], [far.fileno(), *descriptors])
            if text is not None:
                near.sendall(len(text).to_bytes(4, "big") + text)
        except OSError as error:
            near.close()
            raise self._failure(str(error).encode()) from error
        return near

    def _expect_done(self, call: socket.socket, timeout_s: float) -> None:
        call.settimeout(timeout_s)
        try:
            answer = call.recv(_CHUNK)
        except TimeoutError as error:
            raise SandboxError(f"the sandbox did not answer within {timeout_s:.0f} s") from error
        except OSError as error:
            raise self._failure(str(error).encode()) from error
        if answer != b"k":
            raise self._failure(answer)

    def _failure(self, answer: bytes) -> SandboxError:
        """What an unexpected answer means: the sandbox is gone, its disk is full, or something else failed inside."""
        if not answer.startswith((b"d", b"e")) and _readable(self._init, 1.0):
            return SandboxLost("the sandbox is gone: its process 1 has ended")
        text = answer[1:1000].decode(errors="replace")
        if answer.startswith(b"d"):
            return SandboxError(f"the sandbox's disk is full ({self._limits.disk_mb} MiB): {text}")
        return SandboxError(f"the sandbox could not do this: {text or 'no answer'}")

    def _chunks(self, call: socket.socket) -> Iterator[bytes]:
        deadline = time.monotonic() + _TRANSFER_S
        while True:
            call.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                chunk = call.recv(1 << 20)
            except OSError as error:
                raise SandboxError(f"the files do not come out of the sandbox: {error}") from error
            if not chunk:
                return
            yield chunk


class _Talk:
    """The host's side of a running command: feeds its stdin, keeps its output up to a limit, waits for its status."""

    def __init__(self, call: socket.socket, pipes: Sequence[int], stdin: bytes, limit: int) -> None:
        self._call, self._stdin, self._limit = call, memoryview(stdin), limit
        self._in, *self._outs = pipes
        self._kept = {descriptor: bytearray() for descriptor in self._outs}
        self._selector = selectors.DefaultSelector()
        self._open = set(pipes)
        for descriptor in pipes:
            os.set_blocking(descriptor, False)

    def __enter__(self) -> "_Talk":
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


def greet(control: socket.socket, word: bytes) -> int:
    """Wait for a starting sandbox to say `word`; the pid of who says it, from the kernel.

    Raises: SandboxError with what was said instead.
    """
    control.settimeout(_START_S)
    said: list[bytes] = []
    try:
        while True:
            message, ancillary, _, _ = control.recvmsg(_CHUNK, socket.CMSG_SPACE(12))
            if message == word:
                control.settimeout(_ANSWER_S)
                return int(struct.unpack("3i", ancillary[0][2])[0])
            if not message:
                raise SandboxError(f"the sandbox did not start: {_text(said) or 'it ended without a word'}")
            said.append(message)
    except OSError as error:
        raise SandboxError(f"the sandbox did not start: {_text(said)} {error}") from error


def _text(said: Sequence[bytes]) -> str:
    return b"".join(said)[-1000:].decode(errors="replace").strip()


def _words(words: Sequence[str]) -> bytes:
    return "\0".join(words).encode(errors="surrogateescape")


def _pipes(closing: contextlib.ExitStack) -> tuple[list[int], list[int]]:
    """Ours and theirs of stdin, stdout and stderr."""
    stdin, stdout, stderr = (os.pipe() for _ in range(3))
    for descriptor in (*stdin, *stdout, *stderr):
        closing.callback(os.close, descriptor)
    return [stdin[1], stdout[0], stderr[0]], [stdin[0], stdout[1], stderr[1]]


def _readable(pidfd: int, timeout_s: float) -> bool:
    """Whether the process has ended, waiting so long at most."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
