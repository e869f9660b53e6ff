"""Process 1 of a sandbox: starts what the host asks for, reaps what dies, outlives every process of the agent.

The host sends one-letter requests with descriptors over the inherited socket `argv[1]`; the first descriptor is the
request's own stream. Everything is imported before the agent exists: it may replace any file of its machine afterwards.
Every start of a sandbox waits for these imports, so the C modules stand in for `socket`, `signal`, `typing` and
`contextlib`, which take longer than all the rest of the start inside.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import _socket as sockets
import ctypes
import errno
import os
import select
import stat
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Execute = Callable[[list[bytes]], None]

PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
RECORD = struct.Struct(">IHQ")
"""Before each file of a put: length of its path (0: no more), mode, size."""
UNFETCHED = (b"/proc", b"/dev", b"/sys")
CHUNK = 1 << 16


class Job:
    """A process started for the host."""

    def __init__(self, stream: sockets.socket, *, channel: bool) -> None:
        """When the host hangs up `stream`, the process is ended.

        It is the process's own stdin and stdout for a channel, and else takes its wait status.
        """
        self.stream, self.channel = stream, channel


def main() -> None:
    rule(sockets.socket(fileno=int(sys.argv[1])), lambda argv: os.execvp(argv[0], argv))


def rule(control: sockets.socket, execute: Execute) -> None:
    """Be process 1; `execute` is how a process that was started becomes its program."""
    os.set_inheritable(control.fileno(), False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the kernel drops what process 1 does not handle
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NAME, b"init", 0, 0, 0)
    # The agent's processes have this process's uid; undumpable, it is out of reach of ptrace and /proc/1/fd.
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("process 1 cannot be made undumpable")
    control.send(b"ready")
    be_quiet()
    serve(control, execute)


def be_quiet() -> None:
    quiet = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)


def serve(control: sockets.socket, execute: Execute) -> None:
    """Until the host hangs up; returning ends the sandbox."""
    jobs: dict[int, Job] = {}
    dead, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while True:
        poller = select.poll()
        poller.register(control.fileno(), select.POLLIN)
        poller.register(dead, select.POLLIN)
        for job in jobs.values():
            poller.register(job.stream.fileno(), 0)
        ready = {descriptor for descriptor, _ in poller.poll()}
        if dead in ready:
            os.read(dead, CHUNK)
            reap(jobs, os.WNOHANG)
        for process, job in jobs.items():
            if job.stream.fileno() in ready:
                end(process)
        if control.fileno() in ready and not answer(control, jobs, execute):
            return


def answer(control: sockets.socket, jobs: dict[int, Job], execute: Execute) -> bool:
    """Serve one request; False when the host is gone."""
    letter, ancillary, _, _ = control.recvmsg(1, sockets.CMSG_SPACE(16), sockets.MSG_CMSG_CLOEXEC)
    if not letter or not ancillary:
        return False
    passed = ancillary[0][2]
    call, *files = struct.unpack(f"{len(passed) // 4}i", passed)
    stream = sockets.socket(fileno=call)
    try:
        serve_one(letter, stream, files, jobs, execute)
    except OSError as error:
        refuse(stream, error)
    finally:
        if all(job.stream is not stream for job in jobs.values()):
            stream.close()
        for descriptor in files:
            os.close(descriptor)
    return True


def serve_one(
    letter: bytes,
    stream: sockets.socket,
    files: list[int],
    jobs: dict[int, Job],
    execute: Execute,
) -> None:
    if letter == b"c":
        open_channel(words(stream), files[0], jobs, execute)
        stream.send(b"k")
    elif letter == b"r":
        jobs[spawn(words(stream), (files[0], files[1], files[2]), execute)] = Job(stream, channel=False)
    elif letter == b"p":
        in_child(lambda: lay(stream))
    elif letter == b"f":
        paths = words(stream)
        in_child(lambda: send_tree(stream, paths))
    elif letter == b"s":
        stop(jobs)
        stream.send(b"k")
    elif letter == b"a":  # only whether we are alive
        stream.send(b"k")


def open_channel(argv: list[bytes], end: int, jobs: dict[int, Job], execute: Execute) -> None:
    """Where the agent has used up all processes the channel is at its end, as that of an unknown program is."""
    try:
        process = spawn(argv, (end, end, None), execute)
    except BlockingIOError:
        return
    jobs[process] = Job(sockets.socket(fileno=os.dup(end)), channel=True)


def words(stream: sockets.socket) -> list[bytes]:
    """A request's text: 4 bytes of length, then words with NUL between."""
    size = int.from_bytes(exactly(stream, 4), "big")
    return exactly(stream, size).split(b"\0")


def exactly(stream: sockets.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = stream.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, "the host hung up")
        data += chunk
    return bytes(data)


