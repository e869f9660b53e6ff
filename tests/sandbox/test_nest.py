"""A grader's sandbox forked from a nest is what bwrap would have made, and nothing done there reaches past it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from termforge.errors import SandboxLost
from termforge.images import HOST
from termforge.images.recipe import recipe
from termforge.sandbox import bubblewrap, cgroups
from termforge.sandbox.bubblewrap import INSIDE, Bubblewrap
from termforge.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from termforge.sandbox.nests import Nests
from termforge.schemas import File, Image, Limits
from tests.sandbox.watched import descendants, ended, wait_until

pytestmark = pytest.mark.bubblewrap

ROOT = Path(__file__).parents[2]
PYTHON = "/opt/termforge/grader/python"
Start = Callable[..., BubblewrapSandbox]


@pytest.fixture(scope="module", params=["host", pytest.param("file-operations", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest) -> tuple[Bubblewrap, Image]:
    engine = Bubblewrap()
    return engine, engine.image(HOST if request.param == "host" else recipe(request.param))


@pytest.fixture
def start(place: tuple[Bubblewrap, Image]) -> Iterator[Start]:
    engine, image = place
    begun: list[BubblewrapSandbox] = []

    def begin(limits: Limits = Limits(), engine: Bubblewrap = engine) -> BubblewrapSandbox:
        begun.append(engine.start(image, limits=limits, nested=True))
        return begun[-1]

    yield begin
    for sandbox in begun:
        sandbox.close()


def said(sandbox: BubblewrapSandbox, *argv: str) -> str:
    finished = sandbox.run(argv, timeout_s=60)
    return (finished.stdout + finished.stderr).decode().strip()


def bash(sandbox: BubblewrapSandbox, script: str) -> str:
    return said(sandbox, "bash", "-c", script)


def run(sandbox: BubblewrapSandbox, source: str, *words: str) -> str:
    """What a script says that the nest's Python runs."""
    sandbox.put([File(path="/tests/script.py", content=source.encode())])
    return said(sandbox, PYTHON, "-I", "/tests/script.py", *words)


def nests() -> set[int]:
    """Their processes 1 and what these have forked, below this process."""
    return {pid for pid in descendants(os.getpid()) if b"nest.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}


# The same as bwrap's


LOOK = r"""
grep -E '^(Uid|Gid|Groups|Sig[BIC]|Cap|NoNewPrivs|Seccomp)' /proc/self/status
cat /proc/self/limits /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
env | sort; umask; pwd; hostname; cat /proc/net/fib_trie
awk '$5 != "/" { print $4, $5, $6, $9 }' /proc/self/mountinfo | sort -u
stat -c '%A %u %N' /dev /dev/* /dev/pts/* /proc/self/cwd /proc/self/root
cat /proc/self/cgroup; echo /proc/[0-9]*; ls -l /proc/self/fd | wc -l
"""


def test_walls_and_surroundings_are_those_of_bwrap(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    forked = bash(start(), LOOK)
    monkeypatch.setattr(Nests, "of", lambda *_: None)
    unforked = bash(start(), LOOK)
    assert "nest.py" not in unforked
    assert forked.splitlines() == unforked.splitlines()


def test_a_grader_s_sandbox_comes_from_the_image_s_one_nest(start: Start) -> None:
    assert "nest.py" in bash(start(), "cat /proc/1/cmdline | tr '\\0' ' '")
    before = nests()
    start()
    assert len(nests() - before) == 2  # the new process 1 and who waits for it


SCRIPTS = {
    "arguments": "import sys; print(sys.argv, __name__, __file__, sys.path, sys.flags, sys.executable)",
    "end": "print('printed', end='')",
    "code": "raise SystemExit(7)",
    "large": "raise SystemExit(257)",
    "nothing": "import sys; sys.exit()",
    "words": "import sys; sys.exit('in words')",
    "error": "1 / 0",
    "syntax": "1 /",
    "exits": "import atexit; atexit.register(print, 'at exit')",
    "thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()",
    "signals": "import signal; print([signal.getsignal(n) in (0, 1) or n for n in signal.valid_signals()])",
    "blocked": "import signal; print(signal.pthread_sigmask(0, []), signal.set_wakeup_fd(-1))",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))",
    "input": "import sys; print(repr(sys.stdin.read()), sys.stdout.encoding, sys.stderr.errors)",
    "place": "import os; print(os.getcwd(), sorted(os.environ.items()), os.umask(0), os.getsid(0) == os.getpid())",
    "name": "print(open('/proc/self/comm').read())",
    "itself": "import sys; sys.modules['__main__'].x = 1; print(x, 'termforge' in sys.modules, 'init' in sys.modules)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "child": "import subprocess; print(subprocess.run(['sh', '-c', 'echo out; exit 4'], capture_output=True))",
}


