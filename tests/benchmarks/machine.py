"""What this machine did meanwhile: core seconds, memory, processes forked. Read from the kernel, not from ourselves."""

import os
import platform
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from termforge.terminal import processes

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def busy_s() -> float:
    """Core seconds that anything on this machine has taken since it started."""
    user, nice, system, _, _, interrupts, soft, *_ = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(map(int, (user, nice, system, interrupts, soft))) * TICK_S


def process_s(pid: int) -> float:
    stat = processes.stat_of(str(PROC), pid)
    return stat.ticks * TICK_S if stat else 0.0


class CoreSeconds:
    """Core seconds of the whole machine in a block, less a process that is not ours to count and what idling costs."""

    def __init__(self, without: int) -> None:
        before, start = busy_s(), time.monotonic()
        time.sleep(3.0)
        self._idle_share = (busy_s() - before) / (time.monotonic() - start)
        self._without = without

    @contextmanager
    def measured(self) -> Iterator[list[float]]:
        """A list that holds the figure once the block is over."""
        found: list[float] = []
        start, before, other = time.monotonic(), busy_s(), process_s(self._without)
        yield found
        spent = busy_s() - before - (process_s(self._without) - other)
        found.append(spent - self._idle_share * (time.monotonic() - start))


def resident_mb(pid: int) -> float:
    """Nothing for one that has ended."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except FileNotFoundError:
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def pids_named(*names: str) -> list[int]:
    return [
        int(folder.name)
        for folder in PROC.iterdir()
        if folder.name.isdigit() and (stat := processes.stat_of(str(PROC), int(folder.name))) and stat.name in names
    ]


class Forks:
    """Every process that is forked in a block, by its parent: the kernel's process connector. Needs root."""

    def __enter__(self) -> "Forks":
        self.parents: list[int] = []
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11)  # NETLINK_CONNECTOR
        self._socket.bind((0, 1))
        self._socket.settimeout(0.2)
        listen = struct.pack("=IIIIHHI", 1, 1, 0, 0, 4, 0, 1)
        self._socket.send(struct.pack("=IHHII", 16 + len(listen), 3, 0, 0, 0) + listen)
        self._over = False
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        self._socket.close()

    def _hear(self) -> None:
        """Until the block is over and nothing more comes."""
        while True:
            try:
                event = self._socket.recv(4096)
            except TimeoutError:
                if self._over:
                    return
                continue
            what, parent, child, group = struct.unpack_from("=I16xIII", event, 36)
            if what == 1 and child == group:  # a fork, and no thread
                self.parents.append(parent)


def described() -> dict[str, str | int]:
    """The machine, for the record."""
    cpu = next((line for line in (PROC / "cpuinfo").read_text().splitlines() if line.startswith("model name")), "?: ?")
    memory = int((PROC / "meminfo").read_text().split()[1]) // 1024 // 1024
    return {
        "cpu": cpu.partition(": ")[2],
        "cores": os.cpu_count() or 0,
        "memory_gib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
