"""The terminal on a real tmux of this machine: what is typed, what is seen, how it ends, who meddles."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from termforge.errors import SandboxLost, TerminalClosed, TerminalError, TerminalTampered
from termforge.terminal import Terminal, tmux
from tests.host_sandbox import HostSandbox
from tests.sandbox.watched import ended, wait_until

RAW_READER = """
import os, sys, tty
tty.setraw(0)
print("ready", flush=True)
with open(sys.argv[1], "wb", 0) as file:
    while True:
        file.write(os.read(0, 65536))
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[HostSandbox]:
    sandbox = HostSandbox(tmp_path)
    yield sandbox
    sandbox.close()


@pytest.fixture
def terminal(sandbox: HostSandbox) -> Iterator[Terminal]:
    with Terminal(sandbox) as terminal:
        terminal.send("PS1='$ '; clear\n")
        terminal.wait(5)
        terminal.capture()
        yield terminal


@pytest.fixture
def typed(terminal: Terminal, tmp_path: Path) -> Callable[[str], bytes]:
    """Type keystrokes at a program that takes every byte, and return the bytes that arrive."""
    file = tmp_path / "typed"
    (tmp_path / "reader.py").write_text(RAW_READER)
    terminal.send(f"{sys.executable} {tmp_path}/reader.py {file}\n")
    until = time.monotonic() + 20
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)

    def type_(keystrokes: str) -> bytes:
        start = file.stat().st_size
        terminal.send(keystrokes)
        terminal.send("\x1e")  # ends what was typed; no test types it
        until = time.monotonic() + 20
        while time.monotonic() < until:
            arrived = file.read_bytes()[start:]
            if arrived.endswith(b"\x1e"):
                return arrived[:-1]
            time.sleep(0.001)
        raise AssertionError(f"did not arrive: {arrived!r}")

    return type_


def run(terminal: Terminal, command: str, seconds: float = 10) -> str:
    """Rows on the screen after a command."""
    terminal.send(command + "\n")
    terminal.wait(seconds)
    return terminal.capture().visible


def tmux_of(terminal: Terminal) -> list[str]:
    """How an agent that has found the socket would call tmux."""
    return ["tmux", "-S", terminal._server.socket_path]


def meddle(terminal: Terminal, *arguments: str) -> None:
    subprocess.run([*tmux_of(terminal), *arguments], check=True, capture_output=True, timeout=20)


@pytest.mark.parametrize(
    ("keystrokes", "arrives"),
    [
        ("C-c", b"\x03"),
        ("c-c", b"\x03"),
        ("^C", b"\x03"),
        ("Enter", b"\r"),
        ("ENTER", b"\r"),
        ("Escape", b"\x1b"),
        ("Tab", b"\t"),
        ("BSpace", b"\x7f"),
        ("Space", b" "),
        ("C-Space", b"\0"),
        ("Up", b"\x1b[A"),
        ("DC", b"\x1b[3~"),
        ("M-x", b"\x1bx"),
        ("0x41", b"A"),
        ("C-c\n", b"C-c\n"),
        ("C-c C-c", b"C-c C-c"),
        ("a\nb\n", b"a\nb\n"),
        ("ls;", b"ls;"),
        (";", b";"),
        (";;", b";;"),
        (r"\;", rb"\;"),
        ("-l", b"-l"),
        ("--", b"--"),
        ("", b""),
        ("a#{pane_id} #(id) $HOME ~ ${x} %1 {a} 'b' \"c\" \\n", b"a#{pane_id} #(id) $HOME ~ ${x} %1 {a} 'b' \"c\" \\n"),
        ("a\\", b"a\\"),
    ],
)
def test_key_names_are_keys_and_all_else_is_text(
    typed: Callable[[str], bytes], keystrokes: str, arrives: bytes
) -> None:
    assert typed(keystrokes) == arrives


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1e"), max_size=200)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(text=TEXT)
def test_every_text_arrives_to_the_byte(typed: Callable[[str], bytes], text: str) -> None:
    # In front of it a character that no key name starts with.
    assert typed("§" + text) == ("§" + text).encode()


def test_every_character_arrives_to_the_byte(typed: Callable[[str], bytes]) -> None:
    for start in range(0, 0x110000, 0x4000):
        text = "".join(chr(code) for code in range(start, start + 0x4000) if code not in (0, 0x1E) and code >> 11 != 27)
        assert typed(text) == text.encode(), hex(start)


