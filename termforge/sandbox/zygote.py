"""One small process an engine, without threads and unprivileged, which forks the holder of each sandbox.

A holder owns a user and a mount namespace with the sandbox's root in a tmpfs of limited size, then becomes bwrap. When
the engine's process dies, however it dies, its end of the socket closes, this process exits, and each bwrap dies with
its parent.
Started by path with `python -I -S`; standard library only, everything imported before privileges are dropped.
"""

import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

BASE = "/dev/shm"
"""Covered in the holder's own mount namespace only: there on every Linux, and nothing of ours lies below it."""
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 0x40000
PR_SET_DUMPABLE = 4

libc = ctypes.CDLL(None, use_errno=True)


class Request(NamedTuple):
    """One sandbox to hold. Also the engine's side of the message."""

    bwrap: list[str]
    """Argv; `{root}` and `{shm}` stand for folders that the holder makes, `{pristine}` for what is below the overlay,
    `{control}` for the socket's number. Empty for a nest, which does without."""
    lower: str
    """Folder below the overlay; empty where `skeleton` is copied instead."""
    skeleton: str
    disk_mb: int
    rlimits: dict[str, int]


def main() -> None:
    engine = socket.socket(fileno=0)
    user = int(sys.argv[1])
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    # Changing uid takes /proc/self from us, where the uid map is written.
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the engine's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    os.umask(0o022)
    # The engine allows itself more; programs that close every possible descriptor would take seconds over it.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    serve(engine, become_bwrap)


def serve(engine: socket.socket, build: Callable[[Request, socket.socket], None]) -> None:
    """Fork a holder for each request, until the engine is gone."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(engine, 1 << 18, 1)
        if not message:
            return
        if os.fork() == 0:
            engine.close()
            hold(Request(**json.loads(message)), socket.socket(fileno=descriptors[0]), build)
        os.close(descriptors[0])


def hold(request: Request, control: socket.socket, build: Callable[[Request, socket.socket], None]) -> None:
    """Build a sandbox as root of a namespace of its own; what goes wrong is said on `control`."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        control.send(b"hello")  # with our pid, added by the kernel
        if control.recv(16) != b"go":
            return
        become_root()
        for name, value in request.rlimits.items():
            limit(getattr(resource, name), value)
        build(request, control)
    except (OSError, ValueError, LookupError, shutil.Error) as error:
        control.send(f"{type(error).__name__}: {error}".encode(errors="replace"))
    finally:
        os._exit(1)


def become_bwrap(request: Request, control: socket.socket) -> None:
    folders = lay_root(request)
    quiet = os.open("/dev/null", os.O_RDONLY)
    for standard, descriptor in enumerate((quiet, control.fileno(), control.fileno())):
        os.dup2(descriptor, standard)
        os.set_inheritable(standard, True)  # where both were one already
    os.set_inheritable(control.fileno(), True)
    argv = [part.format(**folders, control=control.fileno()) for part in request.bwrap]
    os.execvp(argv[0], argv)


def become_root() -> None:
    """Root of a new user namespace and its mounts."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare(user, mount)")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
            file.write(text)
    mount("none", "/", "", MS_REC | MS_PRIVATE, "")


def lay_root(request: Request) -> dict[str, str]:
    """The folders that bwrap is told of, all inside one limited tmpfs."""
    inodes = max(16_384, 128 * request.disk_mb)
    mount("tmpfs", BASE, "tmpfs", MS_NOSUID | MS_NODEV, f"size={max(1, request.disk_mb)}m,nr_inodes={inodes},mode=755")
    root, shm = f"{BASE}/root", f"{BASE}/shm"
    os.mkdir(shm)  # noqa: PTH102
    os.chmod(shm, 0o1777)  # noqa: PTH101
    if request.lower:
        for name in ("root", "upper", "work"):
            os.mkdir(f"{BASE}/{name}")  # noqa: PTH102
        layers = f"lowerdir={request.lower},upperdir={BASE}/upper,workdir={BASE}/work,userxattr"
        mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, layers)
    else:
        shutil.copytree(request.skeleton, root, symlinks=True)
    return {"root": root, "shm": shm, "pristine": request.lower or root}


def limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    arguments = (source.encode(), target.encode(), kind.encode(), flags, options.encode())
    check(libc.mount(*arguments), f"mount {kind or source} on {target} ({options})")


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
