"""kill -9 in the middle of the rollouts: the same command goes on, and the corpus is the undisturbed one's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from termforge.sandbox.bubblewrap import Bubblewrap
from termforge.schemas import Trajectory
from termforge.shard import finished
from termforge.store import Store
from tests.flows.server import ROOT, Prefect

SETTINGS = ["forged_per_domain=2", "prompts=", "night=killed", "images=host", "concurrency=2", "shard_rows=6"]
Worker = Callable[[], "subprocess.Popen[bytes]"]


def run(prefect: Prefect, store: Path, *, watch: bool) -> str:
    parameters = [text for setting in [*SETTINGS, f"store={store}"] for text in ("-p", setting)]
    return prefect.command("deployment", "run", "grow-corpus/by-hand", *(["--watch"] if watch else []), *parameters)


@pytest.fixture(scope="module")
def undisturbed(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a growth that nobody killed."""
    store = tmp_path_factory.mktemp("undisturbed")
    code = "import sys; from flows.grow_corpus import grow_corpus as grow; grow(**eval(sys.argv[1]))"
    settings = {
        "forged_per_domain": 2,
        "prompts": "",
        "night": "killed",
        "images": "host",
        "concurrency": 2,
        "shard_rows": 6,
        "store": str(store),
    }
    subprocess.run([sys.executable, "-c", code, repr(settings)], cwd=ROOT, env=prefect.env, check=True, timeout=200)
    return store


def trials_done(store: Path) -> int:
    folders = (store / ".growing" / "trajectories").glob("*/shard-*")
    return sum(len(finished(folder, Trajectory)) for folder in folders)


def flow_process(worker_pid: int, store: Path) -> int:
    """The process that runs the flow: a child of the worker."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == worker_pid and b"prefect" in command:
                return int(entry.name)
    raise AssertionError("the worker has no flow-run process")


def sandbox_processes() -> set[int]:
    """Processes of bubblewrap sandboxes on this machine."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command.startswith(b"bwrap") or b"termforge/sandbox" in command:
                found.add(int(entry.name))
    return found


@pytest.mark.bubblewrap
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victims", ["worker", "flow run", "both"])
def test_a_killed_growth_goes_on_where_it_was(
    prefect: Prefect, start_worker: Worker, undisturbed: Path, tmp_path: Path, victims: str
) -> None:
    store, before = tmp_path / "store", sandbox_processes()
    worker = start_worker()
    run(prefect, store, watch=False)
    deadline = time.monotonic() + 200
    while not 0 < trials_done(store) < 14:
        assert time.monotonic() < deadline, "the rollouts never began"
        time.sleep(0.1)
    flow = flow_process(worker.pid, store)
    if victims in ("flow run", "both"):
        os.kill(flow, signal.SIGKILL)
    if victims in ("worker", "both"):
        os.kill(worker.pid, signal.SIGKILL)
        start_worker()
    done_before = trials_done(store)
    start = time.monotonic()
    assert "Completed" in run(prefect, store, watch=True)
    assert time.monotonic() - start < 180
    assert done_before >= 1

    compared = subprocess.run(
        [sys.executable, "-m", "termforge.compare", str(undisturbed), str(store)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 0, compared.stdout
    Store(store).check(Store(store).versions("trajectories")[0])
    wait_for_the_other_run(flow)
    Bubblewrap().reap()
    assert sandbox_processes() - before == set()
    assert Bubblewrap().reap() == 0


def wait_for_the_other_run(flow: int) -> None:
    """After the worker alone was killed, its flow run lives on; let it find its work done and end."""
    for _ in range(600):
        try:
            if Path(f"/proc/{flow}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.1)
    raise AssertionError("the orphaned flow run did not end")