def test_a_script_is_run_as_a_fresh_python_runs_it(start: Start) -> None:
    sandbox = start()
    for name, source in SCRIPTS.items():
        sandbox.put([File(path="/tests/script.py", content=source.encode())])
        argv = [PYTHON, "-I", "/tests/script.py", "one", "two words"]
        forked, fresh = sandbox.run(argv, stdin=b"given"), sandbox.run(["env", *argv], stdin=b"given")
        assert (name, forked.exit_code, forked.stdout) == (name, fresh.exit_code, fresh.stdout)
        assert forked.stderr.splitlines()[-1:] == fresh.stderr.splitlines()[-1:]


def test_a_test_finds_the_same_modules_imported(start: Start) -> None:
    sandbox = start()
    sandbox.put([File(path="/tests/test_it.py", content=b"import sys\ndef test_it(): print(*sorted(sys.modules))")])
    runner = "import pytest, sys\npytest.main(['-q', '-s', '-p', 'no:cacheprovider', '/tests'])"
    sandbox.put([File(path="/tests/script.py", content=runner.encode())])
    argv = (PYTHON, "-I", "/tests/script.py")
    forked, fresh = (set(said(sandbox, *before, *argv).split()) for before in ((), ("env",)))
    assert "_pytest.python" in forked
    assert {name for name in forked ^ fresh if "." not in name and name.isidentifier()} <= {"ctypes", "_ctypes"}


def test_chance_is_not_shared(start: Start) -> None:
    source = "import random, tempfile, uuid; print(random.random(), tempfile.mkdtemp(), uuid.uuid4())"
    drawn = [run(start(), source).split() for _ in range(3)]
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == 3


# Hostile code, as root of its sandbox


ATTACK = r"""
import ctypes, glob, os, signal, socket, sys
import _pytest, json, pytest
found = []
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, work):
    try: result = work()
    except OSError: return
    if result not in (-1, None): found.append(name)
pytest.main = json.loads = lambda *_: 0
sys.modules["os"] = sys
libraries = {line.split()[-1] for line in open("/proc/self/maps") if line.split()[-1].startswith("/")}
for path in {"/proc/self/exe", "/proc/1/exe", *glob.glob("/proc/self/map_files/*")}:
    attempt("wrote " + path, lambda: os.open(path, os.O_RDWR))
for path in {*libraries, sys.executable, *glob.glob(os.path.dirname(_pytest.__file__) + "/**/*.py", recursive=True)}:
    try:
        os.unlink(path)
        open(path, "w").write("raise SystemExit('hacked')")
    except OSError: pass
for name in ("fd/0", "fd/3", "mem", "environ", "root/etc/passwd", "cwd/x"):
    attempt("opened /proc/1/" + name, lambda: os.open("/proc/1/" + name, os.O_RDONLY))
for name in ("user", "mnt", "pid", "net"):
    attempt("entered " + name, lambda: libc.setns(os.open("/proc/1/ns/" + name, os.O_RDONLY), 0))
    for number in (0xb701, 0xb702):  # the namespace's owner, its parent
        def ask(number=number):
            import fcntl
            return fcntl.ioctl(os.open("/proc/self/ns/" + name, os.O_RDONLY), number)
        if name != "mnt" and (number, name) not in ((0xb701, "pid"), (0xb701, "net")): attempt("asked " + name, ask)
attempt("traced", lambda: libc.ptrace(16, 1, 0, 0))
for path in ("/", "/dev", "/proc", "/dev/pts", "/dev/shm", "/opt/termforge/inside"):
    attempt("unmounted " + path, lambda: libc.umount2(path.encode(), 2))
    attempt("mounted " + path, lambda: libc.mount(b"none", path.encode(), b"tmpfs", 0, b""))
    attempt("changed " + path, lambda: libc.mount(b"none", path.encode(), b"", 32 | 4096, b""))
attempt("wrote demote.py", lambda: os.open("/opt/termforge/inside/termforge/sandbox/inside/demote.py", os.O_RDWR))
attempt("wrote /dev", lambda: os.open("/dev/x", os.O_RDWR | os.O_CREAT))
attempt("set the host's clock", lambda: libc.settimeofday(bytes(16), None))
open("/app/mark", "w"); open("/tmp/mark", "w"); open("/dev/shm/mark", "w")
socket.socket(socket.AF_UNIX).bind("\0mark")
for number in range(1, 65):
    for process in (1, *map(int, filter(str.isdigit, os.listdir("/proc")))):
        if process != os.getpid():
            try: os.kill(process, number)
            except OSError: pass
if os.fork() == 0:
    os.setsid()
    while True: signal.pause()
with open("/app/full", "wb", 0) as file:
    try:
        while True: file.write(bytes(1 << 20))
    except OSError: pass
os.write(1, repr(found).encode())
"""
WITHIN = r"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(4, 1, 0, 0, 0)
uid = os.getuid()
assert libc.unshare(0x10000000 | 0x20000) == 0
open("/proc/self/uid_map", "w").write(f"0 {uid} 1")
found = [p for p in ("/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/opt/termforge/inside")
         if libc.umount2(p.encode(), 0) == 0]