def spawn(argv: list[bytes], stdio: tuple[int, int, int | None], execute: Execute) -> int:
    """Start a program in a session of its own with these descriptors; None is /dev/null."""
    process = os.fork()
    if process:
        return process
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, programs expect them
            signal.signal(number, signal.SIG_DFL)
        for target, descriptor in enumerate(stdio):
            if descriptor is not None:
                os.dup2(descriptor, target)
        execute(argv)
    except OSError as error:
        os.write(2, argv[0] + b": " + os.strerror(error.errno or 0).encode() + b"\n")
    finally:
        os._exit(127)


def in_child(work: Callable[[], None]) -> None:
    """Do long work in a process of its own, so that a large file keeps nobody waiting."""
    if os.fork() == 0:
        try:
            work()
        finally:
            os._exit(0)


def reap(jobs: dict[int, Job], flags: int) -> bool:
    """Collect the dead and tell the host of its jobs; False when no process is left."""
    while True:
        try:
            process, status = os.waitpid(-1, flags)
        except ChildProcessError:
            return False
        if process == 0:
            return True
        if process in jobs:
            finish(jobs.pop(process), status)
        if not flags:
            return True


def finish(job: Job, status: int) -> None:
    try:
        if job.channel:
            job.stream.shutdown(sockets.SHUT_RDWR)  # also for descendants that still hold it
        else:
            job.stream.send(b"s" + struct.pack(">i", status))
    except OSError:
        pass  # the host has hung up, which is how it ends a job
    finally:
        job.stream.close()


def end(process: int) -> None:
    try:  # noqa: SIM105
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop(jobs: dict[int, Job]) -> None:
    """End every other process here, however fast they fork."""
    left = True
    while left:
        try:  # noqa: SIM105
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        left = reap(jobs, 0)


def refuse(stream: sockets.socket, error: OSError) -> None:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    try:  # noqa: SIM105
        stream.send((b"d" if full else b"e") + str(error).encode(errors="replace")[:1000])
    except OSError:
        pass  # the host has hung up


def lay(stream: sockets.socket) -> None:
    """Write the files that follow on the stream, then say so."""
    try:
        while True:
            length, mode, size = RECORD.unpack(exactly(stream, RECORD.size))
            if length == 0:
                break
            lay_one(stream, exactly(stream, length), mode, size)
        stream.send(b"k")
    except OSError as error:
        refuse(stream, error)


def lay_one(stream: sockets.socket, path: bytes, mode: int, size: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    try:  # noqa: SIM105
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        pass
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        while size:
            chunk = memoryview(exactly(stream, min(size, 1 << 20)))
            size -= len(chunk)
            while chunk:
                chunk = chunk[os.write(descriptor, chunk) :]
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def send_tree(stream: sockets.socket, paths: list[bytes]) -> None:
    """A tar of the regular files at or below `paths`; the host counts, and hangs up when it has had enough."""
    for path in paths:
        for found in tree(path):
            send_file(stream, found)
    stream.sendall(bytes(1024))


def tree(path: bytes) -> Iterator[bytes]:
    """Regular files, no link followed: neither below `path` nor on the way to it."""
    ancestors = path.split(b"/")[1:-1]
    if any(os.path.islink(b"/" + b"/".join(ancestors[: n + 1])) for n in range(len(ancestors))):  # noqa: PTH114
        return
    waiting = [path]
    while waiting:
        current = waiting.pop()
        try:
            kind = os.lstat(current).st_mode
            if stat.S_ISDIR(kind) and current not in UNFETCHED:
                waiting += [os.path.join(current, name) for name in sorted(os.listdir(current), reverse=True)]  # noqa: PTH118, PTH208
            elif stat.S_ISREG(kind):
                yield current
        except OSError:
            continue  # unreadable, too deep or gone: not there for the grader


def send_file(stream: sockets.socket, path: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return
        name = path.lstrip(b"/")
        if len(name) > 100:
            stream.sendall(header(b"././@LongLink", 0, len(name) + 1, b"L") + name + bytes(512 - len(name) % 512))
        stream.sendall(header(name[:100], status.st_mode & 0o7777, status.st_size, b"0"))
        send_content(stream, descriptor, status.st_size)
    finally:
        os.close(descriptor)


def send_content(stream: sockets.socket, descriptor: int, size: int) -> None:
    left = size
    while left:
        chunk = os.read(descriptor, min(left, 1 << 20)) or bytes(min(left, CHUNK))  # zeros where it has shrunk
        left -= len(chunk)
        stream.sendall(chunk)
    stream.sendall(bytes(-size % 512))


def header(name: bytes, mode: int, size: int, kind: bytes) -> bytes:
    """A GNU tar header; sizes beyond 8 GiB in base 256."""
    sized = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    fields = name.ljust(100, b"\0") + b"%07o\0" % mode + b"0000000\0" * 2 + sized + b"00000000000\0"
    block = (fields + b" " * 8 + kind + bytes(100) + b"ustar  \0").ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


if __name__ == "__main__":
    main()
