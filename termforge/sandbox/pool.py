"""Sandboxes started ahead: the next trial finds one that runs, of its image and with its limits.

It saves time and no work, so it pays where the machine waits for a teacher: a start takes about 30 ms in bubblewrap and
200 ms in Docker. While one request follows the other nothing is started ahead: whoever waits comes first. A sandbox is
handed out once and never comes back.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple

from termforge.errors import NeedsUnmet, SandboxError, SetupError
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, Image, ImageRecipe, Limits, Need

AHEAD = 2
"""Waiting of each kind."""
KINDS = 6
"""Kept at once; the one that was asked for longest ago goes."""
REST_S = 0.5
"""Nothing is started ahead until nobody has asked, or waited for a start, for so long."""
IDLE_S = 60.0
"""Sandboxes that nobody asked for in this time are closed."""

log = logging.getLogger(__name__)


class _Kind(NamedTuple):
    image: Image
    limits: Limits
    needs: frozenset[Need]
    nested: bool


class Pool:
    """An engine that starts sandboxes before they are asked for: of every kind that was asked for lately."""

    def __init__(self, engine: Engine) -> None:
        self.name: Literal["docker", "bubblewrap"] = engine.name
        self.offers = engine.offers
        self._engine = engine
        self._lock = threading.Lock()
        self._ready: dict[_Kind, deque[Sandbox]] = {}
        """In the order of the last request, the newest last."""
        self._wanted: SimpleQueue[_Kind | None] = SimpleQueue()
        self._starting = 0
        self._asked = time.monotonic()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._at_exit = False

    @property
    def waiting(self) -> int:
        """Sandboxes that nobody has asked for yet."""
        with self._lock:
            return sum(map(len, self._ready.values()))

    def image(self, recipe: ImageRecipe) -> Image:
        return self._engine.image(recipe)

    def start(
        self,
        image: Image,
        *,
        files: Sequence[File] = (),
        limits: Limits = Limits(),
        needs: frozenset[Need] = frozenset(),
        nested: bool = False,
    ) -> Sandbox:
        kind = _Kind(image, limits, needs, nested)
        sandbox = self._take(kind)
        if sandbox is None:
            with self._waited_for():
                return self._engine.start(image, files=files, limits=limits, needs=needs, nested=nested)
        try:
            sandbox.put(files)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def reap(self) -> int:
        return self._engine.reap()

    def close(self) -> None:
        """Close what waits; nothing is started ahead any more. May be called twice."""
        atexit.unregister(self.close)
        with self._lock:
            self._closed, thread = True, self._thread
        if thread is not None:
            self._wanted.put(None)
            thread.join()
        self._drop(keep=0)

    @contextmanager
    def _waited_for(self) -> Iterator[None]:
        with self._lock:
            self._starting += 1
        try:
            yield
        finally:
            with self._lock:
                self._starting -= 1
                self._asked = time.monotonic()

    def _take(self, kind: _Kind) -> Sandbox | None:
        """One that waited and lives, if any; another will be started in its place."""
        with self._lock:
            self._asked = time.monotonic()
            waiting = self._ready[kind] = self._ready.pop(kind, deque())
            taken = waiting.popleft() if waiting else None
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._serve, name="termforge-pool", daemon=True)
                self._thread.start()
        self._wanted.put(kind)
        return taken if taken is not None and _lives(taken) else None

    def _serve(self) -> None:
        while True:
            try:
                kind = self._wanted.get(timeout=IDLE_S)
            except Empty:
                self._drop(keep=0)
                continue
            if kind is None:
                return
            self._drop(keep=KINDS)
            self._fill(kind)

    def _fill(self, kind: _Kind) -> None:
        """What keeps a sandbox from starting is for those to hear who ask for one."""
        while not self._closed and len(self._ready.get(kind, ())) < AHEAD:
            if (rest_s := self._rest_s()) > 0:
                time.sleep(min(rest_s, REST_S / 10))
                continue
            try:
                sandbox = self._engine.start(kind.image, limits=kind.limits, needs=kind.needs, nested=kind.nested)
            except (SandboxError, NeedsUnmet, SetupError) as error:
                log.debug("nothing is started ahead: %s", error)
                return
            with self._lock:
                self._ready.setdefault(kind, deque()).append(sandbox)
            if not self._at_exit:  # not before: what was registered last ends first, and engines have their own ends
                self._at_exit = True
                atexit.register(self.close)

    def _rest_s(self) -> float:
        """How long it is until something may be started ahead, if nobody asks."""
        return REST_S if self._starting else self._asked + REST_S - time.monotonic()

    def _drop(self, *, keep: int) -> None:
        """Close what waits of all kinds but the `keep` asked for last."""
        with self._lock:
            old = [self._ready.pop(kind) for kind in list(self._ready)[: max(0, len(self._ready) - keep)]]
        for sandbox in (sandbox for waiting in old for sandbox in waiting):
            sandbox.close()


def _lives(sandbox: Sandbox) -> bool:
    try:
        sandbox.check()
    except SandboxError:
        sandbox.close()
        return False
    return True
