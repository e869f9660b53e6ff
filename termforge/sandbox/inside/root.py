"""What bwrap does for a sandbox, done by a fork of a nest for itself: namespaces, /proc and /dev, the change of root.

The nest was started by bwrap: what it has in /dev, its hostname and its capabilities are the model.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from termforge.sandbox.zygote import MS_NODEV, MS_NOSUID, MS_REC, check, libc, mount

CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x02000000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 8, 32, 4096
MNT_DETACH = 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 23, 24, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
LINKS = {
    "core": "/proc/kcore", "fd": "/proc/self/fd", "ptmx": "pts/ptmx",
    "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
}  # fmt: skip

KEPT = [number for number in range(64) if libc.prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1]
"""The capabilities that bwrap has left to the nest."""


def unshare() -> None:
    """The namespaces beside those of the user and the mounts; a pid namespace begins with the next child."""
    kinds = CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
    check(libc.unshare(kinds), "unshare(cgroup, uts, ipc, pid, net)")


def enter(folders: dict[str, str], mounted: Sequence[str]) -> None:
    """Make `folders["root"]` the root, with /proc, /dev and what is `mounted` here; nothing else stays in reach."""
    root = folders["root"]
    for name in ("proc", "dev", *(path.lstrip("/") for path in mounted)):
        Path(root, name).mkdir(parents=True, exist_ok=True)
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
    lay_devices(Path(root, "dev"), folders["shm"])
    for path in mounted:
        mount(path, root + path, "", MS_BIND | MS_REC, "")
    os.chdir(root)
    check(libc.pivot_root(b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "leave the nest's root")
    os.chdir("/app")


def lay_devices(folder: Path, shm: str) -> None:
    mount("tmpfs", str(folder), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for name in DEVICES:
        (folder / name).touch()
        mount(f"/dev/{name}", f"{folder}/{name}", "", MS_BIND, "")
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    for name in ("pts", "shm"):
        (folder / name).mkdir()
    mount("devpts", f"{folder}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("none", str(folder), "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "")
    mount(shm, f"{folder}/shm", "", MS_BIND, "")


def lift_loopback() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def keep_capabilities() -> None:
    """Those of the nest alone, for this process and, as ambient ones, for what it starts."""
    for number in range(64):
        if number not in KEPT:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # refused beyond the last that there is
    kept = sum(1 << number for number in KEPT)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = struct.pack("=6I", low, low, low, high, high, high)
    check(libc.capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), data), "drop capabilities")
    for number in KEPT:
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0), "pass on capabilities")
