"""The terminal in real sandboxes: what the stand-in of the unit tests cannot show."""

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from termforge.agent.observation import Observer
from termforge.errors import SandboxLost, TerminalClosed, TerminalTampered
from termforge.sandbox.protocol import Sandbox
from termforge.terminal import Terminal
from termforge.terminal.recording import Recording


@pytest.fixture
def terminal(sandbox: Sandbox) -> Iterator[Terminal]:
    with Terminal(sandbox) as terminal:
        yield terminal


def run(terminal: Terminal, command: str, seconds: float = 10) -> str:
    terminal.send(command + "\n")
    terminal.wait(seconds)
    return terminal.capture().full


def test_an_agent_finds_a_root_shell_in_app(terminal: Terminal) -> None:
    screen = run(terminal, "pwd; id -u; echo [$TMUX$TMUX_PANE] $TERM; stty size; shopt login_shell")
    assert "\n/app\n0\n[] tmux-256color\n40 160\nlogin_shell" in screen


def test_text_arrives_to_the_byte(terminal: Terminal, sandbox: Sandbox) -> None:
    body = "".join(f"{number} é 日本 🚀 \\ ' \" $HOME `x` ; #{'.' * (number % 40)}\n" for number in range(300))
    terminal.send(f"cat > /app/text <<'EOT'\n{body}EOT\n")
    terminal.wait(20)
    assert sandbox.run(("cat", "/app/text")).stdout.decode() == body


@pytest.mark.parametrize(
    ("keystrokes", "work"),
    [
        ("echo plain\n", 0.0),
        ("sleep 0.7 && echo after\n", 0.7),
        ("(sleep 0.7; echo subshell)\n", 0.7),
        ("for i in 1 2; do sleep .35; done; echo loop\n", 0.7),
        ("echo $(sleep 0.7; echo substituted)\n", 0.7),
        ("bash -c 'sleep 0.7; echo child'\n", 0.7),
    ],
)
def test_waits_end_when_the_work_ends(terminal: Terminal, keystrokes: str, work: float) -> None:
    terminal.send(keystrokes)
    waited = terminal.wait(20)
    assert work <= waited < work + 3
    assert re.search(r"\n(plain|after|subshell|loop|substituted|child)\n", terminal.capture().full)


def test_waits_for_running_work_last(terminal: Terminal) -> None:
    terminal.send("sleep 100\n")
    assert 0.6 <= terminal.wait(0.7) < 3
    terminal.send("C-c")
    assert terminal.wait(20) < 3


def test_programs_that_wait_for_input_end_a_wait(terminal: Terminal) -> None:
    for keystrokes, ending in [("python3 -q\n", ">>>"), ("6 * 7\n", "42\n>>>"), ("exit()\n", "#"), ("cat\n", "cat")]:
        terminal.send(keystrokes)
        assert terminal.wait(20) < 5
        assert terminal.capture().full.rstrip().endswith(ending)


def test_the_socket_survives_what_agents_clean(terminal: Terminal) -> None:
    assert "still\n" in run(terminal, "rm -rf /tmp/* /tmp/.[!.]* /var/tmp/*; echo still")
    terminal.check()


@pytest.mark.parametrize(
    "attack",
    [
        "set -s command-alias[99] 'capture-pane=display-message -p faked'",
        "set-hook -g after-send-keys 'display-message -p hooked'",
        "new-session -d",
    ],
)
def test_an_agent_that_finds_the_socket_is_noticed(terminal: Terminal, attack: str) -> None:
    """From inside, as a model would do it: the path stands in the list of processes."""
    find = "$(tr '\\0' '\\n' < /proc/$PPID/cmdline | sed -n '/^-S$/{n;p;q}')"
    terminal.send(f'tmux -S "{find}" {attack}\n')
    terminal.wait(10)
    with pytest.raises(TerminalTampered):
        terminal.capture()


def test_the_end_of_the_shell_is_told_from_the_end_of_the_sandbox(start: Callable[..., Sandbox]) -> None:
    sandbox = start()
    with Terminal(sandbox) as terminal:
        terminal.send("exit\n")
        terminal.wait(10)
        with pytest.raises(TerminalClosed):
            terminal.check()
        assert sandbox.run(("true",)).exit_code == 0
    other = start()
    with Terminal(other) as terminal:
        other.close()
        with pytest.raises(SandboxLost):
            terminal.check()


def test_a_killed_client_is_replaced(terminal: Terminal) -> None:
    terminal.send("kill -9 $(pgrep -f 'tmux -C' | head -1)\n")
    terminal.wait(5)
    assert "alive\n" in run(terminal, "echo alive")


def test_clean_observations_show_all_new_output(terminal: Terminal) -> None:
    observer = Observer("clean")
    observer.first(terminal.capture())
    terminal.send("seq 1 3000\n")
    terminal.wait(20)
    shown = observer.next(terminal.capture())
    assert shown.startswith("New Terminal Output:\n")
    assert "\n".join(str(number) for number in range(1, 3001)) in shown


def test_a_recording_holds_what_the_terminal_showed(sandbox: Sandbox) -> None:
    recording = Recording("a task")
    with Terminal(sandbox, recording=recording) as terminal:
        run(terminal, "printf '\\033[31m日本\\033[0m\\n'; seq 1 500")
        terminal.check()
    header, *events = map(json.loads, recording.cast(turns_at_s=[0.0]).splitlines())
    assert (header["width"], header["height"]) == (160, 40)
    assert events[0][1:] == ["m", "turn 0"]
    shown = "".join(text for _, code, text in events if code == "o")
    assert "\x1b[31m日本\x1b[0m\r\n" + "".join(f"{number}\r\n" for number in range(1, 501)) in shown


def test_a_turn_costs_milliseconds(terminal: Terminal) -> None:
    times = []
    for _ in range(200):
        start = time.perf_counter()
        terminal.send("x")
        terminal.send("C-u")
        terminal.capture()
        times.append(time.perf_counter() - start)
    median = sorted(times)[100]
    print(f"send, send, capture: median of 200 {1000 * median:.2f} ms; {type(terminal._watch).__name__}")
    assert median < 0.1