found += [p for p in ("/dev", "/opt/termforge/inside") if libc.mount(b"n", p.encode(), b"", 32 | 4096, b"") == 0]
libc.umount2(b"/", 2)
print(found, sorted(os.listdir("/mnt")), [d for d in os.listdir("/proc") if d.isdigit() and int(d) > 100])
"""


def test_hostile_code_finds_no_way_out(start: Start) -> None:
    assert run(start(Limits(disk_mb=64)), ATTACK) == "[]"
    assert run(start(), WITHIN) == "[] [] []"


def test_a_hostile_grading_leaves_nothing_to_the_next(start: Start) -> None:
    test = "def test_it(): assert [1] == [2]"
    look = "ls -A /app /tmp /dev/shm /mnt | grep -v : | tr -d '\\n'; pgrep -x python; grep -c mark /proc/net/unix"
    before = nests()
    bash(hostile := start(Limits(disk_mb=64)), "echo > /usr/mark || true")
    run(hostile, ATTACK)
    neighbour = start()
    for sandbox in (neighbour, start()):
        hostile.close()
        assert bash(sandbox, look) == "0"
        sandbox.put([File(path="/tests/test_it.py", content=test.encode())])
        told = run(
            sandbox, "import json, sys, pytest\nprint(json.loads('[3]'))\nsys.exit(pytest.main(['-q', '/tests']))"
        )
        assert "[3]" in told
        assert "At index 0 diff: 1 != 2" in told
    assert before <= nests()


def test_a_fork_bomb_and_a_memory_bomb_spare_the_neighbour(start: Start) -> None:
    bomb = "import os, time\nfor n in range(999):\n  if os.fork() == 0: time.sleep(60)\n"
    bombed, neighbour = start(Limits(pids=64, memory_mb=256, disk_mb=64)), start()
    assert "BlockingIOError" in run(bombed, bomb)
    assert run(neighbour, "import os; os.wait() if os.fork() else os._exit(0); print('forked')") == "forked"
    bombed.stop_processes()
    assert bombed.run([PYTHON, "-c", "x = b'x' * (2 << 30)"]).exit_code != 0
    assert bash(bombed, "echo alive") == "alive"
    assert bash(neighbour, "echo alive") == "alive"


def test_memory_ends_with_what_uses_it_and_not_with_process_1(start: Start) -> None:
    """Each of these is smaller than process 1, which has pytest in it."""
    sandbox = start(Limits(memory_mb=256, disk_mb=16))
    bash(sandbox, "for n in $(seq 40); do (head -c 12M /dev/zero | tail -c 12M | sleep 3) & done; wait")
    assert bash(sandbox, "echo alive") == "alive"


def test_without_control_groups_processes_are_counted_by_sandbox(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setattr(cgroups, "find", lambda: None)
    weak = Bubblewrap()
    one, other = start(Limits(pids=40), weak), start(Limits(pids=40), weak)
    bomb = "import os, time\nfor n in range(999):\n  if os.fork() == 0: time.sleep(60)\n"
    assert one.limits_by == "rlimit"
    assert "BlockingIOError" in run(one, bomb)
    assert "BlockingIOError" in run(other, bomb)
    one.stop_processes()
    assert int(bash(one, "for n in $(seq 20); do sleep 1 & done; jobs | wc -l")) == 20


def test_demoted_code_is_out_of_reach_of_its_caller(start: Start) -> None:
    sandbox = start()
    sandbox.put([File(path="/tests/secret", content=b"hidden", mode=0o600)])
    asked = f"import subprocess\nsubprocess.run([{PYTHON!r}, '-I', '-S', '{INSIDE}/demote.py', 'sh', '-c', %r])"
    assert run(sandbox, asked % "id -u; cat /tests/secret; echo /proc/[0-9]*").splitlines()[0] == "65534"
    assert "hidden" not in run(sandbox, asked % "cat /tests/secret /proc/*/root/tests/secret /proc/*/mem")


# Beginning and end


def test_closing_leaves_nothing_but_the_nest(start: Start) -> None:
    start().close()

    def left() -> list[object]:
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "docker" not in line]
        groups = [*Path("/sys/fs/cgroup").rglob(f"termforge-{os.getpid()}-*")]
        return [descendants(os.getpid()), mounts, groups, len(os.listdir("/proc/self/fd"))]  # noqa: PTH208

    before = left()
    sandbox = start()
    run(sandbox, "import os\nif os.fork() == 0:\n  os.setsid(); os.execvp('sleep', ['sleep', '777'])")
    sandbox.close()
    assert wait_until(lambda: left() == before)


VICTIM = """
import sys, time
from termforge.images import HOST
from termforge.sandbox.bubblewrap import Bubblewrap
engine = Bubblewrap()
sandboxes = [engine.start(engine.image(HOST), nested=True) for _ in range(2)]
channel = sandboxes[0].open_channel(["bash", "-c", "setsid sleep 97 & cat"])
print(*(sandbox.init_pid for sandbox in sandboxes), flush=True)
time.sleep(60)
"""


def test_a_killed_engine_s_process_takes_its_nests_along(start: Start) -> None:
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    started = {int(pid) for pid in victim.stdout.readline().split()}
    processes = descendants(victim.pid)
    assert len(started) == 2
    assert started < processes
    victim.kill()
    victim.wait()
    victim.stdout.close()
    assert wait_until(lambda: all(map(ended, processes)))


def test_a_nest_that_died_is_replaced(place: tuple[Bubblewrap, Image]) -> None:
    engine, image = Bubblewrap(), place[1]
    sandbox = engine.start(image, nested=True)
    assert sandbox.init_pid is not None
    nest = int(_status(_status(sandbox.init_pid, "PPid"), "PPid"))
    os.kill(nest, signal.SIGKILL)
    assert wait_until(lambda: ended(nest))
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])
    sandbox.close()
    again = engine.start(image, nested=True)
    assert "nest.py" in bash(again, "cat /proc/1/cmdline | tr '\\0' ' '")
    again.close()


def test_process_1_ends_with_who_waits_for_it(start: Start) -> None:
    sandbox = start()
    assert sandbox.init_pid is not None
    os.kill(int(_status(sandbox.init_pid, "PPid")), signal.SIGKILL)
    assert wait_until(lambda: ended(sandbox.init_pid or 0))
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])


def _status(process: int | str, field: str) -> str:
    found = re.search(rf"^{field}:\s*(\d+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_nest_ends_with_its_engine(place: tuple[Bubblewrap, Image]) -> None:
    before = nests()
    engine = Bubblewrap()
    engine.start(place[1], nested=True).close()
    assert nests() > before
    del engine
    assert wait_until(lambda: nests() == before)


def test_where_a_nest_does_not_work_bwrap_starts_each_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: tuple[Bubblewrap, Image]
) -> None:
    monkeypatch.setattr(bubblewrap, "PRISTINE", "/proc/no/such/folder")
    engine = Bubblewrap()
    for _ in range(2):
        sandbox = engine.start(place[1], nested=True)
        assert bash(sandbox, "cat /proc/1/cmdline | tr '\\0' ' '").split()[3].endswith("init.py")
        assert sandbox.run([*sandbox.demote, "id", "-u"]).stdout == b"65534\n"
        sandbox.close()
    assert len([record for record in caplog.records if "without a nest" in record.message]) == 1
