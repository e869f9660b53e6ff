"""The engine's end of zygote.py: starts it, hands it requests, and lets it end when nobody needs it any more."""

import json
import socket
import subprocess
import sys
import weakref
from pathlib import Path

from termforge.errors import SandboxError
from termforge.sandbox.zygote import Request

_PROGRAM = str(Path(__file__).with_name("zygote.py"))


class ZygoteClient:
    """Requests may come from any thread: each is one message."""

    def __init__(self, uid: int) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _PROGRAM, str(uid)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._socket, self._process)

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Request, control: socket.socket) -> None:
        ask(self._socket, request, control)


def ask(starter: socket.socket, request: Request, control: socket.socket) -> None:
    """Have a sandbox held that talks through `control`."""
    message = json.dumps(request._asdict()).encode()
    try:
        socket.send_fds(starter, [message], [control.fileno()])
    except OSError as error:
        raise SandboxError(f"the process that starts sandboxes is gone: {error}") from error


def _end(connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    connection.close()
    process.wait()
