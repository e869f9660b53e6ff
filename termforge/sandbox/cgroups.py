"""Memory, process and CPU limits by control groups, version 1 or 2, where this process may make some.

Probed by doing: a group is made, limited, a process put into it. Names carry the maker's pid and start time, so that
whoever comes later can tell what a dead one left.
"""

import contextlib
import itertools
import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from termforge.errors import SandboxError
from termforge.schemas import Limits

_NAME = re.compile(r"termforge-(?P<maker>\d+)-(?P<started>\d+)-\d+")
_MEMORY_EVENTS = ("memory.events", "memory.oom_control")
"""Version 2 and version 1."""
_OOM_KILL = re.compile(r"^oom_kill [1-9]", re.MULTILINE)
_numbers = itertools.count()
"""Of this process, whatever number of engines it has."""


class Group:
    """The control group of one sandbox: one folder in version 2, one a controller in version 1."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def add(self, process: int) -> None:
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(process))

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process in it for its memory limit."""
        return any(_OOM_KILL.search(_text(folder / name)) for folder in self._folders for name in _MEMORY_EVENTS)

    def remove(self) -> None:
        """When its processes have ended; the kernel may need a moment to see that."""
        for folder in self._folders:
            _remove(folder, time.monotonic() + 2.0)


class Cgroups:
    """Where groups are made: the parents, by controller."""

    def __init__(self, parents: dict[str, Path], version: int) -> None:
        self._parents, self._version = parents, version
        self._maker = f"termforge-{os.getpid()}-{_start_time(os.getpid())}-"

    def make(self, limits: Limits) -> Group:
        name = f"{self._maker}{next(_numbers)}"
        folders = {parent / name for parent in self._parents.values()}
        try:
            for folder in folders:
                folder.mkdir()
            for setting in _settings(limits, self._version):
                parent = self._parents.get(setting.controller)
                if parent is not None and ((path := parent / name / setting.file).exists() or not setting.optional):
                    path.write_text(setting.value)
        except OSError as error:
            Group(sorted(folders)).remove()
            raise SandboxError(f"the control group {name} cannot be made: {error}") from error
        return Group(sorted(folders))

    def reap(self) -> int:
        """Remove groups whose maker is dead; returns how many sandboxes they belonged to."""
        names = set()
        for parent in set(self._parents.values()):
            for folder in parent.iterdir():
                if (name := _NAME.fullmatch(folder.name)) and _start_time(int(name["maker"])) != name["started"]:
                    with contextlib.suppress(SandboxError):  # its maker lives in a PID namespace that we do not see
                        _remove(folder, time.monotonic() + 0.2)
                        names.add(folder.name)
        return len(names)


class _Setting(NamedTuple):
    controller: str
    file: str
    value: str
    optional: bool = False


def _settings(limits: Limits, version: int) -> list[_Setting]:
    # What lies on the sandbox's disk is memory as well: its tmpfs is charged to whoever writes it.
    memory = str((limits.memory_mb + limits.disk_mb) << 20)
    quota = int(limits.cpus * 100_000)
    if version == 2:
        return [
            _Setting("memory", "memory.max", memory),
            _Setting("memory", "memory.swap.max", "0", optional=True),
            _Setting("pids", "pids.max", str(limits.pids)),
            _Setting("cpu", "cpu.max", f"{quota} 100000", optional=True),
        ]
    return [
        _Setting("memory", "memory.limit_in_bytes", memory),
        _Setting("memory", "memory.memsw.limit_in_bytes", memory, optional=True),
        _Setting("pids", "pids.max", str(limits.pids)),
        _Setting("cpu", "cpu.cfs_quota_us", str(quota), optional=True),
    ]


def find() -> Cgroups | None:
    """Control groups that this process can use; None where there are none."""
    for parents, version in _candidates():
        found = Cgroups(parents, version)
        if {"memory", "pids"} <= parents.keys() and _works(found):
            return found
    return None


def _works(cgroups: Cgroups) -> bool:
    with contextlib.suppress(OSError, SandboxError):
        group = cgroups.make(Limits())
        sleeper = subprocess.Popen(["sleep", "60"])
        try:
            group.add(sleeper.pid)
            return True
        finally:
            sleeper.kill()
            sleeper.wait()
            group.remove()
    return False


def _candidates() -> list[tuple[dict[str, Path], int]]:
    """Parents to try: version 2 below our own group and below the root, then version 1 below our own groups."""
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in _lines("/proc/self/cgroup"))}
    found: list[tuple[dict[str, Path], int]] = []
    first: dict[str, Path] = {}
    for fields in (line.split() for line in _lines("/proc/self/mountinfo")):
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup2":
            for parent in dict.fromkeys((_below(fields[4], paths.get("", "/")), Path(fields[4]))):
                controllers = _delegated(parent)
                found.append((dict.fromkeys(controllers, parent), 2))
        elif kind == "cgroup":
            for controllers_text, path in paths.items():
                for controller in {"memory", "pids", "cpu"} & {*controllers_text.split(",")} & {*options}:
                    first[controller] = _below(fields[4], path)
    return [*found, (first, 1)]


def _below(mount_point: str, path: str) -> Path:
    """Our own group's folder; in a container the path may lie outside what is mounted."""
    own = Path(mount_point + path)
    return own if own.is_dir() else Path(mount_point)


def _delegated(parent: Path) -> set[str]:
    with contextlib.suppress(OSError):
        return {"memory", "pids", "cpu"} & {*(parent / "cgroup.subtree_control").read_text().split()}
    return set()


def _remove(folder: Path, deadline: float) -> None:
    while folder.exists():
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SandboxError(f"the control group {folder} cannot be removed: {error}") from error
            time.sleep(0.002)


def _start_time(process: int) -> str:
    """In clock ticks since boot; empty for a process that is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
