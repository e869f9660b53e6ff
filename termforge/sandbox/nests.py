"""The engine's end of inside/nest.py: one nest an image, from its first grading on.

Whether nests work here is found by trying, once an engine and image; where they do not, bwrap starts every sandbox.
"""

import contextlib
import logging
import select
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

from termforge.errors import SandboxError
from termforge.sandbox.zygote import Request
from termforge.sandbox.zygote_client import ask
from termforge.schemas import Image

log = logging.getLogger(__name__)


class Starter(Protocol):
    def ask(self, request: Request, control: socket.socket) -> None:
        """Have a sandbox held that talks through `control`."""


class Nest:
    """A running one. It ends, and every sandbox that it started with it, when nobody refers to it any more."""

    def __init__(self, control: socket.socket, init: int, leftovers: contextlib.ExitStack) -> None:
        """`init` is the pidfd of its process 1; `leftovers` closes both."""
        self._control, self._init = control, init
        weakref.finalize(self, leftovers.close)

    def alive(self) -> bool:
        poller = select.poll()
        poller.register(self._init, select.POLLIN)
        return not poller.poll(0)

    def ask(self, request: Request, control: socket.socket) -> None:
        ask(self._control, request, control)


class Nests:
    """Those of an engine, by image."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Image, Nest | None] = {}

    def of(self, image: Image, start: Callable[[], Nest]) -> Nest | None:
        """The image's nest, begun where there is none or it has died; None where it could not be begun."""
        with self._lock:
            nest = self._found.get(image)
            if image not in self._found or (nest is not None and not nest.alive()):
                nest = self._found[image] = _begun(image, start)
            return nest


def _begun(image: Image, start: Callable[[], Nest]) -> Nest | None:
    try:
        return start()
    except SandboxError as error:
        log.warning("gradings of the image %s go without a nest: %s", image.name, error)
        return None
