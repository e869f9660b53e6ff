"""What the foreground of a terminal is doing, read from /proc. The truth behind settle waits.

Standard library only: where the host's /proc does not show a sandbox, this very source runs inside it and answers over
a pipe (`serve`). Then it is data from the agent; it can end a wait early or late and decides nothing else.
A look is taken every few milliseconds, and pathlib would take longer for it than the kernel.
"""

import os
import platform
import re
import struct
import sys
from typing import NamedTuple

PROC = "/proc"

SHELLS = frozenset({"bash", "sh", "dash", "zsh", "fish", "ksh"})
CALLS = {
    "x86_64": {
        0: "read",
        19: "read",
        7: "poll",
        271: "poll",
        23: "select",
        270: "select",
        232: "epoll",
        281: "epoll",
        441: "epoll",
    },
    "aarch64": {63: "read", 65: "read", 73: "poll", 72: "select", 22: "epoll", 441: "epoll"},
}.get(platform.machine(), {})
"""System calls in which a program waits for input, by number."""
TTY = re.compile(r".*/(?:pts/\d+|tty|console)")
MASTER = re.compile(r".*/ptmx")
SWITCHES = re.compile(r"ctxt_switches:\s+(\d+)")
SLEEPS = ("wait_woken", "n_tty_read", "do_select", "do_poll", "poll_schedule_timeout", "do_sys_poll")
"""Where in the kernel it waits, for when the call itself may not be read (ptrace restricted)."""


class Look(NamedTuple):
    state: str
    """`prompt`: a shell waits for a line; `background`: it does, while jobs run; `reading`: another program waits for
    input; `busy`: none of these; `gone`: the terminal's first process has ended."""
    output: int
    """Grows whenever tmux did anything, so whenever there was output."""
    work: str
    """Changes whenever the foreground did anything."""


class Stat(NamedTuple):
    pid: int
    name: str
    state: str
    parent: int
    group: int
    foreground: int
    """Process group in the foreground of its terminal."""
    ticks: int
    """Processor time of all threads."""


def look(proc: str, pane: int, server: int) -> Look:
    """One look at the terminal whose first process is `pane`, under the tmux `server`; pids as `proc` numbers them."""
    first = stat_of(proc, pane)
    if first is None or first.state == "Z":
        return Look("gone", 0, "")
    tree = [first, *descendants(proc, pane)]
    group = [process for process in tree if process.group == first.foreground]
    work = " ".join(f"{process.pid}:{switches(proc, process.pid)}:{process.ticks}" for process in group)
    return Look(_state(proc, tree, group), switches(proc, server), work)


def _state(proc: str, tree: list[Stat], group: list[Stat]) -> str:
    if any(process.state in "RD" for process in group):
        return "busy"
    reader = next((process for process in group if waits_for_terminal(proc, process.pid)), None)
    if reader is None:
        return "busy"
    if len(group) > 1 or reader.name not in SHELLS or reader.pid != reader.group:
        return "reading"
    return "background" if _jobs(tree, reader) else "prompt"


def _jobs(tree: list[Stat], reader: Stat) -> list[Stat]:
    """Live processes of the terminal that are neither the waiting shell nor the shells it was started from."""
    parents = {process.pid: process.parent for process in tree}
    chain = set()
    pid: int | None = reader.pid
    while pid is not None:
        chain.add(pid)
        pid = parents.get(pid)
    return [process for process in tree if process.pid not in chain and process.state not in "ZX"]


def stat_of(proc: str, pid: int) -> Stat | None:
    """None for a process that is gone."""
    name, _, rest = _text(f"{proc}/{pid}/stat").partition("(")[2].rpartition(") ")
    if not rest:
        return None
    field = rest.split()
    return Stat(pid, name, field[0], int(field[1]), int(field[2]), int(field[5]), int(field[11]) + int(field[12]))


def descendants(proc: str, pid: int) -> list[Stat]:
    found = []
    for child in _text(f"{proc}/{pid}/task/{pid}/children").split():
        stat = stat_of(proc, int(child))
        if stat is not None:
            found += [stat, *descendants(proc, stat.pid)]
    return found


