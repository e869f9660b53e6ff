"""What only the Docker sandbox promises: containers, leases, its limits. The shared suite is test_protocol.py."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from termforge.adversary import attack
from termforge.errors import LimitPassed, NeedsUnmet, SandboxLost, SetupError, UnfitFiles
from termforge.images import built
from termforge.images.recipe import recipe
from termforge.sandbox import docker_exec
from termforge.sandbox.docker_engine import Docker
from termforge.sandbox.docker_sandbox import DockerSandbox
from termforge.schemas import File, Image, ImageRecipe, Limits, Need
from tests.sandbox.hostile import TASK
from tests.sandbox.scripted import Scripted

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> Iterator[Docker]:
    engine = Docker()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def image(engine: Docker) -> Image:
    return engine.image(recipe("file-operations"))


@pytest.fixture
def sandbox(engine: Docker, image: Image) -> Iterator[DockerSandbox]:
    sandbox = engine.start(image)
    assert isinstance(sandbox, DockerSandbox)
    yield sandbox
    sandbox.close()


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


def bash(sandbox: DockerSandbox, script: str, timeout_s: float = 30.0) -> str:
    finished = sandbox.run(["bash", "-c", script], timeout_s=timeout_s)
    return (finished.stdout + finished.stderr).decode()


def read(channel: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count and (data := channel.recv(65536)):
        received += data
    return received


def processes_of(container: str) -> list[str]:
    """Host pids in the container's cgroups."""
    found = []
    for cgroup in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if container in cgroup.read_text():
                found.append(cgroup.parent.name)
        except OSError:
            continue
    return found


def test_an_image_that_was_not_built_is_refused_with_the_command_that_builds_it(engine: Docker) -> None:
    with pytest.raises(SetupError, match="make images"):
        engine.image(ImageRecipe(name="security", recipe="0000"))


def test_an_image_that_the_engine_lost_is_refused(engine: Docker, tmp_path: Path) -> None:
    record = built(recipe("base"))
    gone = record.model_copy(update={"image": record.image.model_copy(update={"digest": "sha256:" + 64 * "0"})})
    path = tmp_path / "images/base.json"
    path.parent.mkdir()
    path.write_text(gone.model_dump_json())
    elsewhere = Docker(tmp_path)
    with pytest.raises(SetupError, match="does not have it"):
        elsewhere.image(recipe("base"))
    elsewhere.close()


def test_needs_that_are_not_offered_are_refused_before_the_start(engine: Docker, image: Image) -> None:
    with pytest.raises(NeedsUnmet, match="packages"):
        engine.start(image, needs=frozenset({Need.PACKAGES, Need.USERS}))


def test_a_killed_container_is_lost_for_every_call(engine: Docker, image: Image, client: docker.DockerClient) -> None:
    sandbox = engine.start(image)
    assert isinstance(sandbox, DockerSandbox)
    channel = sandbox.open_channel(["cat"])
    client.api.kill(sandbox.container)
    assert channel.recv(1) == b""
    channel.close()
    for call in (
        lambda: sandbox.run(["true"]),
        lambda: sandbox.open_channel(["cat"]),
        lambda: sandbox.put([File(path="/app/x", content=b"")]),
        lambda: sandbox.fetch(["/app"], max_bytes=10, max_files=10),
        lambda: sandbox.stop_processes(),
    ):
        with pytest.raises(SandboxLost):
            call()
    client.api.remove_container(sandbox.container, force=True)
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])
    sandbox.close()


def test_a_container_killed_during_a_command_is_lost(sandbox: DockerSandbox, client: docker.DockerClient) -> None:
    threading.Timer(0.5, client.api.kill, [sandbox.container]).start()
    with pytest.raises(SandboxLost):
        sandbox.run(["sleep", "30"])


