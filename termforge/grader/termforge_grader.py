"""What a task's tests may import: a way to run the agent's code without trusting it.

Stdlib only; laid into the grader's sandbox beside run.py.
"""

import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from typing import IO

DEMOTE: list[str] = []
"""Argv prefix that drops to another uid; run.py's caller fills it in."""
OUTPUT_LIMIT = 4_000_000
"""Bytes kept of each stream; what comes after them is read and thrown away."""
FILES_LIMIT = 1000
PR_SET_CHILD_SUBREAPER = 36
ENDING_S = 5.0


class Finished(subprocess.CompletedProcess[str]):
    """How a program ended."""

    files: dict[str, str]
    """Text of the regular files in its folder afterwards, by their paths there; at most `OUTPUT_LIMIT` bytes in all."""


def run_agent(
    argv: list[str], stdin: str = "", timeout_s: float = 10, files: Mapping[str, str] | None = None
) -> Finished:
    """Run a program that the agent wrote, as another user in a new folder, and return its output as text.

    The folder holds `files`, by their paths in it, and nothing else; other files of the caller need not be in the
    program's sight. What it has started ends with it. After `timeout_s` seconds it is ended too, and the return code is
    -9; an end by signal N is 128 + N.
    """
    # Orphans become our children instead of init's, so that daemons can be found.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ours = _children()
    with tempfile.TemporaryDirectory() as folder:
        _lay(folder, files or {})
        process = subprocess.Popen(
            [*DEMOTE, *argv],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_open_streams,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        streams = [_Stream(process.stdout), _Stream(process.stderr)]
        feeder = threading.Thread(target=_feed, args=(process.stdin, stdin.encode()), daemon=True)
        # Popen's own wait with a limit looks every 50 ms.
        waiter = threading.Thread(target=process.wait, daemon=True)
        feeder.start()
        waiter.start()
        try:
            waiter.join(timeout_s)
            code = process.returncode
        finally:
            _end(process, ours)
            for thread in (feeder, waiter, *streams):
                thread.join(ENDING_S)
        finished = Finished(argv, _status(code), *(stream.text for stream in streams))
        finished.files = dict(_left(folder))
    return finished


def _status(code: int | None) -> int:
    """None is of one that still ran."""
    if code is None:
        return -9
    return code if code >= 0 else 128 - code


def _lay(folder: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = os.path.join(folder, name)  # noqa: PTH118
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            file.write(text)
    for where, _, names in os.walk(folder):
        os.chmod(where, 0o777)  # noqa: PTH101
        for name in names:
            os.chmod(os.path.join(where, name), 0o666)  # noqa: PTH101, PTH118


def _left(folder: str) -> Iterator[tuple[str, str]]:
    """Links, pipes and what nobody may read stay where they are."""
    room, paths = OUTPUT_LIMIT, (os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)  # noqa: PTH118
    for path, _ in zip(paths, range(FILES_LIMIT), strict=False):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with open(descriptor, "rb") as file:  # noqa: PTH123
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                content = file.read(room)
                room -= len(content)
                yield os.path.relpath(path, folder), _text(content)


def _open_streams() -> None:
    """Another user may then open them by name, as in `cat /dev/stdin`; a pipe belongs to whoever made it."""
    for stream in (0, 1, 2):
        os.fchmod(stream, 0o666)


class _Stream(threading.Thread):
    """Reads a pipe to its end and keeps the start."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe, self._kept = pipe, bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                self._kept += data[: OUTPUT_LIMIT - len(self._kept)]

    @property
    def text(self) -> str:
        return _text(self._kept)


def _text(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(data)


def _end(process: "subprocess.Popen[bytes]", ours: set[int]) -> None:
    """End everything that the program started. Orphans of the dead turn up among our children, so look again."""
    deadline = time.monotonic() + ENDING_S
    while (started := _children() - ours) and time.monotonic() < deadline:
        _signal(_frozen(started, deadline), signal.SIGKILL)
        for child in started - {process.pid}:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        process.poll()
        time.sleep(0.002)
    process.wait()


def _frozen(roots: set[int], deadline: float) -> set[int]:
    """Stop the roots and all below them, so that none can fork ahead of its end."""
    frozen: set[int] = set()
    while (new := _descendants(roots) - frozen) and time.monotonic() < deadline:
        _signal(new, signal.SIGSTOP)
        frozen |= new
    return frozen


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _children() -> set[int]:
    me = os.getpid()
    return {process for process, parent in _parents().items() if parent == me}


def _descendants(roots: set[int]) -> set[int]:
    parents = _parents()
    found = set(roots)
    while new := {process for process, parent in parents.items() if parent in found} - found:
        found |= new
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    return parents
