"""How hard this machine works: what was used up since the last look, and whether memory is left.

Pressure stall information where the kernel keeps it (Linux 4.20, cgroup 2), else the share of busy cores. Limits of a
container count through its own control group, of version 2; those of version 1 are not seen.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from termforge.schemas import Limits

MEMORY_STALL = 0.1
"""Share of the time that something may wait for memory to be freed."""
RESERVE = 0.1
"""Share of the memory that stays free, and never less than one sandbox may use."""


class _Sums(NamedTuple):
    """Seconds since some start, one sum for each file that says so."""

    time: float
    cores: tuple[float, ...]
    memory: tuple[float, ...]
    interpreter: float
    """Of this process's threads on all cores: Python runs one at a time."""


class Load:
    """`proc` and `cgroups` are where the kernel's files are mounted."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._groups = _own_groups(proc, cgroups)
        self._cores, self._memory = self._pressures("cpu"), self._pressures("memory")
        self._seen = self._sums()

    @property
    def cores(self) -> int:
        """How many this process may use."""
        files = [group / "cpu.max" for group in self._groups]
        quotas = [file.read_text().split() for file in files if file.is_file()]
        shares = [int(quota) // int(period) for quota, period in quotas if quota != "max"]
        return max(1, min([len(os.sched_getaffinity(0)), *shares]))

    def strain(self) -> float:
        """From 0 to 1: the share of the time since the last look in which work waited for what was used up."""
        before, self._seen = self._seen, self._sums()
        elapsed_s = max(1e-3, self._seen.time - before.time)

        def share(now: tuple[float, ...], then: tuple[float, ...]) -> float:
            return max((a - b for a, b in zip(now, then, strict=True)), default=0.0) / elapsed_s

        cores = share(self._seen.cores, before.cores)
        interpreter = (self._seen.interpreter - before.interpreter) / elapsed_s
        thrashing = share(self._seen.memory, before.memory) >= MEMORY_STALL
        return 1.0 if thrashing else min(1.0, max(cores, interpreter))

    def memory_is_short(self) -> bool:
        """Whether another sandbox might not find what it may use."""
        one = Limits().memory_mb << 20
        return any(available < max(one, RESERVE * total) for available, total in self._memories())

    def _pressures(self, name: str) -> list[Path]:
        """The kernel's files on one resource: of the machine, and of our control groups, which see quotas as well."""
        files = [self._proc / "pressure" / name, *(group / f"{name}.pressure" for group in self._groups)]
        return [file for file in files if _tells(file)]

    def _memories(self) -> list[tuple[int, int]]:
        """Available and total bytes of the machine, and of each control group that has a limit."""
        machine = _table(self._proc / "meminfo")
        found = [(machine["MemAvailable:"] << 10, machine["MemTotal:"] << 10)]
        for group in self._groups:
            limit = (group / "memory.max").read_text().strip()
            if limit != "max":
                used = int((group / "memory.current").read_text())
                cache = _table(group / "memory.stat")["inactive_file"]
                found.append((int(limit) - used + cache, int(limit)))
        return found

    def _sums(self) -> _Sums:
        cores = tuple(map(_stalled_s, self._cores)) or (_busy_s(self._proc / "stat"),)
        return _Sums(time.monotonic(), cores, tuple(map(_stalled_s, self._memory)), time.process_time())


def _own_groups(proc: Path, cgroups: Path) -> list[Path]:
    """Folders of our control group of version 2 and of those above it that say something of memory."""
    paths = [line[3:] for line in (proc / "self" / "cgroup").read_text().splitlines() if line.startswith("0::")]
    own = [cgroups / path.strip("/") for path in paths]
    return [folder for path in own for folder in (path, *path.parents) if (folder / "memory.max").is_file()]


def _tells(pressure: Path) -> bool:
    """Kernels that were told not to measure have the file and refuse to read it, or lack it."""
    try:
        return bool(pressure.read_text())
    except OSError:
        return False


def _stalled_s(pressure: Path) -> float:
    """Seconds in which at least one process waited."""
    return int(pressure.read_text().partition("total=")[2].split()[0]) / 1e6


def _busy_s(stat: Path) -> float:
    """Seconds in which cores worked, a core's share of them."""
    cores, *each = (line.split()[1:] for line in stat.read_text().splitlines() if line.startswith("cpu"))
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, cores[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") / max(1, len(each))


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    return {line.split()[0]: int(line.split()[1]) for line in path.read_text().splitlines()}
