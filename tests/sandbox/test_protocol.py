"""What every sandbox promises, whatever isolates it: termforge/sandbox/protocol.py, on both engines."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from termforge.errors import NeedsUnmet, SandboxError, SandboxLost, UnfitFiles
from termforge.sandbox.protocol import Engine, Finished, Sandbox
from termforge.schemas import File, Image, Limits, Need

PYTHON = "/opt/termforge/grader/python"
Start = Callable[..., Sandbox]


def bash(sandbox: Sandbox, script: str, timeout_s: float = 20.0) -> Finished:
    return sandbox.run(["bash", "-c", script], timeout_s=timeout_s)


def said(sandbox: Sandbox, script: str) -> str:
    finished = bash(sandbox, script)
    return (finished.stdout + finished.stderr).decode().strip()


def read(channel: socket.socket, count: int) -> bytes:
    channel.settimeout(10)
    received = b""
    while len(received) < count and (data := channel.recv(65536)):
        received += data
    return received


def fetched(sandbox: Sandbox, *paths: str, max_bytes: int = 1 << 20, max_files: int = 100) -> dict[str, bytes]:
    found = sandbox.fetch(paths or ("/app",), max_bytes=max_bytes, max_files=max_files)
    return {file.path: file.content for file in found}


# The machine inside


def test_files_lie_there_with_their_modes_and_parents(start: Start) -> None:
    files = [
        File(path="/app/deep/er/run.sh", content=b"#!/bin/sh\necho ran\n", mode=0o755),
        File(path="/app/quiet", content=b"", mode=0o600),
        File(path="/srv/ünï\n", content=b"\0\xff"),
    ]
    sandbox = start(files=files)
    assert said(sandbox, "/app/deep/er/run.sh") == "ran"
    assert said(sandbox, "stat -c '%a %U' /app/quiet /app/deep/er") == "600 root\n755 root"
    assert fetched(sandbox, "/srv") == {"/srv/ünï\n": b"\0\xff"}


def test_a_file_put_twice_has_the_second_content(sandbox: Sandbox) -> None:
    for content in (b"one", b"two"):
        sandbox.put([File(path="/app/file", content=content)])
    assert fetched(sandbox) == {"/app/file": b"two"}


def test_the_agent_is_root_at_home_in_app(sandbox: Sandbox) -> None:
    assert said(sandbox, "id -u; pwd; echo $HOME $LANG") == "0\n/app\n/root C.UTF-8"
    assert said(sandbox, "touch /app/a /tmp/b /root/c /home/d && rm /app/a && echo written") == "written"


def test_there_is_no_network_but_loopback(sandbox: Sandbox) -> None:
    assert said(sandbox, "ls /proc/sys/net/ipv4/conf | grep -vE '^(all|default|lo)$'") == ""
    probe = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname()); print('lo')\n"
        "try: socket.create_connection(('1.1.1.1', 53), 2)\n"
        "except OSError: print('cut off')\n"
    )
    assert sandbox.run([PYTHON, "-c", probe]).stdout.split(b"\n")[:2] == [b"lo", b"cut off"]


def test_nothing_of_the_host_is_seen(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    assert bash(sandbox, f"cat {tmp_path}/secret").exit_code != 0
    assert bash(sandbox, f"ls {Path(__file__).parents[2]}").exit_code != 0
    assert said(sandbox, "pgrep -f 'pytes[t]'") == ""
    assert said(sandbox, "hostname") != socket.gethostname()
    assert int(said(sandbox, "ls -d /proc/[0-9]* | wc -l")) < 10


def test_pseudo_terminals_work(sandbox: Sandbox) -> None:
    assert sandbox.run(["script", "-qec", "tty", "/dev/null"]).stdout.startswith(b"/dev/pts/")


def test_the_grader_s_python_has_pytest(sandbox: Sandbox) -> None:
    assert sandbox.run([PYTHON, "-I", "-c", "import pytest"]) == Finished(0, b"", b"")


def test_two_sandboxes_do_not_see_each_other(start: Start) -> None:
    one, other = start(), start()
    one.open_channel(["sleep", "1234"]).close()
    bash(one, "touch /app/mine /tmp/mine; (exec -a of-the-other sleep 50) & sleep 0.1")
    assert said(other, "ls /app /tmp | grep mine; pgrep -f of-the-oth[e]r") == ""


# Needs


def test_needs_that_are_not_offered_are_refused_before_the_start(engine: Engine, image: Image) -> None:
    with pytest.raises(NeedsUnmet, match="net_admin"):
        engine.start(image, needs=frozenset({Need.NET_ADMIN}))
    assert Need.NET_ADMIN not in engine.offers


# Commands


def test_a_command_s_status_and_output_come_back(sandbox: Sandbox) -> None:
    assert bash(sandbox, "echo out; echo err >&2; exit 3") == Finished(3, b"out\n", b"err\n")
    assert sandbox.run(["/no/such/program"]).exit_code in (126, 127)


def test_stdin_arrives_whole(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 4000
    assert sandbox.run(["cat"], stdin=data).stdout == data
    assert sandbox.run(["true"], stdin=data).exit_code == 0


def test_a_command_ends_at_its_time_limit_with_its_children(sandbox: Sandbox) -> None:
    start = time.monotonic()
    finished = bash(sandbox, "echo begun; sleep 77 & sleep 78", timeout_s=0.5)
    assert finished == Finished(-9, b"begun\n", b"", timed_out=True)
    assert time.monotonic() - start < 3
    time.sleep(0.2)
    assert said(sandbox, "pgrep -f 'sleep 7[78]'") == ""


def test_endless_output_is_cut(sandbox: Sandbox) -> None:
    finished = sandbox.run(["yes"], timeout_s=0.5, output_limit=1000)
    assert finished.timed_out
    assert finished.stdout == b"y\n" * 500


def test_a_command_s_end_does_not_wait_for_what_it_left_behind(sandbox: Sandbox) -> None:
    start = time.monotonic()
    assert bash(sandbox, "sleep 30 & echo done").stdout == b"done\n"
    assert time.monotonic() - start < 3


def test_commands_run_at_the_same_time(sandbox: Sandbox) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda n: bash(sandbox, f"sleep 0.5; exit {n}").exit_code, range(8)))
    assert ends == list(range(8))
    assert time.monotonic() - start < 3


# Channels


def test_a_channel_carries_bytes_both_ways_and_ends_with_its_process(sandbox: Sandbox) -> None:
    with sandbox.open_channel(["bash", "-c", "head -c 5; echo over; sleep 60 &"]) as channel:
        assert channel.getblocking()
        channel.sendall(b"hello")
        assert read(channel, 100) == b"helloover\n"


def test_a_process_ends_when_its_channel_is_closed(sandbox: Sandbox) -> None:
    channel = sandbox.open_channel(["cat", "-", "/dev/null"])
    channel.sendall(b"x")
    assert read(channel, 1) == b"x"
    channel.close()
    time.sleep(0.3)
    assert said(sandbox, "pgrep -x cat") == ""


def test_a_program_that_cannot_start_is_a_channel_at_its_end(sandbox: Sandbox) -> None:
    with sandbox.open_channel(["/no/such/program"]) as channel:
        assert read(channel, 100) == b""
    sandbox.check()


def test_a_machine_without_a_process_left_is_not_lost(start: Start) -> None:
    sandbox = start(limits=Limits(pids=32))
    with sandbox.open_channel([PYTHON, "-u", "-c", FORK_BOMB + "time.sleep(60)\n"]) as bomb:
        assert int(read(bomb, 2)) > 10
        sandbox.open_channel(["sleep", "60"]).close()  # Docker's first process comes on top of the limit
        sandbox.check()


def test_many_channels_share_one_machine(sandbox: Sandbox) -> None:
    script = "echo > /app/{}; read go; ls /app | wc -l"
    channels = [sandbox.open_channel(["bash", "-c", script.format(number)]) for number in range(20)]
    while len(fetched(sandbox)) < 20:
        time.sleep(0.01)
    for channel in channels:
        with channel:
            channel.sendall(b"\n")
            assert read(channel, 3) == b"20\n"


# The end of the agent's processes, and what is left


def test_no_process_of_the_agent_survives_and_its_files_stay(sandbox: Sandbox) -> None:
    channel = sandbox.open_channel(["sleep", "4321"])
    bash(
        sandbox,
        "nohup sleep 4321 & setsid sleep 4321 & (trap '' TERM HUP INT; while :; do sleep 4321; done) &"
        " (setsid bash -c 'sleep 4321 & disown' &) ; echo left > /app/file; sleep 0.2",
    )
    assert said(sandbox, "pgrep -c -f 'sleep 432[1]'") >= "5"
    sandbox.stop_processes()
    assert read(channel, 1) == b""
    channel.close()
    assert fetched(sandbox) == {"/app/file": b"left\n"}
    assert said(sandbox, "pgrep -f 'sleep 432[1]'; cat /app/file") == "left"


def test_only_regular_files_are_fetched_and_no_link_is_followed(sandbox: Sandbox) -> None:
    bash(
        sandbox,
        "cd /app; echo kept > kept; ln -s /etc/passwd link; ln -s /etc folder; ln kept hard; mkfifo fifo;"
        " mkdir -p sub/empty; echo deep > sub/deep; ln -s ../kept sub/inner; ln -s loop loop; cd /;"
        " python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('/app/socket')\"",
    )
    sandbox.stop_processes()
    assert fetched(sandbox) == {"/app/hard": b"kept\n", "/app/kept": b"kept\n", "/app/sub/deep": b"deep\n"}
    assert fetched(sandbox, "/app/folder/passwd", "/app/link", "/app/nothing") == {}
    assert fetched(sandbox, "/app/kept", "/app/sub") == {"/app/kept": b"kept\n", "/app/sub/deep": b"deep\n"}


def test_a_graded_folder_that_became_a_link_holds_nothing(sandbox: Sandbox) -> None:
    bash(sandbox, "mkdir /srv/graded; cd /; ln -s /etc /srv/graded/etc; mv /srv/graded /srv/g; ln -s /etc /srv/graded")
    assert fetched(sandbox, "/srv/graded", "/srv/graded/passwd", "/srv/g/etc/passwd") == {}


def test_strange_names_and_modes_come_out_as_they_are(sandbox: Sandbox) -> None:
    names = ["new\nline", "tab\t", "..dots..", "-rf", "ünï", "sp ace", "'\"$(x)", "x" * 200]
    script = "import os, sys\nfor n in sys.argv[1:]: open('/app/' + n, 'w').write('!')"
    assert sandbox.run([PYTHON, "-c", script, *names]).exit_code == 0
    bash(sandbox, "cd /app; echo > $'\\xff\\xfe'; echo secret > closed; chmod 000 closed; mkdir -p a/../b; echo > b/c")
    found = fetched(sandbox)
    assert found == {**{f"/app/{name}": b"!" for name in names}, "/app/closed": b"secret\n", "/app/b/c": b"\n"}
    assert list(found) == sorted(found)


def test_a_long_path_comes_out(sandbox: Sandbox) -> None:
    long = "/app/" + "/".join(["d" * 100] * 20) + "/file"
    sandbox.put([File(path=long, content=b"deep")])
    assert fetched(sandbox) == {long: b"deep"}


def test_a_large_file_is_refused_before_it_is_read(sandbox: Sandbox) -> None:
    bash(sandbox, "truncate -s 10G /app/sparse || truncate -s 1G /app/sparse")
    start = time.monotonic()
    with pytest.raises(UnfitFiles, match="bytes"):
        fetched(sandbox)
    assert time.monotonic() - start < 3
    assert said(sandbox, "echo alive") == "alive"


def test_too_many_files_are_refused(sandbox: Sandbox) -> None:
    bash(sandbox, "cd /app; seq 10000 | xargs touch")
    with pytest.raises(UnfitFiles, match="files"):
        fetched(sandbox, max_files=9_999)
    assert len(fetched(sandbox, max_files=10_000)) == 10_000


# Grading


def test_demoted_code_cannot_write_graded_files(start: Start) -> None:
    sandbox = start(nested=True)
    sandbox.put([File(path="/app/sub/graded", content=b"as left", mode=0o666)], read_only=True)
    script = (
        "cat /app/sub/graded; cd /app; exec 2>/dev/null;"
        "chmod 777 sub/graded sub .; echo x > sub/graded; rm -f sub/graded; echo x > sub/new; mv sub other;"
        "echo x > /new; mount -o remount,rw /; echo x >> sub/graded; id -u"
    )
    assert sandbox.run([*sandbox.demote, "bash", "-c", script]).stdout.decode() == "as left65534\n"
    assert fetched(sandbox) == {"/app/sub/graded": b"as left"}
    assert said(sandbox, "ls / | grep new; ls /app; stat -c %a /app/sub/graded") == "sub\n444"


ATTACK = """
import ctypes, glob, os, signal, sys
found = []
for path in ("/tests/secret", "/tmp/secret", *glob.glob("/proc/*/environ"), *glob.glob("/proc/*/fd/*")):
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if b"of-the-caller" in os.read(descriptor, 65536): found.append(path)
    except OSError: pass
