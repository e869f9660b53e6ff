"""The nine images as built here: what every sandbox counts on is inside, and nothing of this machine or of any task."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from termforge.errors import SetupError
from termforge.images import IMAGES, BuiltImage, built, rootfs
from termforge.images.recipe import BASE, lock, recipe
from termforge.sandbox.docker_engine import Docker
from termforge.sandbox.protocol import Sandbox, started

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> Iterator[Docker]:
    engine = Docker()
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=IMAGES)
def record(request: pytest.FixtureRequest, engine: Docker) -> BuiltImage:
    engine.image(recipe(request.param))
    return built(recipe(request.param))


@pytest.fixture(scope="module")
def sandbox(engine: Docker, record: BuiltImage) -> Iterator[Sandbox]:
    with started(engine, record.image) as sandbox:
        yield sandbox


def test_tmux_starts_and_shows_a_prompt(sandbox: Sandbox) -> None:
    channel = sandbox.open_channel(["tmux", "-C", "-S", "/run/test.sock", "new-session", "-x", "160", "-y", "40"])
    channel.settimeout(20)
    seen = b""
    while b":/app# " not in seen:
        received = channel.recv(65536)
        assert received, seen
        seen += received
    channel.close()


def test_the_graders_python_imports_pytest_in_the_locks_version(sandbox: Sandbox) -> None:
    script = "import pytest; print(pytest.__version__)"
    finished = sandbox.run(["/opt/termforge/grader/python", "-I", "-c", script])
    assert finished.stdout.decode().strip() == lock()[BASE].python["pytest"]


def test_what_the_sandbox_relies_on_is_there(sandbox: Sandbox, record: BuiltImage) -> None:
    assert {"bash", "tmux", "setpriv", "timeout", "python3", "ps", "git"} <= set(record.inventory.commands)
    probe = "locale charmap; pwd; echo $HOME; python3 -m pip --version >/dev/null && echo pip"
    assert sandbox.run(["bash", "-c", probe]).stdout.split() == [b"UTF-8", b"/app", b"/root", b"pip"]


def test_no_file_of_any_task_is_inside(sandbox: Sandbox) -> None:
    listing = sandbox.run(["find", "/app", "/tests", "/solution", "/logs", "/root", "-type", "f"])
    assert listing.stdout.decode().split() == ["/root/.bashrc", "/root/.profile"]


def test_nothing_of_the_machine_that_built_it_is_inside(sandbox: Sandbox, record: BuiltImage) -> None:
    left = sandbox.run(["sh", "-c", "ls -d /host /installed /etc/pip.conf /root/.config /var/lib/apt/lists/*_*"])
    assert left.stdout == b""
    environment = sandbox.run(["env"]).stdout.decode().lower()
    assert [word for word in ("proxy", "cert", "index") if word in environment] == []
    client = docker.from_env()
    steps = " ".join(layer["CreatedBy"] for layer in client.images.get(record.image.digest).history()).lower()
    client.close()
    assert "proxy=" not in steps
    assert "/host/" not in steps


def test_the_python_packages_are_the_locks(record: BuiltImage) -> None:
    locks = lock()
    here = {name: record.inventory.python[name] for name in record.inventory.pip}
    assert here == {**locks[BASE].python, **locks[record.image.name].python}


def test_debian_packages_are_the_locks_or_recorded_as_drift(record: BuiltImage) -> None:
    locks = lock()
    wanted = {**locks[BASE].apt, **locks[record.image.name].apt}
    differing = {package for package, _ in wanted.items() ^ record.inventory.apt.items()}
    recorded = {line.split(":")[0] for line in (*built(recipe(BASE)).drift, *record.drift)}
    assert differing <= recorded


def test_domain_tools_answer(engine: Docker) -> None:
    asked = {
        "data-processing": "mlr --version && python3 -c 'import pandas, pyarrow, csvkit, openpyxl'",
        "data-querying": "python3 -c 'import duckdb, rdflib, networkx, sqlalchemy'",
        "data-science": "python3 -c 'import sklearn, statsmodels, matplotlib.pyplot, seaborn'",
        "debugging": "gcc --version && gdb --version && valgrind --version && strace --version",
        "file-operations": "7z i && zstd --version && rsync --version && parallel --version",
        "scientific-computing": "gfortran --version && R --version && python3 -c 'import scipy, netCDF4, h5py, sympy'",
        "security": "openssl version && nmap --version && command -v john && python3 -c 'import jwt, scapy'",
        "software-engineering": "cmake --version && node --version && nasm -v && mypy --version && ruff --version",
        "system-administration": "nginx -v && sshd -V; logrotate --version && supervisord --version && sudo --version",
    }
    assert set(asked) == set(IMAGES)
    for name, script in asked.items():
        with started(engine, built(recipe(name)).image) as sandbox:
            finished = sandbox.run(["bash", "-c", script])
        assert finished.exit_code == 0, (name, finished.stderr[-500:])


def test_a_root_file_system_is_unpacked_once_and_belongs_to_the_sandboxes_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    image = built(recipe(BASE)).image
    folder = rootfs(image, tmp_path)
    assert rootfs(image, tmp_path) == folder
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    inside = [folder, *folder.rglob("*")]
    assert {path.lstat().st_uid for path in inside} == {owner}
    assert not [path for path in inside if not path.is_symlink() and path.lstat().st_mode & 0o6000]
    assert not [path for path in inside if path.is_block_device() or path.is_char_device()]
    assert list((folder / "dev").iterdir()) == []
    assert (folder / "opt/termforge/grader/python").is_symlink()
    assert list((tmp_path / "rootfs").glob(".*.new")) == []
    shutil.rmtree(tmp_path / "rootfs")


def test_an_unpacked_image_runs(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    folder = rootfs(built(recipe(BASE)).image, tmp_path)
    command = ["chroot", str(folder), "/opt/termforge/grader/python", "-c", "import pytest; print('ok')"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ok\n"
    shutil.rmtree(tmp_path / "rootfs")


def test_an_image_that_cannot_be_exported_leaves_nothing_behind(tmp_path: Path) -> None:
    gone = built(recipe(BASE)).image.model_copy(update={"digest": "sha256:" + 64 * "0"})
    with pytest.raises(SetupError, match="make images"):
        rootfs(gone, tmp_path)
    assert not [path for path in (tmp_path / "rootfs").iterdir() if path.name.startswith("base")]
