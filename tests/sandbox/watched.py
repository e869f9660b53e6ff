"""An engine that remembers what it started, and whether anything of that is left."""

import time
from pathlib import Path
from typing import Any

from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import Image, ImageRecipe

GONE_S = 5.0
"""What was killed takes a moment to be buried."""


class Watched:
    """The engine itself; with `image` every recipe is answered with that one."""

    def __init__(self, engine: Engine, image: Image | None = None) -> None:
        self._engine, self._image = engine, image
        self._mounts = mount_points()
        self.name, self.offers = engine.name, engine.offers
        self.started: list[Sandbox] = []

    def image(self, recipe: ImageRecipe) -> Image:
        return self._image or self._engine.image(recipe)

    def start(self, image: Image, **options: Any) -> Sandbox:
        self.started.append(self._engine.start(image, **options))
        return self.started[-1]

    def reap(self) -> int:
        return self._engine.reap()

    def assert_nothing_is_left(self) -> None:
        assert self.started
        until = time.monotonic() + GONE_S
        while left := [sandbox for sandbox in self.started if not gone(sandbox)]:
            assert time.monotonic() < until, f"left running: {left}"
            time.sleep(0.02)
        assert mount_points() - self._mounts == set()


def gone(sandbox: Sandbox) -> bool:
    """No process of it and, with Docker, no container."""
    if (container := getattr(sandbox, "container", None)) is not None:
        return not sandbox._api.containers(all=True, filters={"id": container})  # type: ignore[attr-defined]
    return sandbox.init_pid is None or not Path(f"/proc/{sandbox.init_pid}").exists()


def mount_points() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if "termforge" in line}