libc = ctypes.CDLL(None)
for process in map(int, filter(str.isdigit, os.listdir("/proc"))):
    if process != os.getpid():
        if libc.ptrace(16, process, 0, 0) == 0: found.append(f"traced {process}")
        try: os.kill(process, signal.SIGKILL)
        except OSError: pass
try: os.kill(-1, signal.SIGKILL)
except OSError: pass
for name in ("secret", "result"):
    try: open("/tests/" + name, "w")
    except OSError: pass
    else: found.append("wrote " + name)
print("found", found)
"""
CALLER = """
import os, subprocess, sys
os.environ["SECRET"] = "of-the-caller"
open(os.open("/tmp/secret", os.O_CREAT | os.O_WRONLY, 0o600), "w").write("of-the-caller")
held = open("/tests/secret"), open("/tests/result", "w")
os.chmod("/tests/result", 0o600)
code = sys.argv[1]
print(subprocess.run([*sys.argv[2:], sys.executable, "-c", code], env={}, capture_output=True, text=True))
print("caller lives")
"""


def test_demoted_code_cannot_reach_its_caller(start: Start) -> None:
    sandbox = start(nested=True)
    sandbox.put([File(path="/tests/secret", content=b"of-the-caller", mode=0o600)])
    caller = ["env", "SECRET=of-the-caller", PYTHON, "-c", CALLER, ATTACK, *sandbox.demote]
    told = sandbox.run(caller).stdout.decode()
    assert told.endswith("caller lives\n")
    assert "stdout='found []\\n'" in told
    assert fetched(sandbox, "/tests/secret") == {"/tests/secret": b"of-the-caller"}


def test_demoted_code_may_write_in_a_folder_opened_to_it(start: Start) -> None:
    sandbox = start(nested=True)
    script = (
        'mkdir -m 777 /tmp/open; cd /tmp/open; "$@" sh -c "echo out > file; echo t > /tmp/t; exit 5"; echo $?; cat file'
    )
    finished = sandbox.run(["bash", "-c", script, "-", *sandbox.demote])
    assert finished == Finished(0, b"5\nout\n", b"")


def test_demoted_code_ends_with_its_caller_s_patience(start: Start) -> None:
    sandbox = start(nested=True)
    assert sandbox.run([*sandbox.demote, "sleep", "88"], timeout_s=0.5).timed_out
    time.sleep(0.2)
    assert said(sandbox, "pgrep -f 'sleep 8[8]'") == ""


# Limits and failures

FORK_BOMB = """
import os, time
children = 0
try:
    while children < 5000:
        if os.fork() == 0: time.sleep(60)
        children += 1