@pytest.mark.parametrize("size", [15_000, 16_000, 300_000])
def test_newlines_stay_newlines_at_every_length(typed: Callable[[str], bytes], size: int) -> None:
    text = ("x" * 49 + "\n") * (size // 50)
    assert typed(text) == text.encode()


def test_a_piece_of_a_long_text_is_not_taken_for_a_key(typed: Callable[[str], bytes]) -> None:
    text = "x" * tmux.PIECE + "Enter"
    assert typed(text) == text.encode()


def test_what_no_terminal_carries_is_left_out_and_noted(terminal: Terminal, typed: Callable[[str], bytes]) -> None:
    assert terminal.send("x") == ""
    assert "2 characters were not typed" in terminal.send("\0\ud800")
    assert typed("a\0b\udfffc").endswith(b"abc")


@pytest.mark.parametrize("first", ["", "sleep 0.3\n"])
def test_a_long_here_document_arrives_whole_and_leaves_a_prompt(terminal: Terminal, tmp_path: Path, first: str) -> None:
    body = "".join(f"line {number} {'.' * (number % 90)}\n" for number in range(1900))
    assert len(body) > 100_000
    terminal.send(f"{first}cat > document <<'EOT'\n{body}EOT\n")
    assert terminal.wait(15) < 15
    assert (tmp_path / "document").read_text() == body
    assert terminal.capture().visible.rstrip().endswith("> EOT\n$")


def test_the_pane_is_what_an_agent_expects(terminal: Terminal) -> None:
    screen = run(terminal, "stty size; echo [$TMUX$TMUX_PANE] $TERM $LANG; shopt login_shell; tput cols")
    assert "\n40 160\n[] tmux-256color C.UTF-8\nlogin_shell" in screen
    assert "\n160\n" in screen
    assert len(screen.split("\n")) == 41


def test_the_socket_is_in_a_folder_of_its_own_outside_tmp(terminal: Terminal) -> None:
    folder = Path(terminal._server.socket_path).parent
    assert not folder.is_relative_to("/tmp")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert re.fullmatch("[0-9a-f]{16}", folder.name)


def test_a_deleted_socket_disturbs_nothing(terminal: Terminal) -> None:
    Path(terminal._server.socket_path).unlink()
    assert "still\n" in run(terminal, "echo still")


def test_clean_history_is_what_came_since_the_last_capture(terminal: Terminal) -> None:
    run(terminal, "echo earlier")
    terminal.send("seq 1 30000\n")
    terminal.wait(20)
    full = terminal.capture().full
    assert "\n".join(str(number) for number in range(1, 30_001)) in full
    assert terminal.capture().full.count("\n") == 40


def test_terminus_history_is_kept_up_to_two_thousand_lines(sandbox: HostSandbox) -> None:
    with Terminal(sandbox, observation_mode="terminus2") as terminal:
        run(terminal, "seq 1 1500")
        assert terminal.capture().full.count("\n") > 1500
        run(terminal, "seq 1 9000")
        assert 1840 <= terminal.capture().full.count("\n") <= 2040


def test_lost_output_is_said_to_be_lost(sandbox: HostSandbox) -> None:
    with Terminal(sandbox, history_limit=500) as terminal:
        run(terminal, "clear")
        terminal.send("seq 1 300\n")
        terminal.wait(5)
        assert not terminal.capture().lost
        terminal.send("seq 1 3000\n")
        terminal.wait(5)
        assert terminal.capture().lost


def test_a_flood_fills_neither_memory(terminal: Terminal) -> None:
    terminal.send("yes\n")
    terminal.wait(2)
    start = time.monotonic()
    assert terminal.capture().full.count("\n") <= 50_040
    assert time.monotonic() - start < 5
    resident = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{terminal._server.pid}/status").read_text())[1])  # type: ignore[index]
    assert resident < 200_000
    assert terminal._tmux.buffer == ""
    terminal.send("C-c")
    terminal.wait(10)
    assert terminal.capture().visible.rstrip().endswith("^C\n$")


@pytest.mark.parametrize("line", ["%end 1 2 1", "%exit", "%begin 1 1 1", "%error 1 2 1", "%output %0 x"])
def test_a_screen_that_looks_like_a_reply_is_only_a_screen(terminal: Terminal, line: str) -> None:
    assert f"\n{line}\nlast\n" in run(terminal, f"echo '{line}'; echo last")


def test_guessed_replies_do_not_end_a_capture(terminal: Terminal, tmp_path: Path) -> None:
    """A program that knows time and numbers prints every reply that the next captures could have."""
    lines = [f"%end {int(time.time()) + second} {number} 1" for second in range(4) for number in range(300, 700)]
    (tmp_path / "replies").write_text("".join(line + "\n" for line in lines))
    terminal.send("cat replies\n")
    terminal.wait(5)
    assert "\n".join(lines) in terminal.capture().full
    assert "after\n" in run(terminal, "echo after")


@pytest.mark.parametrize(
    "attack",
    [
        ("set-option", "-s", "command-alias[99]", "capture-pane=display-message -p faked"),
        ("set-option", "-s", "command-alias[99]", "send-keys=display-message -p faked"),
        ("set-option", "-s", "command-alias[99]", "unrelated=display-message"),
        ("set-option", "-su", "command-alias[0]"),
        ("set-hook", "-g", "after-send-keys", "display-message -p hooked"),
        ("set-hook", "-g", "after-capture-pane", "display-message -p hooked"),
        ("set-hook", "-g", "client-attached", "kill-server"),
        ("set-hook", "-gw", "pane-exited", "respawn-pane"),
        ("set-hook", "after-show-options", "set-option -s @x y"),
        ("set-option", "-g", "default-command", "cat"),
        ("set-option", "-gw", "remain-on-exit", "on"),
        ("set-option", "-p", "remain-on-exit", "on"),
        ("set-option", "-g", "status", "on"),
        ("set-option", "-s", "@termforge", "1"),
        ("resize-window", "-x", "80", "-y", "24"),
        ("new-window", "-d"),
        ("new-session", "-d"),
        ("split-window", "-d"),
        ("copy-mode",),
        ("pipe-pane", "cat > /dev/null"),
        ("select-pane", "-d"),
    ],
    ids=" ".join,
)
def test_meddling_with_the_terminal_is_noticed(terminal: Terminal, attack: tuple[str, ...]) -> None:
    terminal.check()
    meddle(terminal, *attack)
    with pytest.raises(TerminalTampered):
        terminal.check()
    with pytest.raises(TerminalTampered):
        terminal.capture()


def test_every_spelling_of_a_command_may_be_an_alias(terminal: Terminal) -> None:
    """Even an agent that knows all names we use cannot answer for tmux unseen."""
    names = [name for names in tmux.SPELLINGS.values() for name in names]
    orders = [
        ("set-option", "-s", f"command-alias[{number}]", f"{name}=display-message -p faked", ";")
        for number, name in enumerate(names, start=100)
    ]
    meddle(terminal, *(word for order in orders for word in order))
    terminal._tmux.timeout = 0.5
    with pytest.raises(TerminalTampered):
        terminal.capture()


def test_a_hook_is_noticed_while_typing(terminal: Terminal) -> None:
    meddle(terminal, "set-hook", "-g", "after-send-keys", "display-message -p hooked")
    with pytest.raises(TerminalTampered, match="not asked for"):
        terminal.send("x")


def test_replies_follow_each_other_without_a_gap() -> None:
    reply = "%begin 7 10 1\na\n%end 7 10 1\n%window-renamed @0 x\n%begin 7 {} 1\nb\n%end 7 {} 1\n"
    whole = tmux.Reader(reply.format(11, 11))
    assert [whole.block(), whole.block()] == [["a"], ["b"]]
    whole.finish()
    gap = tmux.Reader(reply.format(12, 12))
    gap.block()
    with pytest.raises(TerminalTampered):
        gap.block()


def test_more_replies_than_commands_are_noticed() -> None:
    reader = tmux.Reader("%begin 7 10 1\na\n%end 7 10 1\n%begin 7 11 1\nb\n%end 7 11 1\n")
    reader.block()
    with pytest.raises(TerminalTampered):
        reader.finish()


def test_a_foreign_client_is_noticed(terminal: Terminal) -> None:
    intruder = subprocess.Popen(
        [*tmux_of(terminal), "-C", "attach"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert intruder.stdout is not None
        assert intruder.stdout.readline()
        with pytest.raises(TerminalTampered, match="client"):
            terminal.check()
    finally:
        intruder.kill()
        intruder.communicate()


def test_what_programs_print_is_not_meddling(terminal: Terminal) -> None:
    sequences = r"\033]2;title\007\033kname\033\\\033]52;c;eA==\007\033[8;24;80t\033[?1000h\033[?2004h\033]0;x\007\033c"
    terminal.send(f"printf '{sequences}'; reset\n")
    terminal.wait(5)
    terminal.check()
    assert "fine\n" in run(terminal, "echo fine")


def test_the_end_of_the_last_shell_closes_the_terminal(terminal: Terminal) -> None:
    terminal.send("exit\n")
    terminal.wait(5)
    for look in (terminal.check, terminal.capture, lambda: terminal.send("echo x\n")):
        with pytest.raises(TerminalClosed):
            look()


def test_a_look_in_the_moment_in_which_the_shell_exits_is_no_meddling(tmp_path: Path) -> None:
    for place in range(20):
        sandbox = HostSandbox(tmp_path)
        with Terminal(sandbox) as terminal:
            look = (terminal.check, terminal.capture, lambda: terminal.send("x"))[place % 3]
            terminal.send("exit\n")
            with pytest.raises(TerminalClosed):
                all(look() != "ended" for _ in range(100_000))
        sandbox.close()


def test_closing_does_not_wait_for_a_stream_without_end(sandbox: HostSandbox) -> None:
    terminal = Terminal(sandbox)
    terminal._stream.close()
    terminal._stream = sandbox.open_channel(["yes"])
    terminal.close()


def test_a_killed_tmux_closes_the_terminal(terminal: Terminal) -> None:
    os.kill(terminal._server.pid, signal.SIGKILL)
    with pytest.raises(TerminalClosed):
        terminal.check()


def test_a_lost_channel_is_attached_again_once(terminal: Terminal, sandbox: HostSandbox) -> None:
    run(terminal, "echo before")
    Path(terminal._server.socket_path).unlink()
    sandbox.cut()
    terminal.send("echo $((6 * 7))\n")
    terminal.wait(5)
    assert terminal.capture().visible.count("\n42\n") == 1
    terminal.check()
    sandbox._running[-1].kill()
    sandbox._running[-1].wait()
    with pytest.raises(TerminalTampered, match="twice"):
        terminal.check()


def test_a_lost_channel_does_not_type_twice(terminal: Terminal, sandbox: HostSandbox) -> None:
    """The keys were typed, only the answer was lost."""
    real = terminal._tmux.send

    def send_and_break(line: str) -> None:
        real(line)
        time.sleep(0.2)
        sandbox.cut()
        while terminal._stream.recv(65536):
            pass

    terminal._tmux.send = send_and_break
    terminal.send("x")
    assert terminal.capture().visible.rstrip().endswith("$ x")


def test_the_end_of_a_session_after_a_lost_channel_is_still_an_end(terminal: Terminal, sandbox: HostSandbox) -> None:
    sandbox.cut()
    terminal.check()
    terminal.send("exit\n")
    terminal.wait(5)
    with pytest.raises(TerminalClosed):
        terminal.check()


def test_a_lost_sandbox_is_not_the_agents_doing(terminal: Terminal, sandbox: HostSandbox) -> None:
    sandbox.close()
    with pytest.raises(SandboxLost):
        terminal.check()


def test_a_stopped_tmux_closes_the_terminal(terminal: Terminal) -> None:
    pid = terminal._server.pid
    terminal._tmux.timeout = 0.5
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TerminalClosed, match="stopped answering"):
            terminal.check()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_machine_without_tmux_says_so(sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for tool in ("sh", "env", "mkdir", "true"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerminalError, match="is it installed"):
        Terminal(sandbox)


def test_nothing_is_left_after_close(terminal: Terminal) -> None:
    pid = terminal._server.pid
    terminal.close()
    terminal.close()
    assert wait_until(lambda: ended(pid), 20)


def test_a_turn_costs_milliseconds(terminal: Terminal) -> None:
    times = []
    for _ in range(200):
        start = time.perf_counter()
        terminal.send("x")
        terminal.send("C-u")
        terminal.capture()
        times.append(time.perf_counter() - start)
    median = sorted(times)[100]
    print(f"send, send, capture: median of 200 {1000 * median:.2f} ms")
    assert median < 0.05
