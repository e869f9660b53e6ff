"""Where looks at a sandbox's processes come from: the host's /proc where it shows them, else a small program inside."""

import contextlib
import inspect
import re
import socket
from typing import Protocol

from termforge.sandbox.protocol import Sandbox
from termforge.terminal import processes
from termforge.terminal.processes import PROC, Look

ANSWER_S = 1.0
LOADER = "import sys; exec(sys.stdin.read(int(sys.argv[1]))); serve(int(sys.argv[2]), int(sys.argv[3]))"
ANSWER = re.compile(r"(prompt|background|reading|busy|gone) (\d{1,18}) ([\d: ]*)\n")


class Watch(Protocol):
    def look(self) -> Look | None:
        """None: nothing is known, and will not be."""

    def close(self) -> None: ...


class FromHost:
    def __init__(self, pane: int, server: int) -> None:
        self._pane, self._server = pane, server

    def look(self) -> Look | None:
        return processes.look(PROC, self._pane, self._server)

    def close(self) -> None:
        pass


class FromInside:
    """What it answers is data from the agent. Once it answers wrongly or late it is not asked again."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream: socket.socket | None = stream
        stream.settimeout(10 * ANSWER_S)
        with contextlib.suppress(OSError):
            stream.sendall(inspect.getsource(processes).encode())
        self.look()
        stream.settimeout(ANSWER_S)

    def look(self) -> Look | None:
        if self._stream is None:
            return None
        answer = self._answer(self._stream)
        if answer is None:
            self.close()
            return None
        return Look(answer[1], int(answer[2]), answer[3])

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _answer(self, stream: socket.socket) -> re.Match[str] | None:
        line = b""
        try:
            stream.sendall(b"\n")
            while not line.endswith(b"\n") and len(line) < 65536:
                part = stream.recv(65536)
                if not part:
                    return None
                line += part
        except OSError:
            return None
        return ANSWER.fullmatch(line.decode(errors="replace"))


def watch(sandbox: Sandbox, pane: int, server: int, *, only_host: bool = False) -> Watch | None:
    """Looks at the terminal whose first process is `pane` under the tmux `server`; pids as the sandbox numbers them.

    With `only_host` None where the host's /proc does not show them.

    Raises: SandboxLost, SandboxError.
    """
    if sandbox.init_pid is not None:
        outer = processes.outer_pids(PROC, sandbox.init_pid, [pane, server])
        if len(outer) == 2 and processes.readable(PROC, outer[pane]):
            return FromHost(outer[pane], outer[server])
    if only_host:
        return None
    source = inspect.getsource(processes)
    loader = ("python3", "-I", "-S", "-c", LOADER, str(len(source)), str(pane), str(server))
    return FromInside(sandbox.open_channel(loader))
