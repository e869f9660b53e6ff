"""What only the bubblewrap sandbox promises: holders, limits without control groups, the host image, ordinary users."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from termforge.errors import NeedsUnmet, SandboxError, SandboxLost, SetupError
from termforge.images import HOST
from termforge.images.recipe import recipe
from termforge.sandbox import cgroups, host_image
from termforge.sandbox.bubblewrap import Bubblewrap
from termforge.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from termforge.schemas import File, Image, Limits, Need
from termforge.state import SANDBOX_UID
from tests.sandbox.watched import descendants, ended, wait_until

pytestmark = pytest.mark.bubblewrap

ROOT = Path(__file__).parents[2]
PYTHON = "/opt/termforge/grader/python"
Start = Callable[..., BubblewrapSandbox]


@pytest.fixture(scope="module")
def engine() -> Bubblewrap:
    return Bubblewrap()


@pytest.fixture(scope="module")
def image(engine: Bubblewrap) -> Image:
    return engine.image(HOST)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that root's sandboxes can reach too: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def sandbox(engine: Bubblewrap, image: Image) -> Iterator[BubblewrapSandbox]:
    sandbox = engine.start(image)
    yield sandbox
    sandbox.close()


def said(sandbox: BubblewrapSandbox, script: str) -> str:
    finished = sandbox.run(["bash", "-c", script], timeout_s=20)
    return (finished.stdout + finished.stderr).decode().strip()


def own_groups(process: int) -> list[str]:
    return [str(path) for path in Path("/sys/fs/cgroup").rglob(f"termforge-{process}-*")]


# Nothing is left


def test_closing_leaves_no_process_mount_group_descriptor_or_file(engine: Bubblewrap, image: Image) -> None:
    engine.start(image).close()
    others = descendants(os.getpid())

    def left() -> list[object]:
        return [
            descendants(os.getpid()) - others,
            # A Docker engine beside us mounts and unmounts as it likes.
            [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "docker" not in line],
            own_groups(os.getpid()),
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            sorted(os.listdir("/dev/shm")),  # noqa: PTH208
        ]

    before = left()
    sandbox = engine.start(image, files=[File(path="/app/x", content=b"x")])
    channel = sandbox.open_channel(["bash", "-c", "setsid sleep 99 & cat"])
    assert wait_until(lambda: len(descendants(os.getpid()) - others) >= 4)
    channel.close()
    sandbox.close()
    assert wait_until(lambda: left() == before, 2)


VICTIM = """
import sys, time
from pathlib import Path
from termforge.images import HOST
from termforge.sandbox.bubblewrap import Bubblewrap
engine = Bubblewrap()
sandboxes = [engine.start(engine.image(HOST)) for _ in range(3)]
channel = sandboxes[0].open_channel(["bash", "-c", "setsid sleep 98 & cat"])
print(*(sandbox.init_pid for sandbox in sandboxes), flush=True)
time.sleep(60)
"""


def test_a_killed_engine_s_process_takes_everything_with_it(engine: Bubblewrap, image: Image) -> None:
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    started = {int(pid) for pid in victim.stdout.readline().split()}
    processes = descendants(victim.pid)
    assert len(started) == 3
    assert started < processes
    victim.kill()
    victim.wait()
    victim.stdout.close()
    assert wait_until(lambda: all(map(ended, processes)))
    engine.start(image).close()
    engine.reap()
    assert own_groups(victim.pid) == []
    assert engine.reap() == 0


def zygotes() -> set[int]:
    """Of every engine of this process that is in use."""
    return {pid for pid in descendants(os.getpid()) if b"zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_sandboxes_start_again_after_the_process_that_starts_them_was_killed(image: Image) -> None:
    before, engine = zygotes(), Bubblewrap()
    sandbox = engine.start(image)
    (zygote,) = zygotes() - before
    os.kill(zygote, signal.SIGKILL)
    assert wait_until(lambda: ended(zygote))
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])
    sandbox.close()
    again = engine.start(image)
    assert said(again, "echo again") == "again"
    again.close()


def test_a_turn_starts_no_process_on_the_host(sandbox: BubblewrapSandbox) -> None:
    with sandbox.open_channel(["cat"]) as channel:
        before = descendants(os.getpid())
        for number in range(20):
            channel.sendall(b"%d\n" % number)
            channel.recv(100)
        assert descendants(os.getpid()) == before


# Walls


def test_process_1_is_out_of_the_agent_s_reach(sandbox: BubblewrapSandbox) -> None:
    attack = (
        "import ctypes, os, signal\n"
        "for n in range(1, 65):\n"
        "  if n not in (signal.SIGKILL, signal.SIGSTOP):\n"
        "    try: os.kill(1, n)\n"
        "    except OSError: pass\n"
        "print(ctypes.CDLL(None).ptrace(16, 1, 0, 0))\n"
        "for name in ('environ', 'mem', 'fd/3'):\n"
        "  try: open('/proc/1/' + name, 'rb').read(1); print(name)\n"
        "  except OSError: pass\n"
    )
    assert sandbox.run([PYTHON, "-c", attack]).stdout == b"-1\n"
    assert said(sandbox, "kill -9 1; kill -STOP 1; sleep 0.1; echo alive") == "alive"


def test_the_agent_gets_no_namespaces_mounts_or_devices(sandbox: BubblewrapSandbox) -> None:
    script = (
        "for a in 'unshare -Ur' 'unshare -m' 'unshare -n' 'mount -t tmpfs none /mnt' 'mknod /tmp/d b 1 1'"
        " 'mount -o remount,rw /usr' 'touch /usr/x /opt/termforge/x /etc/alternatives/x' 'chroot / unshare -Ur'"
        " 'hostname other' 'touch /dev/x'; do $a true 2>/dev/null && echo \"$a\"; done; true"
    )
    assert said(sandbox, script) == ""


def test_only_the_image_is_there(sandbox: BubblewrapSandbox) -> None:
    expected = "app bin dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var"
    assert set(said(sandbox, "ls /").split()) <= set(expected.split())
    assert said(sandbox, "ls -A /app /root /home /tmp /run /srv /mnt /var/lib | grep -v : | tr -d '\\n'") == ""
    assert said(sandbox, "cut -d: -f1 /etc/passwd") == "root\nnobody"
    assert said(sandbox, "env | cut -d= -f1 | sort | xargs") == "HOME LANG PATH PWD SHELL SHLVL _"


def test_nothing_is_offered(engine: Bubblewrap, image: Image) -> None:
    for need in Need:
        with pytest.raises(NeedsUnmet, match=need.value):
            engine.start(image, needs=frozenset({need}))


# Limits where no control group can be had


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch, image: Image) -> Iterator[Start]:
    monkeypatch.setattr(cgroups, "find", lambda: None)
    engine, begun = Bubblewrap(), []

    def begin(limits: Limits) -> BubblewrapSandbox:
        begun.append(engine.start(image, limits=limits))
        return begun[-1]

    yield begin
    for sandbox in begun:
        sandbox.close()


def test_without_control_groups_one_process_s_memory_is_limited(weak: Start) -> None:
    sandbox = weak(limits=Limits(memory_mb=256))
    assert sandbox.limits_by == "rlimit"
    assert "MemoryError" in said(sandbox, f"{PYTHON} -c \"x = b'x' * (300 << 20)\"")


def test_without_control_groups_the_watchdog_ends_what_is_too_much_together(weak: Start) -> None:
    bombed, neighbour = weak(limits=Limits(memory_mb=256)), weak(limits=Limits(memory_mb=256))
    part = f"{PYTHON} -c \"x = b'x' * (100 << 20); import time; time.sleep(1.5); print('held')\""
    finished = bombed.run(["bash", "-c", f"for n in 1 2 3 4 5; do {part} & done; wait"])
    assert finished.stdout.count(b"held") <= 2
    assert said(neighbour, part) == "held"
    assert said(bombed, "echo alive") == "alive"


def test_without_control_groups_process_1_is_never_the_one_that_is_ended(weak: Start) -> None:
    sandbox = weak(limits=Limits(memory_mb=16))
    said(sandbox, "for n in $(seq 100); do (sleep 1.5; :) & done; wait")
    assert said(sandbox, "echo alive") == "alive"


def test_without_control_groups_processes_are_counted_by_sandbox(weak: Start) -> None:
    bomb = "import os, time\nfor n in range(999):\n  if os.fork() == 0: time.sleep(9)\n"
    sandboxes = [weak(limits=Limits(pids=40)) for _ in range(3)]
    for sandbox in sandboxes:
        assert "BlockingIOError" in said(sandbox, f"{PYTHON} -c '{bomb}'")
    for sandbox in sandboxes:
        sandbox.stop_processes()
        assert int(said(sandbox, "for n in $(seq 20); do sleep 1 & done; jobs | wc -l")) == 20


# Images


def test_the_host_image_says_what_is_inside(engine: Bubblewrap, image: Image, sandbox: BubblewrapSandbox) -> None:
    inventory = host_image.inventory()
    assert image == engine.image(HOST)
    assert image.digest == image.inventory == inventory.hash
    assert {"bash", "tmux", "python3"} <= {*inventory.commands}
    missing = said(sandbox, f"for c in {' '.join(inventory.commands[:400])}; do type -P $c >/dev/null || echo $c; done")
    assert "[" not in missing.split()
    assert len(missing.split()) <= 4


def test_a_python_of_its_own_is_laid_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    running = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = host_image.Interpreter(str(running), sys.base_prefix, version)
    monkeypatch.setattr(host_image, "interpreter", lambda: own)
    engine = Bubblewrap(state)
    sandbox = engine.start(Image(name="host", recipe="", digest="", inventory=""))
    tell = "import sys, pytest, ssl, sqlite3; print(sys.base_prefix, sys.version_info[:2] == {})"
    asked = sandbox.run(["/opt/termforge/bin/python3", "-c", "import sys; print(sys.prefix)"])
    assert asked.exit_code == 0, asked
    asked = sandbox.run([PYTHON, "-I", "-c", tell.format(tuple(sys.version_info[:2]))])
    assert asked.stdout == b"/opt/termforge/base True\n", asked
    sandbox.close()


@pytest.mark.docker
def test_a_built_image_is_overlaid_and_stays_as_it_is(engine: Bubblewrap) -> None:
    image = engine.image(recipe("file-operations"))
    one, other = engine.start(image), engine.start(image, nested=True)
    assert (
        said(
            one, "rm -rf /etc/apt /usr/bin/git && mkdir /etc/apt && echo x >> /etc/passwd; ls /etc/apt; stat -c %U /usr"
        )
        == "root"
    )
    assert said(other, "ls -d /etc/apt /usr/bin/git; grep -c ^x$ /etc/passwd") == "/etc/apt\n/usr/bin/git\n0"
    assert other.run([*other.demote, "id", "-u"]).stdout == b"65534\n"
    assert other.run([PYTHON, "-I", "-c", "import pytest; print('pytest')"]).stdout == b"pytest\n"
    for sandbox in (one, other):
        sandbox.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes run as another user")
def test_a_state_folder_that_sandboxes_cannot_reach_is_refused(state: Path) -> None:
    state.chmod(0o700)
    with pytest.raises(SetupError, match=rf"(?s){SANDBOX_UID}.*{state}"):
        Bubblewrap(state / "below").start(Image(name="host", recipe="", digest="", inventory=""))


def test_a_sandbox_that_cannot_start_says_why(
    monkeypatch: pytest.MonkeyPatch, engine: Bubblewrap, image: Image
) -> None:
    before, groups = descendants(os.getpid()), own_groups(os.getpid())
    broken = host_image.HostImage(Path("/no/such/skeleton"), ())
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_host", broken)
        with pytest.raises(SandboxError, match="/no/such/skeleton"):
            engine.start(image)
    with pytest.raises(SandboxError, match="disk is full"):
        engine.start(image, files=[File(path="/app/x", content=bytes(2 << 20))], limits=Limits(disk_mb=1))
    assert wait_until(lambda: descendants(os.getpid()) == before)
    assert own_groups(os.getpid()) == groups


def test_starting_and_closing_are_quick(engine: Bubblewrap, image: Image) -> None:
    """Ten times what an idle machine takes: a guard against a sleep or a poll on the way, not a benchmark."""
    starts, closes = [], []
    for _ in range(10):
        begun = time.perf_counter()
        sandbox = engine.start(image)
        sandbox.run(["true"])
        running = time.perf_counter()
        sandbox.close()
        starts.append(running - begun)
        closes.append(time.perf_counter() - running)
    assert statistics.median(starts) < 0.25
    assert statistics.median(closes) < 0.05


# An ordinary user

TRY = "import subprocess, sys, pydantic, pytest, termforge; subprocess.run([sys.executable, '-c', ''], check=True)"


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is an ordinary user's already")
@pytest.mark.timeout(180)
def test_an_ordinary_user_s_sandboxes_pass_the_shared_suite(state: Path) -> None:
    """The checkout must lie where others can read it, as must a Python of the version of this environment."""
    uid = 23_456
    os.chown(state, uid, uid)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        "XDG_STATE_HOME": str(state / "state"),
        "TMPDIR": str(state),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry.endswith("site-packages")),
    }
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    suite = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "bubblewrap", "tests/sandbox/test_protocol.py"]

    def run(python: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        argv = [*become, python, *arguments]
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    # The environment's own python may be a link into a closed home; the system's will do if it can load the packages.
    pythons = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    usable = [python for python in pythons if run(python, "-c", TRY).returncode == 0]
    assert usable, f"uid {uid} can run none of {pythons} with this environment's packages in {ROOT}"
    done = run(usable[0], *suite)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
