"""An engine that remembers what it started, and whether anything of that is left."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import Image, ImageRecipe

GONE_S = 5.0
"""What was killed takes a moment to be buried."""
CGROUPS = Path("/sys/fs/cgroup")


class Watched:
    """The engine itself; with `image` every recipe is answered with that one."""

    def __init__(self, engine: Engine, image: Image | None = None) -> None:
        self._engine, self._image = engine, image
        self._mounts = mount_points()
        self.name, self.offers = engine.name, engine.offers
        self.started: list[Sandbox] = []
        self.groups: set[Path] = set()

    def image(self, recipe: ImageRecipe) -> Image:
        return self._image or self._engine.image(recipe)

    def start(self, image: Image, **options: Any) -> Sandbox:
        sandbox = self._engine.start(image, **options)
        self.started.append(sandbox)
        self.groups |= control_groups(sandbox)
        return sandbox

    def reap(self) -> int:
        return self._engine.reap()

    def assert_nothing_is_left(self) -> None:
        """No process, container, mount or control group."""
        assert self.started
        until = time.monotonic() + GONE_S
        while left := self._left():
            assert time.monotonic() < until, f"left behind: {left}"
            time.sleep(0.02)
        assert mount_points() - self._mounts == set()

    def _left(self) -> list[object]:
        return [
            *(sandbox for sandbox in self.started if not gone(sandbox)),
            *(folder for folder in self.groups if folder.exists()),
        ]


def gone(sandbox: Sandbox) -> bool:
    """No process of it and, with Docker, no container."""
    if (container := getattr(sandbox, "container", None)) is not None:
        return not sandbox._api.containers(all=True, filters={"id": container})  # type: ignore[attr-defined]
    return sandbox.init_pid is None or not Path(f"/proc/{sandbox.init_pid}").exists()


def control_groups(sandbox: Sandbox) -> set[Path]:
    """Those that hold its first process and not this one; none where its processes are not in sight."""
    if sandbox.init_pid is None:
        return set()
    paths = paths_of(f"/proc/{sandbox.init_pid}/cgroup") - paths_of("/proc/self/cgroup")
    return {folder for path in paths for folder in (CGROUPS / path, *CGROUPS.glob(f"*/{path}")) if folder.exists()}


def paths_of(file: str) -> set[str]:
    return {line.split(":", 2)[2].strip("/\n") for line in Path(file).read_text().splitlines()} - {""}


def descendants(process: int) -> set[int]:
    found: set[int] = set()
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in thread.read_text().split()}
    return found.union(*map(descendants, found))


def ended(process: int) -> bool:
    """A zombie that nobody has collected yet has ended as well."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def mount_points() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if "termforge" in line}
