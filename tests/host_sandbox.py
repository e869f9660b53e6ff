"""A stand-in for a sandbox: real programs on this machine, behind the part of the protocol that a terminal uses.

With `root` it runs them under bubblewrap, as root of the host `vm`, with `root` as its /app.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from termforge.errors import SandboxLost
from termforge.sandbox.protocol import Finished

VM = [
    "--unshare-user",
    "--uid",
    "0",
    "--gid",
    "0",
    "--unshare-pid",
    "--unshare-uts",
    "--hostname",
    "vm",
    "--die-with-parent",
    "--clearenv",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/bin",
    "/bin",
    "--symlink",
    "usr/sbin",
    "/sbin",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--ro-bind",
    "/etc",
    "/etc",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--tmpfs",
    "/run",
    "--dir",
    "/root",
    "--chdir",
    "/app",
    "--setenv",
    "HOME",
    "/root",
    "--setenv",
    "PATH",
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
]


class HostSandbox:
    image = None
    offers = frozenset()
    limits_by = ""
    demote = ()

    def __init__(
        self, folder: Path, *, shows_processes: bool = True, vm: bool = False, files: Sequence[Path] = ()
    ) -> None:
        """`files` are bound below /opt of a `vm`."""
        self.init_pid = os.getpid() if shows_processes else None
        self.alive = True
        self._folder = folder
        self._vm = vm
        self._binds = [word for file in files for word in ("--ro-bind", str(file), f"/opt/{file.name}")]
        self._running: list[subprocess.Popen[bytes]] = []
        self._names: set[str] = set()

    def open_channel(self, argv: Sequence[str]) -> socket.socket:
        self._require()
        self._names.update(word for word in argv if re.fullmatch("[0-9a-f]{16}", word))
        near, far = socket.socketpair()
        with far:
            self._running.append(
                subprocess.Popen(self._inside(argv), stdin=far, stdout=far, stderr=subprocess.DEVNULL, cwd=self._folder)
            )
        return near

    def check(self) -> None:
        self._require()

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0, output_limit: int = 4_000_000
    ) -> Finished:
        self._require()
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout_s, cwd=self._folder, check=False)
        return Finished(done.returncode, done.stdout[:output_limit], done.stderr)

    def close(self) -> None:
        self.alive = False
        for process in self._running:
            process.kill()
            process.wait()
        # Unlike a sandbox this machine lives on: end what still uses our sockets, and remove them.
        for name in self._names:
            for command in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    if f"/run/{name}/".encode() in command.read_bytes():
                        os.kill(int(command.parent.name), signal.SIGKILL)
            shutil.rmtree(Path("/run") / name, ignore_errors=True)

    def cut(self) -> None:
        """Lose the first channel, as a restarted engine does."""
        self._running[0].kill()
        self._running[0].wait()

    def _require(self) -> None:
        if not self.alive:
            raise SandboxLost("closed")

    def _inside(self, argv: Sequence[str]) -> list[str]:
        if not self._vm:
            return list(argv)
        return [shutil.which("bwrap") or "bwrap", *VM, "--bind", str(self._folder), "/app", *self._binds, *argv]
