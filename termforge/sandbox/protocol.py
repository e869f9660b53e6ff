"""What a sandbox is, whatever isolates it.

Two implementations: docker_engine.py and bubblewrap.py. The agent inside is hostile: nothing here trusts a name, a link
or a size that comes out of a sandbox, and no call blocks without a limit.

Its life: `engine.start(image, files, ...)` → `open_channel` (the terminal) → `stop_processes` → `fetch` → `close`.
A grader's sandbox: `start` with the graded files and the tests → `run` → `close`.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol

from termforge.schemas import File, Image, ImageRecipe, Limits, Need


class Finished(NamedTuple):
    """A command that ran to its end or its limit."""

    exit_code: int
    """-9 when it was ended by its time limit."""
    stdout: bytes
    stderr: bytes
    timed_out: bool = False


class Sandbox(Protocol):
    """One isolated machine, exclusively ours. The agent appears as root with its home in /root, working in /app."""

    image: Image
    offers: frozenset[Need]
    limits_by: str
    init_pid: int | None
    """The host's pid of the sandbox's init process, where the host's /proc shows it; else None."""
    demote: tuple[str, ...]
    """Argv prefix under which `run` executes agent code: another uid, no way to its caller's files or processes."""

    def open_channel(self, argv: Sequence[str]) -> socket.socket:
        """Run `argv` as the agent's user and return a blocking socket of its plain stdin and stdout.

        The process lives until the socket closes or the sandbox does. Where the sandbox starts none (no such program,
        no process left to its limit) the socket is at its end.

        Raises: SandboxLost, LimitPassed, SandboxError.
        """

    def check(self) -> None:
        """Raises: SandboxLost when it is gone, LimitPassed when it was ended for what its processes used."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        output_limit: int = 4_000_000,
    ) -> Finished:
        """Run `argv` to its end with the agent's user and environment; output beyond the limit (bytes) is cut.

        Raises: SandboxLost, SandboxError.
        """

    def put(self, files: Sequence[File], *, read_only: bool = False) -> None:
        """Lay files into the running sandbox, parents included, owned by root.

        With `read_only` neither they nor their folders can be written by demoted code.

        Raises: SandboxLost, SandboxError (a full disk, say).
        """

    def stop_processes(self) -> None:
        """End every process the agent started, channels included; its files stay."""

    def fetch(self, paths: Sequence[str], *, max_bytes: int, max_files: int) -> list[File]:
        """Regular files at or below `paths`, no link followed, devices and sockets left out, sorted by path.

        Raises: UnfitFiles when a limit is passed (the message says which), SandboxLost, SandboxError.
        """

    def close(self) -> None:
        """End everything and leave nothing behind, or what cannot be removed now to `reap`: it never raises.

        May be called twice.
        """


class Engine(Protocol):
    """Starts sandboxes of one kind."""

    name: Literal["docker", "bubblewrap"]
    offers: frozenset[Need]

    def image(self, recipe: ImageRecipe) -> Image:
        """What is built here for a recipe.

        Raises: SetupError when it is not built, with the command that builds it.
        """

    def start(
        self,
        image: Image,
        *,
        files: Sequence[File] = (),
        limits: Limits = Limits(),
        needs: frozenset[Need] = frozenset(),
        nested: bool = False,
    ) -> Sandbox:
        """Start a fresh sandbox of `image` with `files` laid in. `nested` allows `demote` (a grader's sandbox).

        Raises: NeedsUnmet before anything starts; SandboxError when it cannot start.
        """

    def reap(self) -> int:
        """Remove sandboxes whose holder is dead (lease expired); returns how many."""


@contextmanager
def started(engine: Engine, image: Image, **options: object) -> Iterator[Sandbox]:
    """A sandbox for the length of a block, closed whatever happens."""
    sandbox = engine.start(image, **options)  # type: ignore[arg-type]
    try:
        yield sandbox
    finally:
        sandbox.close()
