"""Recordings on a real tmux: what is in them, that they play, and that a trial does not notice them."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.errors import TerminalTampered
from termforge.terminal import Terminal, recording, tmux
from termforge.terminal.recording import Recording
from tests.host_sandbox import HostSandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[HostSandbox]:
    sandbox = HostSandbox(tmp_path)
    yield sandbox
    sandbox.close()


@pytest.fixture
def recorded() -> Recording:
    return Recording("a task")


@pytest.fixture
def terminal(sandbox: HostSandbox, recorded: Recording) -> Iterator[Terminal]:
    with Terminal(sandbox, recording=recorded) as terminal:
        yield terminal


def run(terminal: Terminal, command: str, seconds: float = 10) -> str:
    terminal.send(command + "\n")
    terminal.wait(seconds)
    return terminal.capture().visible


def meddle(terminal: Terminal, *arguments: str) -> None:
    server = ["tmux", "-S", terminal._server.socket_path]
    subprocess.run([*server, *arguments], check=True, capture_output=True, timeout=20)


def clients(terminal: Terminal) -> list[str]:
    command = ["tmux", "-S", terminal._server.socket_path, "list-clients", "-F", "#{client_pid}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.split()


def written(terminal: Terminal) -> int:
    """Bytes that tmux has written so far, to its clients and to the pane."""
    return number_after("wchar:", f"/proc/{terminal._server.pid}/io")


def most_memory_kb(terminal: Terminal) -> int:
    return number_after("VmHWM:", f"/proc/{terminal._server.pid}/status")


def number_after(name: str, path: str) -> int:
    return next(int(line.split()[1]) for line in Path(path).read_text().splitlines() if line.startswith(name))


def listener_pid(terminal: Terminal) -> str:
    assert terminal._listener is not None
    return terminal._listener.client


def events(recorded: Recording) -> list[Any]:
    header, *lines = recorded.cast().splitlines()
    assert json.loads(header)["version"] == 2
    return [json.loads(line) for line in lines]


def shown(recorded: Recording) -> str:
    return "".join(text for _, code, text in events(recorded) if code == "o")


def marks(recorded: Recording) -> list[str]:
    return [text for _, code, text in events(recorded) if code == "m"]


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.01)


def test_a_header_and_events_in_the_order_of_their_times(recorded: Recording) -> None:
    recorded.typed("ls\n")
    recorded.shown("é\x1b[0m\r\n")
    lines = [json.loads(line) for line in recorded.cast(turns_at_s=[0.0, 99.5]).splitlines()]
    header = lines[0]
    assert (header["version"], header["width"], header["height"], header["title"]) == (2, 160, 40, "a task")
    assert abs(header["timestamp"] - time.time()) < 100
    assert [line[1:] for line in lines[1:]] == [["m", "turn 0"], ["i", "ls\n"], ["o", "é\x1b[0m\r\n"], ["m", "turn 1"]]
    assert lines[-1][0] == 99.5
    assert [line[0] for line in lines[1:]] == sorted(line[0] for line in lines[1:])


def test_output_that_comes_together_is_one_event(recorded: Recording) -> None:
    recorded.shown("first ")
    recorded.shown("second")
    time.sleep(2 * recording.FRAME_S)
    recorded.shown("third")
    recorded.typed("x")
    recorded.shown("fourth")
    assert [text for _, _, text in events(recorded)] == ["first second", "third", "x", "fourth"]


def test_a_recording_has_a_limit_and_says_so(recorded: Recording) -> None:
    for number in range(30):
        recorded.shown("\x1b" * 20_000)
        recorded.typed(f"{number}")
    assert recorded.full
    assert len(recorded.cast()) < recording.LIMIT + 1_000
    assert "the recording ends here" in marks(recorded)[-1]
    assert events(recorded)[-1][1] == "m"


@given(st.binary())
def test_notifications_are_unescaped_to_the_byte(output: bytes) -> None:
    escaped = b"".join(b"\\%03o" % byte if byte < 32 or byte == ord("\\") else bytes((byte,)) for byte in output)
    assert tmux.unescaped(escaped) == output


def test_a_recording_played_into_another_terminal_shows_the_same_screen(
    sandbox: HostSandbox, terminal: Terminal, recorded: Recording, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("".join(f"{number}\twide 日本 🚀 é\n" for number in range(300)))
    for keystrokes in (
        "echo before\n",
        r"printf '\033[31mred\033[0m\t|\033[5;60Hmoved\033[1;1H\n'" + "\n",
        "vi text\n",
        ":150\n",
        "ihello C-c\x1b",
        ":q!\n",
        "less text\n",
        "G",
        "q",
        "seq 1 100; ls --color=always /usr\n",
        "python3 -q\n",
        "'x' * 400\n",
        "exit()\n",
        "C-c",
        "echo 日本 🚀 $(seq -s' ' 1 100)\n",
    ):
        terminal.send(keystrokes)
        terminal.wait(5)
        terminal.capture()
    screen = terminal.capture().visible
    terminal.close()
    (tmp_path / "played").write_text(shown(recorded))
    with Terminal(sandbox) as player:
        player.send(r"stty -opost -echo; printf '\033c'; cat played; sleep 1000" + "\n")
        player.wait(1)
        until(lambda: player.capture().visible == screen)


def test_what_was_there_before_the_recording_is_its_first_frame(terminal: Terminal, recorded: Recording) -> None:
    prompt = terminal.capture().visible.rstrip()
    assert events(recorded)[0][2].startswith(prompt)


def test_keystrokes_are_recorded_as_given(terminal: Terminal, recorded: Recording) -> None:
    run(terminal, "sleep 100", 0.1)
    terminal.send("C-c\0")
    assert [text for _, code, text in events(recorded) if code == "i"] == ["sleep 100\n", "C-c"]


def test_output_while_nobody_looks_is_heard_when_it_comes(terminal: Terminal, recorded: Recording) -> None:
    terminal.send("sleep 0.5; seq -f 'line %g' 1 5000; sleep 0.5; echo the last\n")
    until(lambda: "\nthe last\r\n" in shown(recorded))
    assert "".join(f"line {number}\r\n" for number in range(1, 5_001)) in shown(recorded)
    lines, last = (
        next(at_s for at_s, code, text in events(recorded) if code == "o" and f"\n{word}\r\n" in f"\n{text}")
        for word in ("line 5000", "the last")
    )
    assert last - lines >= 0.4


def test_a_flood_ends_the_recording_and_its_flow_but_nothing_else(terminal: Terminal, recorded: Recording) -> None:
    terminal.send("yes\n")
    terminal.wait(0.2)
    until(lambda: recorded.full)
    time.sleep(0.5)
    before = written(terminal)
    time.sleep(0.5)
    assert written(terminal) - before < 10_000
    assert most_memory_kb(terminal) < 100_000
    terminal.check()
    terminal.send("C-c")
    terminal.wait(10)
    assert "after\n" in run(terminal, "clear; echo after")
    assert "the recording ends here" in marks(recorded)[-1]


def test_dropped_output_is_said_to_be_missing(terminal: Terminal, recorded: Recording) -> None:
    """As tmux does when this process has not read for a second."""
    meddle(terminal, "refresh-client", "-t", f"client-{listener_pid(terminal)}", "-A", "%0:pause")
    until(lambda: marks(recorded))
    run(terminal, "echo after")
    terminal.close()
    assert "missing" in marks(recorded)[0]
    assert "\rafter\r\n" in shown(recorded)


def test_a_listener_that_does_not_read_holds_nothing_up_and_is_dropped_from(
    sandbox: HostSandbox, terminal: Terminal, tmp_path: Path
) -> None:
    server = terminal._server
    with sandbox.open_channel(tmux.listen_command(server.pid, server.socket_path)) as unread:
        terminal.send("timeout 3 base64 -w 150 /dev/urandom; echo $? > ended\n")
        until(lambda: (tmp_path / "ended").exists())
        unread.settimeout(20)
        with unread.makefile("rb") as lines:
            assert next(line for line in lines if line.startswith(b"%pause")) == b"%pause %0\n"


def test_a_killed_listener_ends_the_recording_and_not_the_trial(terminal: Terminal, recorded: Recording) -> None:
    subprocess.run(["kill", "-9", listener_pid(terminal)], check=True)
    until(lambda: marks(recorded))
    assert "after\n" in run(terminal, "echo after")
    terminal.check()
    assert marks(recorded) == ["the recording ends here: its tmux client has ended"]
    assert "after" not in shown(recorded)


def test_nothing_is_left_after_close(terminal: Terminal) -> None:
    terminal.close()
    terminal.close()
    assert not any(thread.name == "termforge-listener" for thread in threading.enumerate())


def test_the_end_of_the_last_shell_ends_the_recording(terminal: Terminal, recorded: Recording) -> None:
    run(terminal, "echo before")
    until(lambda: "\rbefore\r\n" in shown(recorded))
    terminal.send("exit\n")
    until(lambda: marks(recorded) == ["the recording ends here: its tmux client has ended"])


@pytest.mark.parametrize(
    "attack",
    [
        ("set-option", "-s", "command-alias[99]", "capture-pane=display-message -p faked"),
        ("set-hook", "-g", "after-send-keys", "display-message -p hooked"),
        ("new-session", "-d"),
    ],
    ids=" ".join,
)
def test_meddling_is_noticed_beside_a_recording(terminal: Terminal, attack: tuple[str, ...]) -> None:
    terminal.check()
    meddle(terminal, *attack)
    with pytest.raises(TerminalTampered):
        terminal.check()


def test_a_foreign_client_is_noticed_beside_a_recording(terminal: Terminal, sandbox: HostSandbox) -> None:
    server = terminal._server
    with sandbox.open_channel(tmux.attach_command(server.pid, server.socket_path)) as intruder:
        assert intruder.recv(1)
        with pytest.raises(TerminalTampered, match="client"):
            until(terminal.check)


def test_a_lost_channel_is_attached_again_and_the_recording_goes_on(
    terminal: Terminal, sandbox: HostSandbox, recorded: Recording
) -> None:
    sandbox.cut()
    assert "after\n" in run(terminal, "echo after")
    terminal.check()
    terminal.close()
    assert "\rafter\r\n" in shown(recorded)
    assert marks(recorded) == []


def test_without_a_recording_tmux_has_one_client(sandbox: HostSandbox) -> None:
    with Terminal(sandbox) as terminal:
        assert clients(terminal) == [terminal._server.client]
