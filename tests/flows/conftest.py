"""A real Prefect server and workers for the tests of flows; one server for the whole session."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.flows.server import ROOT, Prefect, end


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