def switches(proc: str, pid: int) -> int:
    """How often a process has been given or has left the processor."""
    return sum(map(int, SWITCHES.findall(_text(f"{proc}/{pid}/status"))))


def waits_for_terminal(proc: str, pid: int) -> bool:
    """Whether a process is blocked until somebody types.

    A program that holds the master side of another terminal (script, a nested tmux) does not count: it waits for keys
    all the time, whatever runs inside it.
    """
    files = open_files(proc, pid)
    terminals = {number for number, target in files.items() if TTY.fullmatch(target)}
    if not terminals or any(MASTER.fullmatch(target) for target in files.values()):
        return False
    try:
        words = _read(f"{proc}/{pid}/syscall").split()
    except PermissionError:
        return 0 in terminals and _text(f"{proc}/{pid}/wchan").startswith(SLEEPS)
    except (FileNotFoundError, ProcessLookupError):
        return False
    if len(words) < 7 or int(words[0]) not in CALLS:
        return False
    return bool(terminals & awaited(proc, pid, CALLS[int(words[0])], [int(word, 16) for word in words[1:7]]))


def awaited(proc: str, pid: int, call: str, arguments: list[int]) -> set[int]:
    """File numbers whose input a blocked call waits for."""
    if call == "read":
        return {arguments[0]}
    if call == "epoll":
        return {int(number) for number in re.findall(r"tfd:\s*(\d+)", _text(f"{proc}/{pid}/fdinfo/{arguments[0]}"))}
    if call == "poll":
        entries = _memory(proc, pid, arguments[0], 8 * min(arguments[1], 256))
        return {number for number, events, _ in struct.iter_unpack("<ihh", entries) if events & 1}
    bits = _memory(proc, pid, arguments[1], 8 * ((min(arguments[0], 1024) + 63) // 64))
    return {number for number in range(8 * len(bits)) if bits[number // 8] >> number % 8 & 1}


def open_files(proc: str, pid: int) -> dict[int, str]:
    """Links are read, never followed: a hostile file system behind one could block."""
    try:
        folder = f"{proc}/{pid}/fd"
        return {int(name): os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}  # noqa: PTH115, PTH208
    except OSError:
        return {}


def _memory(proc: str, pid: int, address: int, size: int) -> bytes:
    """Empty where nothing can be read, so that the process counts as busy."""
    if not address:
        return b""
    try:
        memory = os.open(f"{proc}/{pid}/mem", os.O_RDONLY)
        try:
            data = os.pread(memory, size, address)
        finally:
            os.close(memory)
    except (OSError, OverflowError):
        return b""
    return data if len(data) == size else b""


def _text(path: str) -> str:
    """Empty where nothing can be read."""
    try:
        return _read(path)
    except OSError:
        return ""


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 65536), b"")).decode(errors="replace")
    finally:
        os.close(descriptor)


def outer_pids(proc: str, init: int, inner: list[int]) -> dict[int, int]:
    """Map pids of the namespace in which `init` is process 1 to those that `proc` shows; unknown ones are left out.

    Only the descendants of `init` are looked at: beside a thousand other sandboxes that is all that stays cheap.
    """
    found = {}
    for process in descendants(proc, init):
        match = re.search(r"NSpid:.*?(\d+)\n", _text(f"{proc}/{process.pid}/status"))
        if match and int(match[1]) in inner and _same_namespace(proc, process.pid, init):
            found[int(match[1])] = process.pid
    return found


def _same_namespace(proc: str, pid: int, other: int) -> bool:
    try:
        return os.readlink(f"{proc}/{pid}/ns/pid") == os.readlink(f"{proc}/{other}/ns/pid")  # noqa: PTH115
    except OSError:
        return False


def readable(proc: str, pid: int) -> bool:
    """Whether this process may see where that one waits."""
    waits = _text(f"{proc}/{pid}/syscall") or _text(f"{proc}/{pid}/wchan").strip("0")
    return bool(waits and open_files(proc, pid))


def serve(pane: int, server: int) -> None:
    """Answer each line of stdin with one look at this machine's own /proc."""
    for _ in iter(sys.stdin.readline, ""):
        state, output, work = look(PROC, pane, server)
        print(state, output, work, flush=True)
