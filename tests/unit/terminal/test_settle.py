"""Settle waits: the table on a real tmux, and the rule behind it on made-up looks."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.terminal import Terminal
from termforge.terminal.processes import Look
from termforge.terminal.settle import LONG_S, SHORT_S, Settle
from tests.host_sandbox import HostSandbox

SLACK_S = 5.0
"""Beyond the end of the work, for machines that do other things at the same time."""

# keystrokes, upper bound, seconds the work takes (None: all of the bound), what the screen then ends with
TABLE: list[tuple[str, float, float | None, str]] = [
    ("echo plain\n", 10, 0, "plain\n$"),
    ("sleep 0.6 && echo after\n", 10, 0.6, "after\n$"),
    ("(sleep 0.6; echo subshell)\n", 10, 0.6, "subshell\n$"),
    ("for i in 1 2 3; do sleep .2; done; echo loop\n", 10, 0.6, "loop\n$"),
    ("echo $(sleep 0.6; echo substituted)\n", 10, 0.6, "substituted\n$"),
    ("printf 'sleep 0.6\\necho scripted\\n' > script; . ./script\n", 10, 0.6, "scripted\n$"),
    ("source ./script\n", 10, 0.6, "scripted\n$"),
    ("sleep 0.3\nsleep 0.3\necho ahead\n", 10, 0.6, "ahead\n$"),
    ("sleep 0.6 & wait; echo waited\n", 10, 0.6, "waited\n$"),
    ("sleep 0.6 | cat; seq 100000 | sort -n | tail -1\n", 10, 0.6, "100000\n$"),
    ("f() { sleep 0.3; sleep 0.3; }; f; echo function\n", 10, 0.6, "function\n$"),
    ("time sleep 0.6\n", 10, 0.6, "s\n$"),
    ("PS1='nested> ' bash --norc\n", 10, 0, "\nnested>"),
    ("sleep 0.6; echo inner\n", 10, 0.6, "inner\nnested>"),
    ("exit\n", 10, 0, "exit\n$"),
    ("PS1='replaced> ' exec bash --norc\n", 10, 0, "\nreplaced>"),
    ("PS1='$ '\n", 10, 0, "\n$"),
    ("echo 'unterminated\n", 10, 0, "\n>"),
    ("C-c", 10, 0, "^C\n$"),
    ("cat <<EOT\nline\n", 10, 0, "> line\n>"),
    ("EOT\n", 10, 0, "line\n$"),
    ("python3 -q\n", 10, 0, ">>>"),
    ("import time; time.sleep(0.6); 6 * 7\n", 10, 0.6, "42\n>>>"),
    ("sum(range(20_000_000))\n", 20, 0, "199999990000000\n>>>"),
    ("exit()\n", 10, 0, "$"),
    ("seq 1000 > lines; less lines\n", 10, 0, "lines"),
    ("G", 10, 0, "(END)"),
    ("q", 10, 0, "$"),
    ("vi -u NONE lines\n", 10, 0, ""),
    (":q!\n", 10, 0, "$"),
    ("(sleep 0.6; echo background) &\n", 10, 0, "$"),
    ("", 10, None, ""),
    ("clear; cat\n", 10, 0, ""),
    ("C-c", 10, 0, "^C\n$"),
    ("read x\n", 10, 0, "read x"),
    ("value\n", 10, 0, "value\n$"),
    ("read -s -p 'Password: ' x\n", 10, 0, "Password:"),
    ("secret\n", 10, 0, "$"),
    ("python3 -c 'import getpass; getpass.getpass()'\n", 10, 0, "Password:"),
    ("secret\n", 10, 0, "$"),
    ("sleep 100\n", 0.7, None, "sleep 100"),
    ("C-c", 10, 0, "^C\n$"),
    ("sleep 100 | less\n", 0.7, None, ""),
    ("C-c", 10, 0, "(END)"),
    ("q", 10, 0, "$"),
    ("yes\n", 0.7, None, "y\ny"),
    ("C-c", 10, 0, "^C\n$"),
]


@pytest.fixture(params=[True, False], ids=["from the host", "from inside"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    sandbox = HostSandbox(tmp_path, shows_processes=request.param)
    with Terminal(sandbox) as terminal:
        terminal.send("set +m; set -m; export PS1='$ ' LESS= ; clear\n")
        terminal.wait(5)
        yield terminal
    sandbox.close()


@pytest.mark.timeout(200)
def test_waits_end_when_the_work_ends_and_never_before(terminal: Terminal) -> None:
    problems = []
    for keystrokes, bound, work, ending in TABLE:
        terminal.send(keystrokes)
        waited = terminal.wait(bound)
        # Before the screen is read: what has not come by now was waited for too briefly.
        last = terminal.capture().visible.rstrip()
        if keystrokes == "":
            early, late = waited < 0.05, waited > 0.6 + SLACK_S
        elif work is None:
            early, late = waited < bound - 0.1, waited > bound + SLACK_S
        else:
            early, late = waited < work, waited > work + SLACK_S
        if early or late or not last.endswith(ending):
            problems.append((keystrokes, round(waited, 2), last[-80:]))
    assert not problems, "\n".join(map(str, problems))


def test_waiting_without_typing_gives_background_jobs_their_time(terminal: Terminal) -> None:
    terminal.send("(sleep 1; echo late) &\n")
    assert terminal.wait(10) < 0.9
    terminal.send("")
    assert 0.3 < terminal.wait(10) < 5
    assert "late\n" in terminal.capture().visible


def test_full_waits_always_last(tmp_path: Path) -> None:
    sandbox = HostSandbox(tmp_path)
    with Terminal(sandbox, wait_mode="full") as terminal:
        start = time.monotonic()
        terminal.send("echo x\n")
        terminal.wait(0.5)
        assert 0.5 <= time.monotonic() - start < 1.5
        assert terminal.wait(-1) < 0.1
        assert terminal.wait(float("nan")) < 0.1
    sandbox.close()


def test_a_wait_ends_when_the_terminal_does(terminal: Terminal) -> None:
    terminal.send("exit\n")
    assert terminal.wait(20) < 5


PROMPT = Look("prompt", 1, "7:1:0")
AFTER = Look("prompt", 2, "7:2:0")


def test_an_idle_prompt_ends_a_wait_after_a_short_moment() -> None:
    settle = Settle(PROMPT, 0.0)
    assert not settle.ended(AFTER, 1.0)
    assert not settle.ended(AFTER, 1.0 + SHORT_S - 0.001)
    assert settle.ended(AFTER, 1.0 + SHORT_S)


def test_keys_that_nobody_took_are_waited_for_longer() -> None:
    untaken = PROMPT._replace(output=2)
    settle = Settle(PROMPT, 0.0)
    settle.ended(untaken, 0.0)
    assert not settle.ended(untaken, LONG_S - 0.001)
    assert settle.ended(untaken, LONG_S)


@pytest.mark.parametrize("state", ["reading", "background"])
def test_other_programs_and_jobs_get_a_longer_moment(state: str) -> None:
    look = AFTER._replace(state=state)
    settle = Settle(PROMPT, 0.0)
    settle.ended(look, 0.0)
    assert not settle.ended(look, LONG_S - 0.001)
    assert settle.ended(look, LONG_S)


@pytest.mark.parametrize("state", ["reading", "background", "busy"])
def test_only_time_ends_a_wait_for_something_that_runs(state: str) -> None:
    settle = Settle(None, 0.0)
    assert not settle.ended(AFTER._replace(state=state), 0.0)
    assert not settle.ended(AFTER._replace(state=state), 1e6)


@given(st.lists(st.sampled_from(["prompt", "reading", "background", "busy"]), max_size=30), st.floats(0.001, 0.2))
def test_no_wait_ends_while_something_moves(states: list[str], step: float) -> None:
    settle = Settle(PROMPT, 0.0)
    for number, state in enumerate(states):
        assert not settle.ended(Look(state, number, str(number)), number * step)


@given(st.floats(0, 100))
def test_nothing_ends_a_busy_wait_but_the_end_of_the_terminal(now: float) -> None:
    settle = Settle(PROMPT, 0.0)
    settle.ended(AFTER._replace(state="busy"), 0.0)
    assert not settle.ended(AFTER._replace(state="busy"), now)
    assert settle.ended(Look("gone", 0, ""), now)
