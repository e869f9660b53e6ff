"""A real Prefect server, a worker and a browser for the tests of flows; one server for the whole session."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A server with every deployment registered."""
    running = Prefect(tmp_path_factory.mktemp("prefect"))
    try:
        deployed = subprocess.run(
            ["bash", "deployments/deploy.sh"], cwd=ROOT, env=running.env, capture_output=True, text=True, timeout=200
        )
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield running
    finally:
        end(running.server)


@pytest.fixture
def start_worker(prefect: Prefect) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Start workers that end with the test."""
    workers: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        workers.append(prefect.start("worker", "start", "--pool", "termforge"))
        return workers[-1]

    yield start
    for worker in workers:
        end(worker)
