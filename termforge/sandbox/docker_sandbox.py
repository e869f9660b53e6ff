"""One Docker container as a sandbox."""

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from termforge.errors import LimitPassed, SandboxError, SandboxLost, UnfitFiles
from termforge.sandbox import docker_exec
from termforge.sandbox.archive import pack, unpack
from termforge.sandbox.docker_api import FAILURES, NotFound, remove, speaking, text_of
from termforge.sandbox.frames import Channels
from termforge.sandbox.protocol import Finished
from termforge.schemas import File, Image, Need

_log = logging.getLogger(__name__)

OFFERS = frozenset({Need.USERS, Need.SERVICES, Need.PTRACE})
_CALL_GRACE_S = 5.0
"""How long past its limit a command may take before its whole sandbox is taken for stuck."""
_DYING_S = 0.5
_KILLED = 128 + 9
_EXITING = 0x4
"""The kernel's flag of a process that ends."""
_FOLDER = 1 << 31
"""Go's bit for it."""


class DockerSandbox:
    """One container. Its files outlive its processes: after `stop_processes` it is started again when needed."""

    offers: frozenset[Need] = OFFERS
    demote: tuple[str, ...] = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")

    def __init__(
        self,
        client: Any,
        container: str,
        image: Image,
        limits_by: str,
        channels: Channels,
        on_close: Callable[[str, bool], None],
    ) -> None:
        self.image, self.limits_by = image, limits_by
        self.init_pid: int | None = None
        self._api, self.container = client.api, container
        self._channels, self._on_close = channels, on_close
        self._stopped, self._closed = True, False
        self._started_at = ""
        self._ended: SandboxError | None = None

    def boot(self) -> None:
        """Start the container's PID 1, unless it runs."""
        if not self._stopped:
            return
        if self._ended is not None:
            raise self._ended
        self._api.start(self.container)
        state = self._api.inspect_container(self.container)["State"]
        self._stopped, self._started_at = False, state["StartedAt"]
        self.init_pid = _init_pid(state["Pid"], self.container)

    def open_channel(self, argv: Sequence[str]) -> socket.socket:
        with self._using("a channel"):
            self.boot()
            opened = docker_exec.start(self._api, self.container, argv, stdin=True)
            with contextlib.ExitStack() as unless_it_runs:
                unless_it_runs.callback(opened.close)
                if not docker_exec.wait_for_start(self._api, opened):
                    self._check_not_dying()
                    return _ended_channel()
                unless_it_runs.pop_all()
        return self._channels.attach(opened.stream, opened.early, opened.response.close)

    def check(self) -> None:
        with self._using("a look at it"):
            self._check_not_dying()

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        output_limit: int = 4_000_000,
    ) -> Finished:
        with self._using(argv[0]):
            self.boot()
            finished = docker_exec.run(self._api, self.container, argv, stdin, timeout_s, _CALL_GRACE_S, output_limit)
        if finished.exit_code in (_KILLED, docker_exec.UNKNOWN):
            self._check_not_dying()
        return finished

    def put(self, files: Sequence[File], *, read_only: bool = False) -> None:
        if files:
            with self._using("files to lay in"):
                self._check_alive()  # the engine would also write into a dead container
                self._api.put_archive(self.container, "/", pack(files, read_only=read_only))

    def stop_processes(self) -> None:
        """The kernel ends all of a PID namespace with its PID 1, a fork bomb at its limit too."""
        if self._stopped:
            return
        # Those of a sandbox that its limits ended are gone already; its files are still there.
        with contextlib.suppress(LimitPassed), self._using("processes to stop"):
            self._api.kill(self.container)
        self._stopped, self.init_pid = True, None

    def fetch(self, paths: Sequence[str], *, max_bytes: int, max_files: int) -> list[File]:
        found: dict[str, File] = {}
        for path in paths:
            found |= {file.path: file for file in self._fetch(path, max_bytes, max_files)}
            if len(found) > max_files or sum(len(file.content) for file in found.values()) > max_bytes:
                raise UnfitFiles(f"more than {max_files} files or {max_bytes} bytes to fetch, at {path!r}")
        return [found[path] for path in sorted(found)]

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with speaking(SandboxError, "a sandbox could not be removed and waits for the reaper"):
                remove(self._api, self.container)
        except SandboxError as error:
            _log.warning("%s", error)
            self._on_close(self.container, False)
        else:
            self._on_close(self.container, True)

    def end_full(self) -> None:
        self._end(LimitPassed("its disk is full: it wrote more than its limit and was ended"))

    def _end(self, because: SandboxError) -> None:
        """Kill it; every later call raises this, but after `stop_processes` its files can be fetched."""
        self._ended = because
        with contextlib.suppress(*FAILURES):
            self._api.kill(self.container)

    def _fetch(self, path: str, max_bytes: int, max_files: int) -> list[File]:
        """Docker follows links above `path`, and refuses a path below a file: such paths hold nothing of their own."""
        parents = [parent.as_posix() for parent in reversed(PurePosixPath(path).parents[:-1])]
        with self._using(path):
            self._check_alive()
            try:
                if not all(self._is_folder(parent) for parent in parents):
                    return []
                stream, _ = self._api.get_archive(self.container, path)
            except NotFound:
                self._check_alive()
                return []
            with contextlib.closing(stream):  # the engine holds the container until it is
                base = PurePosixPath(path).parent.as_posix()
                return unpack(stream, [path], max_bytes=max_bytes, max_files=max_files, base=base)

    def _is_folder(self, path: str) -> bool:
        stream, found = self._api.get_archive(self.container, path)
        stream.close()
        return bool(found["mode"] & _FOLDER)

    @contextlib.contextmanager
    def _using(self, doing: str) -> Iterator[None]:
        """Name the cause of what goes wrong inside: the sandbox is gone, was ended, or something else failed."""
        if self._closed:
            raise SandboxLost("the sandbox is closed")
        try:
            yield
        except docker_exec.Stuck:
            stuck = SandboxError(f"{doing} could not be ended")
            self._end(stuck)
            raise stuck from None
        except FAILURES as error:
            self._check_not_dying()
            raise SandboxError(f"{doing}: {text_of(error)}") from error

    def _check_not_dying(self) -> None:
        """A killed command may be the first sign of a killed container: the engine reports that a moment later.

        Where the container's first process is in sight, it is known at once: the others end after it.
        """
        deadline = time.monotonic() + _DYING_S
        while time.monotonic() < deadline:
            self._check_alive()
            if _lives(self.init_pid):
                return
            time.sleep(_DYING_S / 10)

    def _check_alive(self) -> None:
        """Raises: LimitPassed when it was ended by its limits, SandboxLost when it is gone."""
        if self._ended is not None and not self._stopped:
            raise self._ended
        with speaking(SandboxLost, "the sandbox is gone"):
            state = self._api.inspect_container(self.container)["State"]
        if self._stopped:
            return
        if not state["Running"] and state["OOMKilled"]:
            raise LimitPassed("the sandbox's memory ran out, and its first process with it")
        if not state["Running"]:
            raise SandboxLost(f"the sandbox is gone: its container was ended ({state['Status']}, {state['ExitCode']})")
        if state["StartedAt"] != self._started_at:
            raise SandboxLost("the sandbox is gone: somebody started its container again")


def _lives(process: int | None) -> bool:
    """Whether it runs and has not begun to end; false for one that is not in sight."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return not int(fields[6]) & _EXITING


def _ended_channel() -> socket.socket:
    near, far = socket.socketpair()
    far.close()
    return near


def _init_pid(pid: int, container: str) -> int | None:
    """`pid` if it is this machine's: engines elsewhere, or in a virtual machine, count their own."""
    try:
        return pid if container in Path(f"/proc/{pid}/cgroup").read_text() else None
    except OSError:
        return None