def test_a_channel_whose_container_goes_as_it_opens_is_closed(
    sandbox: DockerSandbox, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, wait_for_start = list[docker_exec.Exec](), docker_exec.wait_for_start

    def meanwhile_removed(api: Any, command: docker_exec.Exec) -> bool:
        opened.append(command)
        client.api.remove_container(sandbox.container, force=True)
        return wait_for_start(api, command)

    monkeypatch.setattr(docker_exec, "wait_for_start", meanwhile_removed)
    with pytest.raises(SandboxLost):
        sandbox.open_channel(["cat"])
    assert opened[0].stream.fileno() == -1


def test_a_container_that_somebody_started_again_is_lost(sandbox: DockerSandbox, client: docker.DockerClient) -> None:
    sandbox.check()
    client.api.restart(sandbox.container, timeout=0)
    with pytest.raises(SandboxLost, match="again"):
        sandbox.check()


def test_a_closed_sandbox_leaves_no_container(engine: Docker, image: Image, client: docker.DockerClient) -> None:
    sandbox = engine.start(image)
    assert isinstance(sandbox, DockerSandbox)
    sandbox.close()
    sandbox.close()
    with pytest.raises(docker.errors.NotFound):
        client.api.inspect_container(sandbox.container)
    with pytest.raises(SandboxLost):
        sandbox.run(["true"])


def test_killing_everything_inside_costs_the_agent_its_own_processes_only(sandbox: DockerSandbox) -> None:
    channel = sandbox.open_channel(["bash"])
    channel.sendall(b"kill -9 -1; kill -9 1; pkill -9 bash; echo alive\n")
    channel.recv(100)
    channel.close()
    assert bash(sandbox, "echo here") == "here\n"


def test_orphans_are_reaped_inside(sandbox: DockerSandbox) -> None:
    bash(sandbox, "for i in 1 2 3; do (sleep 0.1 >/dev/null 2>&1 &); done; sleep 0.5")
    assert "defunct" not in bash(sandbox, "ps -ef")


def test_a_fork_bomb_ends_with_its_processes_and_the_files_stay(sandbox: DockerSandbox) -> None:
    channel = sandbox.open_channel(["bash"])
    channel.sendall(b"echo kept > /app/kept; bomb() { bomb | bomb & }; bomb\n")
    time.sleep(2)
    sandbox.stop_processes()
    if Path("/proc/self/cgroup").exists():
        assert processes_of(sandbox.container) == []
    channel.close()
    files = sandbox.fetch(["/app"], max_bytes=1000, max_files=10)
    assert [(file.path, file.content) for file in files] == [("/app/kept", b"kept\n")]
    assert bash(sandbox, "cat /app/kept") == "kept\n"


def test_init_pid_is_the_hosts_number_of_the_first_process(sandbox: DockerSandbox) -> None:
    if sandbox.init_pid is None:
        pytest.skip("the engine runs on another machine")
    assert b"init" in Path(f"/proc/{sandbox.init_pid}/cmdline").read_bytes()
    status = Path(f"/proc/{sandbox.init_pid}/status").read_text()
    assert next(line for line in status.splitlines() if line.startswith("NSpid")).split()[-1] == "1"


HOLDER = """
import sys
from pathlib import Path
from termforge.images import built
from termforge.images.recipe import recipe
from termforge.sandbox.docker_engine import Docker
engine = Docker(Path(sys.argv[1]))
sandbox = engine.start(built(recipe("file-operations")).image)
print(sandbox.container, flush=True)
sys.stdin.read()
"""


def hold(state: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds one sandbox, and the container's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_sandboxes_of_a_killed_holder_are_reaped_and_those_of_the_living_are_not(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    reaper, stranger = Docker(tmp_path / "state"), Docker(tmp_path / "other")
    dying, orphan = hold(tmp_path / "state")
    living, kept = hold(tmp_path / "state")
    assert reaper.reap() == 0
    end(dying)
    assert stranger.reap() == 0
    assert reaper.reap() == 1
    with pytest.raises(docker.errors.NotFound):
        client.api.inspect_container(orphan)
    assert client.api.inspect_container(kept)["State"]["Running"]
    end(living)
    assert reaper.reap() == 1
    for engine in (reaper, stranger):
        engine.close()
    assert [path.name for path in (tmp_path / "state/leases/docker").iterdir()] == ["owner"]


def test_a_sandbox_that_fills_its_disk_is_ended_and_says_why(engine: Docker, image: Image) -> None:
    sandbox = engine.start(image, limits=Limits(disk_mb=64))
    fill = "echo kept > /app/kept; for i in {1..100}; do head -c 30M /dev/zero > /root/$i; sleep 0.2; done"
    with pytest.raises(LimitPassed, match="disk is full"):
        sandbox.run(["bash", "-c", fill])
    for call in (lambda: sandbox.put([File(path="/app/x", content=b"")]), sandbox.check):
        with pytest.raises(LimitPassed, match="disk is full"):
            call()
    sandbox.stop_processes()
    (kept,) = sandbox.fetch(["/app"], max_bytes=1000, max_files=10)
    assert kept.content == b"kept\n"
    with pytest.raises(LimitPassed, match="disk is full"):
        sandbox.run(["true"])
    sandbox.close()


def test_no_single_file_is_without_end(engine: Docker, image: Image) -> None:
    sandbox = engine.start(image, limits=Limits(disk_mb=16))
    assert isinstance(sandbox, DockerSandbox)
    assert "File too large" in bash(sandbox, "trap '' XFSZ; fallocate -l 1G /app/huge; truncate -s 1G /app/huge")
    sandbox.close()


def test_an_adversarys_script_that_fills_the_disk_scores_nothing(engine: Docker) -> None:
    changes = {"image": recipe("file-operations"), "files": (File(path="/app/in", content=b"1"),)}
    small = TASK.model_copy(update=changes | {"limits": Limits(disk_mb=16)})
    fill = "<script>for i in {1..100}; do head -c 30M /dev/zero > /root/$i; sleep 0.2; done</script>"
    found = attack(small, Scripted(fill, "GIVE UP"), engine, submits=2)
    assert (found.ending, found.submissions[0].score) == ("given up", 0.0)


def test_a_sparse_file_counts_as_what_it_takes(engine: Docker, image: Image) -> None:
    sandbox = engine.start(image, limits=Limits(disk_mb=64))
    assert isinstance(sandbox, DockerSandbox)
    bash(sandbox, "truncate -s 400M /app/sparse; sleep 2.5")
    if "watch" in sandbox.limits_by and os.geteuid() == 0 and sandbox.init_pid is not None:
        assert bash(sandbox, "stat -c %s /app/sparse") == f"{400 << 20}\n"
    sandbox.close()


def test_storage_that_refuses_a_size_is_watched_instead(engine: Docker, image: Image) -> None:
    other = Docker(engine._state)
    other._quota = True
    sandbox = other.start(image)
    assert ("disk quota" in sandbox.limits_by) == other._quota
    sandbox.close()
    other.close()


def test_fetching_a_huge_sparse_file_stops_at_the_limit(engine: Docker, image: Image) -> None:
    sandbox = engine.start(image, limits=Limits(disk_mb=20_000))
    sandbox.run(["truncate", "-s", "10G", "/app/sparse"])
    started_at = time.monotonic()
    with pytest.raises(UnfitFiles, match="bytes"):
        sandbox.fetch(["/app"], max_bytes=1_000_000, max_files=100)
    assert time.monotonic() - started_at < 5
    assert sandbox.run(["echo", "usable"]).stdout == b"usable\n"  # the engine let go of the container
    sandbox.close()


def test_fetching_ten_thousand_files_stops_at_the_limit(sandbox: DockerSandbox) -> None:
    bash(sandbox, "cd /app; for i in {1..10000}; do : > $i; done")
    with pytest.raises(UnfitFiles, match="files"):
        sandbox.fetch(["/app"], max_bytes=1_000_000, max_files=1000)


def test_nothing_behind_a_link_is_fetched(sandbox: DockerSandbox) -> None:
    bash(sandbox, "echo x > /app/real; ln -s /etc /app/etc; ln -s /etc/passwd /app/passwd; mkfifo /app/pipe")
    wanted = ["/app", "/app/etc/passwd", "/app/passwd", "/nowhere", "/app/real/below"]
    assert [file.path for file in sandbox.fetch(wanted, max_bytes=100_000, max_files=100)] == ["/app/real"]


def test_demoted_code_reaches_neither_the_callers_files_nor_its_processes(sandbox: DockerSandbox) -> None:
    sandbox.put([File(path="/grader/secret", content=b"answer", mode=0o600)])
    sandbox.put([File(path="/grader/tests/t.py", content=b"pass")], read_only=True)
    script = """
        id -u; cat /grader/secret; echo x > /grader/tests/t.py; touch /grader/tests/new; mv /grader/tests /grader/other
        ls /proc/1/fd; ls /proc/$PPID/fd; kill -9 $PPID; su -c id; ls /root
    """
    finished = sandbox.run(["bash", "-c", '"$@"; true', "x", *sandbox.demote, "bash", "-c", script])
    assert finished.stdout == b"65534\n"
    assert finished.exit_code == 0
    assert bash(sandbox, "cat /grader/secret /grader/tests/t.py; ls /grader/tests") == "answerpasst.py\n"


def test_privileges_can_be_gained_only_where_the_task_needs_users(engine: Docker, image: Image) -> None:
    become = "useradd joe && su joe -c 'grep NoNewPrivs /proc/self/status' && chown joe /app && stat -c %U /app"
    for needs, expected in ((frozenset(), "1"), (frozenset({Need.USERS}), "0")):
        sandbox = engine.start(image, needs=needs)
        assert isinstance(sandbox, DockerSandbox)
        assert bash(sandbox, become).split() == ["NoNewPrivs:", expected, "joe"]
        sandbox.close()


def test_there_is_no_network_no_raw_socket_and_no_device_node(sandbox: DockerSandbox) -> None:
    assert bash(sandbox, "ls /sys/class/net") == "lo\n"
    assert "not permitted" in bash(sandbox, "mknod /app/disk b 254 0")
    raw = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"
    assert b"PermissionError" in sandbox.run(["python3", "-c", raw]).stderr


def test_services_listen_on_ports_below_1024_and_outlive_their_shell(engine: Docker) -> None:
    administration = engine.image(recipe("system-administration"))
    sandbox = engine.start(administration, needs=frozenset({Need.SERVICES}))
    assert isinstance(sandbox, DockerSandbox)
    bash(sandbox, "service nginx start")
    assert "nginx" in bash(sandbox, "curl -s http://localhost/")
    sandbox.close()


def test_a_tracer_works_inside(engine: Docker) -> None:
    sandbox = engine.start(engine.image(recipe("debugging")), needs=frozenset({Need.PTRACE}))
    assert isinstance(sandbox, DockerSandbox)
    assert "execve" in bash(sandbox, "strace -e execve true")
    assert "in ?? ()" in bash(sandbox, "sleep 5 & gdb -batch -ex bt -p $!") or sandbox.limits_by
    sandbox.close()


def test_memory_beyond_the_limit_ends_the_process_and_not_the_sandbox(engine: Docker, image: Image) -> None:
    sandbox = engine.start(image, limits=Limits(memory_mb=64))
    assert sandbox.run(["python3", "-c", "x = bytearray(200_000_000); print(len(x))"]).exit_code != 0
    assert sandbox.run(["echo", "here"]).stdout == b"here\n"
    sandbox.close()


def test_a_command_that_leaves_a_child_behind_ends_with_itself(sandbox: DockerSandbox) -> None:
    started_at = time.monotonic()
    assert bash(sandbox, "sleep 60 & echo done") == "done\n"
    assert time.monotonic() - started_at < 5


def test_a_channel_carries_bytes_exactly_both_ways(sandbox: DockerSandbox) -> None:
    channel = sandbox.open_channel(["cat"])
    sent = os.urandom(3_000_000)
    writer = threading.Thread(target=lambda: (channel.sendall(sent), channel.shutdown(socket.SHUT_WR)))
    writer.start()
    received = read(channel, len(sent) + 1)
    writer.join()
    channel.close()
    assert received == sent


def test_one_thread_serves_many_channels_and_a_reader_that_stopped_holds_up_no_other(sandbox: DockerSandbox) -> None:
    stalled = sandbox.open_channel(["bash", "-c", "while :; do echo flood; done"])
    channels = [sandbox.open_channel(["cat"]) for _ in range(16)]
    for number, channel in enumerate(channels):
        channel.settimeout(20)
        channel.sendall(f"{number}\n".encode())
    assert [channel.recv(100) for channel in channels] == [f"{number}\n".encode() for number in range(16)]
    assert [thread.name for thread in threading.enumerate()].count("termforge-channels") == 1
    for channel in (*channels, stalled):
        channel.close()


def test_sandboxes_start_and_close_from_many_threads(engine: Docker, image: Image) -> None:
    def live() -> None:
        sandbox = engine.start(image, files=[File(path="/app/x", content=b"x")])
        outputs.append(sandbox.run(["cat", "/app/x"]).stdout)
        sandbox.close()

    outputs: list[bytes] = []
    threads = [threading.Thread(target=live) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == [b"x"] * 8
