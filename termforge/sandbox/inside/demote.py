"""Run the agent's program as another user of the grader's sandbox: `demote.py PROGRAM ARGUMENT...`

A sandbox has one uid for the kernel, so the other user is made of namespaces: it sees no process of its caller, cannot
write anywhere but in a scratch /tmp and in a current folder that its caller opened to everyone (mode o+w, not sticky),
and finds in place of what others may not read an empty file or folder. The tests are out of its sight altogether.
Its exit code is passed on; an end by signal N becomes 128 + N.

Tests run dozens of programs, each through a new Python: half of its start would be `re`, `typing` and `collections`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

NOBODY = 65534
COVERED = ("/tests", "/root", "/run")
"""Replaced by empty folders: the grader's own, and where a caller keeps things."""
SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")
"""Replaced by empty folders that can be written."""
SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt/termforge", "/proc", "/sbin", "/sys", "/usr")
UNSEARCHED = frozenset({*COVERED, *SCRATCH, *SYSTEM, "/var/lib", "/var/cache"})
"""Where no file of a caller is looked for."""
SCRATCH_MB = 256

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 1, 24, 38, 47, 4
SIGKILL = 9

libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    program = sys.argv[1:]
    uid, gid, folder = os.geteuid(), os.getegid(), os.getcwd()  # noqa: PTH109
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
        write(f"/proc/self/{name}", text)
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    hide(folder)
    os._exit(in_child(lambda: rule(program, folder)))


def rule(program: list[str], folder: str) -> int:
    """As process 1 of the new namespace: one child, which takes everything it started with it."""
    check(libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "die with the caller")
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    write("/proc/sys/user/max_user_namespaces", "0")
    return in_child(lambda: become(program, folder))


def become(program: list[str], folder: str) -> int:
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        os.chdir(folder)
    except OSError:
        os.chdir("/tmp")
    drop_privileges()
    try:
        os.execvp(program[0], program)
    except OSError as error:
        os.write(2, f"{program[0]}: {error.strerror}\n".encode())
    return 127


def hide(folder: str) -> None:
    """Make everything read-only but `folder` where its mode opens it, and cover what is not for everyone."""
    opened = os.stat(folder).st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH  # noqa: PTH116
    if opened:
        mount(folder, folder, "", MS_BIND)
    kept = os.open(folder, os.O_PATH)
    private = list(not_for_everyone("/"))
    for path, flags in mounts():
        if path != folder or not opened:
            mount("none", path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | flags)
    for path in (*COVERED, *SCRATCH):
        if os.path.isdir(path):  # noqa: PTH112
            cover(path, writable=path in SCRATCH)
    for path in private:
        if os.path.isdir(path):  # noqa: PTH112
            cover(path, writable=False)
        elif os.path.exists(path):  # noqa: PTH110
            mount("/dev/null", path, "", MS_BIND)
    if folder.startswith(tuple(f"{scratch}/" for scratch in SCRATCH)):
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        mount(f"/proc/self/fd/{kept}", folder, "", MS_BIND)


def not_for_everyone(folder: str) -> Iterator[str]:
    """Files that others may not read and folders that they may not pass, topmost first."""
    for entry in os.scandir(folder):
        if entry.path in UNSEARCHED or entry.is_symlink():
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if entry.is_dir(follow_symlinks=False):
            if mode & 0o005 != 0o005:
                yield entry.path
            else:
                yield from not_for_everyone(entry.path)
        elif stat.S_ISREG(mode) and not mode & 0o004:
            yield entry.path


def cover(path: str, *, writable: bool) -> None:
    mode, flag = ("1777", 0) if writable else ("755", MS_RDONLY)
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | flag, f"size={SCRATCH_MB}m,nr_inodes=16384,mode={mode}")


def mounts() -> Iterator[tuple[str, int]]:
    """Mount points that can be made read-only, with the flags that a remount must repeat: they are locked."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123
        points = [line.split()[4].encode(errors="surrogateescape") for line in lines]
    for point in points:
        path = os.fsdecode(point.decode("unicode_escape").encode("latin-1"))  # its only escapes are octal
        if not path.startswith(("/proc", "/dev")):
            yield path, os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)


def drop_privileges() -> None:
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear ambient capabilities")
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    version_3 = (0x20080522).to_bytes(4, sys.byteorder)
    check(libc.capset(version_3 + bytes(4), bytes(24)), "drop capabilities")
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "allow no new privileges")


def in_child(work: Callable[[], int]) -> int:
    """Exit code of `work` done in a child."""
    child = os.fork()
    if child == 0:
        code = 126
        try:
            code = work()
        except OSError as error:
            os.write(2, f"demote: {error}\n".encode())
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    names = (os.fsencode(name) for name in (source, target, kind))
    check(libc.mount(*names, flags, options.encode()), f"mount {kind or source} on {target}")


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
