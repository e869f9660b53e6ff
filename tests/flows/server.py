"""A Prefect server of the tests' own, as a subprocess, with the command line that talks to it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).with_name("prefect")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and everything in its session; Prefect's worker may outlive a first SIGTERM."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


class Prefect:
    """A server, and the command line and Python clients that talk to it."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.home = home
        self.env = os.environ | {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "INFO",
            "DO_NOT_TRACK": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        self.server = self.start("server", "start", "--host", "127.0.0.1", "--port", str(port))
        self._wait_until_healthy()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A Prefect command in the background, in a session of its own, its output in the home folder."""
        log = (self.home / f"{arguments[0]}-{time.time_ns()}.log").open("wb")
        with log:
            return subprocess.Popen(
                [PREFECT, *arguments], cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def command(self, *arguments: str, timeout_s: float = 280) -> str:
        """A Prefect command to its end; its output, and an assertion that it went well."""
        done = subprocess.run(
            [PREFECT, *arguments], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout_s
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _wait_until_healthy(self) -> None:
        for _ in range(240):
            assert self.server.poll() is None, "the Prefect server ended"
            try:
                with urllib.request.urlopen(f"{self.url}/api/health", timeout=5):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.5)
        raise AssertionError("the Prefect server did not come up")
