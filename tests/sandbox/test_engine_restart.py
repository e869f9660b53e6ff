"""A Docker engine that restarts: what it ran is lost, and a trial is tried again once it answers."""

import gc
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from termforge import rollout
from termforge.errors import SandboxLost
from termforge.images import built
from termforge.images.recipe import recipe
from termforge.sandbox.docker_engine import Docker
from termforge.schemas import Image
from tests.sandbox.hostile import DONE, WORK, reply
from tests.sandbox.test_endings import rolled_out
from tests.sandbox.watched import Watched

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the socket of a failed connect to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def own_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator["OwnEngine"]:
    """A second Docker engine, which a test may restart."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("a second engine needs root and dockerd")
    own = OwnEngine(tmp_path_factory.mktemp("engine"))
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def image(own_engine: "OwnEngine", tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The base image, loaded there from the machine's engine."""
    record = built(recipe("base"))
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    here, there = docker.from_env(), docker.DockerClient(own_engine.host)
    with archive.open("wb") as tar:
        for chunk in here.api.get_image(record.image.digest):
            tar.write(chunk)
    with archive.open("rb") as tar:
        (loaded,) = there.images.load(tar)
    for client in (here, there):
        client.close()
    return record.image.model_copy(update={"digest": loaded.id})


@pytest.fixture
def engine(own_engine: "OwnEngine", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Docker]:
    monkeypatch.setenv("DOCKER_HOST", own_engine.host)
    engine = Docker(tmp_path)
    yield engine
    engine.close()
    gc.collect()


class OwnEngine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.host = f"unix://{folder}/s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        folder = self._folder
        options = [f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
        quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--cgroup-parent=/termforge-test"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # In a network of its own: without a bridge an engine removes docker0, which is the machine's engine's.
                ["unshare", "--net", "dockerd", f"--host={self.host}", *options, *quiet],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(self.host.removeprefix("unix://")) == 0:
                    return
            time.sleep(0.2)
        raise AssertionError((folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=60)
        for mount in reversed([line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]):
            if mount.startswith(str(self._folder)):
                subprocess.run(["umount", "-l", mount], check=False)

    def restart(self, down_s: float) -> None:
        self.stop()
        time.sleep(down_s)
        self.start()

    def containers(self) -> list[str]:
        client = docker.DockerClient(self.host)
        found = [container.id for container in client.containers.list(all=True)]
        client.close()
        return found


def test_an_engine_that_restarts_loses_its_sandboxes(engine: Docker, image: Image, own_engine: OwnEngine) -> None:
    sandbox = engine.start(image)
    channel = sandbox.open_channel(["cat"])
    own_engine.stop()
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])
    assert channel.recv(1) == b""
    channel.close()
    own_engine.start()
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])
    sandbox.close()
    assert own_engine.containers() == []


def test_a_trial_outlives_a_restart_of_its_engine(
    engine: Docker, image: Image, own_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first attempt keeps its turns; the second begins before the engine answers, the third after that."""
    monkeypatch.setattr(rollout, "RESTART_S", 5.0)

    def restart_soon() -> str:
        threading.Timer(1.0, own_engine.restart, [2.0]).start()
        return reply("sleep 60\n")

    attempts = rolled_out(Watched(engine, image), WORK, restart_soon, WORK, DONE)
    assert [attempt.outcome for attempt in attempts] == ["sandbox lost"] * (len(attempts) - 1) + ["solved"]
    assert len(attempts[0].turns) == 2
    engine.reap()  # what could not be removed meanwhile
    assert own_engine.containers() == []


def test_an_image_is_known_while_the_engine_restarts(
    engine: Docker, image: Image, own_engine: OwnEngine, tmp_path: Path
) -> None:
    record = built(recipe("base")).model_copy(update={"image": image})
    (tmp_path / "images").mkdir()
    (tmp_path / "images/base.json").write_text(record.model_dump_json())
    assert engine.image(recipe("base")) == image
    own_engine.stop()
    assert engine.image(recipe("base")) == image
    own_engine.start()