except OSError: print(children)
"""


def test_a_fork_bomb_ends_inside(start: Start) -> None:
    bombed, neighbour = start(limits=Limits(pids=64)), start()
    assert 10 < int(bombed.run([PYTHON, "-c", FORK_BOMB], timeout_s=20).stdout) < 64
    bombed.stop_processes()
    with bombed.open_channel(["bash", "-c", ":(){ :|:& };:"]):
        assert said(neighbour, "for n in $(seq 20); do true & done; wait; echo fine") == "fine"
        bombed.stop_processes()
    assert said(bombed, "echo again") == "again"


def test_a_memory_bomb_ends_inside(start: Start) -> None:
    limits = Limits(memory_mb=256, disk_mb=64, pids=64)
    bombed, neighbour = start(limits=limits), start()
    assert bombed.run([PYTHON, "-c", "x = b'x' * (2 << 30)"], timeout_s=20).exit_code != 0
    part = "x = b'x' * (100 << 20); import time; time.sleep(1); print('held')"
    assert bash(bombed, f'for n in 1 2 3 4 5 6; do {PYTHON} -c "{part}" & done; wait').stdout.count(b"held") < 6
    assert said(bombed, "echo alive") == "alive"
    assert said(neighbour, "echo alive") == "alive"


def test_a_full_disk_is_named(start: Start) -> None:
    sandbox = start(limits=Limits(disk_mb=32))

    def fill() -> None:
        for number in range(60):
            sandbox.put([File(path=f"/app/{number}", content=bytes(4 << 20))])
            time.sleep(0.05)

    with pytest.raises(SandboxError, match="disk"):
        fill()


def test_what_the_agent_writes_is_limited_by_the_disk(start: Start) -> None:
    sandbox = start(limits=Limits(disk_mb=32))
    with contextlib.suppress(SandboxError):  # the engine may notice at once
        bash(sandbox, "for f in /app /tmp /dev/shm /root; do head -c 100M /dev/zero > $f/x; done; sync", timeout_s=10)

    def used() -> int:
        """Zero once the engine has ended the sandbox for it: not every storage has quotas."""
        try:
            finished = bash(sandbox, "cat /app/x /tmp/x /root/x | wc -c")
        except SandboxError:
            return 0
        return int(finished.stdout) if finished.exit_code == 0 else 1 << 40

    deadline = time.monotonic() + 5
    while (size := used()) > 32 << 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert size <= 32 << 20


def test_a_killed_sandbox_is_lost(start: Start) -> None:
    sandbox = start()
    if sandbox.init_pid is None:
        pytest.skip("this engine's processes are not in sight")
    channel = sandbox.open_channel(["cat"])
    os.kill(sandbox.init_pid, signal.SIGKILL)
    assert read(channel, 1) == b""
    channel.close()
    for use in (
        sandbox.check,
        lambda: sandbox.run(["true"]),
        lambda: sandbox.open_channel(["true"]),
        lambda: sandbox.put([File(path="/app/x", content=b"")]),
        lambda: fetched(sandbox),
    ):
        with pytest.raises(SandboxLost):
            use()
    sandbox.close()


def test_a_command_that_runs_when_its_sandbox_is_killed_is_told_so(start: Start) -> None:
    sandbox = start()
    if sandbox.init_pid is None:
        pytest.skip("this engine's processes are not in sight")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(sandbox.run, ["sleep", "60"])
        time.sleep(0.3)
        os.kill(sandbox.init_pid, signal.SIGKILL)
        with pytest.raises(SandboxLost):
            running.result(10)


def test_a_closed_sandbox_may_be_closed_again_and_not_be_used(start: Start) -> None:
    sandbox = start()
    sandbox.check()
    sandbox.close()
    sandbox.close()
    for use in (sandbox.check, lambda: sandbox.run(["true"])):
        with pytest.raises(SandboxLost):
            use()


@pytest.mark.timeout(60)
def test_twenty_sandboxes_start_at_once(start: Start) -> None:
    def live(number: int) -> str:
        sandbox = start(files=[File(path="/app/number", content=str(number).encode())])
        return said(sandbox, "cat /app/number")

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(live, range(20))) == [str(number) for number in range(20)]
