"""One running bubblewrap sandbox: requests to its process 1, each with a stream of its own.

Whatever arrives from inside is hostile data: bounded in size and time, and a sandbox that is gone is told apart from a
request that failed.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from termforge.errors import LimitPassed, SandboxError, SandboxLost
from termforge.sandbox.archive import unpack
from termforge.sandbox.cgroups import Group
from termforge.sandbox.inside.init import RECORD
from termforge.sandbox.protocol import Finished
from termforge.sandbox.talk import Talk, pipes
from termforge.schemas import File, Image, Limits, Need

_log = logging.getLogger(__name__)

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
        group: Group | None,
        demote: tuple[str, ...],
        leftovers: _Closable,
    ) -> None:
        """`monitor` and `init` are pidfds; `leftovers` closes them, `control`, and what limits the sandbox."""
        self.image, self.demote = image, demote
        self.limits_by = "cgroup" if group is not None else "rlimit"
        self.init_pid: int | None = init_pid
        self._control, self._monitor, self._init = control, monitor, init
        self._limits, self._group, self._leftovers = limits, group, leftovers
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

    def check(self) -> None:
        with self._call(b"a", []) as call:
            self._expect_done(call, _ANSWER_S)

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0, output_limit: int = 4_000_000
    ) -> Finished:
        with contextlib.ExitStack() as closing:
            ours, theirs = pipes(closing)
            with self._call(b"r", theirs, _words(argv)) as call:
                for descriptor in theirs:
                    os.close(descriptor)
                talk = Talk(call, ours, stdin, output_limit)
                closing.pop_all()
                with talk:
                    status = talk.until(time.monotonic() + timeout_s)
        stdout, stderr = talk.output
        if status is None:
            return Finished(-9, stdout, stderr, timed_out=True)
        if not status.startswith(b"s") or len(status) != 5:
            raise self._refusal(status)
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
                raise self._failure(str(error)) from error

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
            for process in (self._init, self._monitor):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                _readable(process, 10.0)
            try:
                self._leftovers.close()
            except SandboxError as error:
                _log.warning("%s; the reaper may, once this process has ended", error)

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
            raise self._failure(str(error)) from error
        return near

    def _expect_done(self, call: socket.socket, timeout_s: float) -> None:
        call.settimeout(timeout_s)
        try:
            answer = call.recv(_CHUNK)
        except TimeoutError as error:
            raise SandboxError(f"the sandbox did not answer within {timeout_s:.0f} s") from error
        except OSError as error:
            raise self._failure(str(error)) from error
        if answer != b"k":
            raise self._refusal(answer)

    def _refusal(self, answer: bytes) -> SandboxError:
        """What process 1 said instead of yes; nothing where it hung up."""
        text = answer[1:1000].decode(errors="replace")
        if answer.startswith(b"d"):
            return SandboxError(f"the sandbox's disk is full ({self._limits.disk_mb} MiB): {text}")
        return self._failure(text or "no answer", patience_s=0.0 if answer else 1.0)

    def _failure(self, text: str, patience_s: float = 1.0) -> SandboxError:
        """Whether the sandbox is gone, which may take a moment to show, or something else went wrong."""
        if self._closed:
            return SandboxLost("the sandbox is closed")
        if not _readable(self._init, patience_s):
            return SandboxError(f"the sandbox could not do this: {text}")
        if self._group is not None and self._group.ran_out_of_memory():
            return LimitPassed(
                f"the sandbox's memory ran out ({self._limits.memory_mb} MiB), and its process 1 with it"
            )
        return SandboxLost("the sandbox is gone: its process 1 has ended")

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


def _readable(pidfd: int, timeout_s: float) -> bool:
    """Whether the process has ended, waiting so long at most."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
