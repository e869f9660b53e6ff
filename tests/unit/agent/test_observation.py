"""Observations: recorded sessions of Terminus 2 on a real tmux, our own small one, the rules on made-up screens."""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.agent.observation import LIMIT_BYTES, Observer, Screen, limit
from termforge.errors import TerminalClosed
from termforge.terminal import Terminal
from tests.host_sandbox import HostSandbox

GOLDEN = Path(__file__).parents[2] / "golden/observations.json"
MARKER = re.compile(r"\n\[\.\.\. output limited to 10000 bytes; (\d+) interior bytes omitted \.\.\.\]\n")
CALM_S = 0.15
"""After each recorded duration the screen must not change for this long: a loaded machine is slower than the recorded
one. Only one step needs its real time."""
RECORDER = """#!/bin/bash
bash
echo 'asciinema: recording finished'
echo 'asciinema: asciicast saved to /app/rec-rec.cast'
"""

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture
def vm(tmp_path: Path) -> Iterator[HostSandbox]:
    """The recording machine: host `vm`, root, /app, a recorder."""
    (tmp_path / "app").mkdir()
    recorder = tmp_path / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    sandbox = HostSandbox(tmp_path / "app", vm=True, files=[recorder])
    yield sandbox
    sandbox.close()


def observed(terminal: Terminal, steps: list[dict[str, Any]]) -> Iterator[str]:
    """The limited observation of each step, in terminus2 mode, below a recorder."""
    terminal.send("/opt/recorder\n")
    terminal.wait(1.0)
    terminal.send("clear\n")
    terminal.wait(0.5)
    observer = Observer("terminus2")
    for number, step in enumerate(steps):
        for key in step["keys"]:
            terminal.send(as_recorded(key["keystrokes"]))
            terminal.wait(key["duration"])
            if step["case"] not in ("sleep_short_wait", "unfinished"):
                calm(terminal)
        screen = terminal.capture()
        yield limit(observer.next(screen) if number else observer.first(screen))


def calm(terminal: Terminal) -> None:
    before, now = None, terminal.capture()
    until = time.monotonic() + 10
    while now != before and time.monotonic() < until:
        time.sleep(CALM_S)
        before, now = now, terminal.capture()


def as_recorded(keystrokes: str) -> str:
    """The recorded tmux lost a last `;`, which this terminal types."""
    return keystrokes[:-1] if keystrokes.endswith(";") else keystrokes


ECHOES = [
    # While a here-document is typed the kernel echoes a few characters between two lines of the shell's editor, now
    # here, now there, in the recording too; that moves the cut.
    [r"w+", "w"],
    [r"(?m)^[> w]*w[> w]*$", "> w"],
    [r"(?m)(^> w\n)+", "> w\n"],
    [r"\n[> w]*\n\[\.\.\. output limited to 10000 bytes; \d+ .*\]\n[> w]*\n", "\n<cut>\n"],
]


def masked(text: str, masks: list[list[str]] | None) -> str:
    for pattern, replacement in masks or []:
        text = re.sub(pattern, replacement, text)
    return text


def replay(vm: HostSandbox, session: dict[str, Any], also: dict[str, str]) -> list[str]:
    """Ids of the steps that differ from the recording."""
    steps, different = session["steps"], []
    with Terminal(vm, wait_mode="full", observation_mode="terminus2") as terminal:
        observations = observed(terminal, steps if session["after"]["session_alive"] else steps[:-1])
        for step, observation in zip(steps, observations, strict=False):
            expected = also.get(step["id"], step["observation"])
            masks = ECHOES if step["case"] in ("big_single_15k", "paste_20k_heredoc") else step.get("mask")
            if expected is not None and masked(observation, masks) != masked(expected, masks):
                different.append(step["id"])
        if not session["after"]["session_alive"]:
            terminal.send(steps[-1]["keys"][0]["keystrokes"])
            terminal.wait(1.0)
            with pytest.raises(TerminalClosed):
                terminal.capture()
    return different


@needs_bubblewrap
@pytest.mark.parametrize("session", ["A", "B"])
def test_recorded_terminus_sessions_are_repeated_to_the_byte(
    shared: Path | None, vm: HostSandbox, session: str
) -> None:
    if shared is None:
        pytest.skip("no recordings here; the next test uses our own")
    folder = shared / "fixtures/terminus"
    recorded = json.loads((folder / "observation_vectors.json").read_text())["sessions"]
    also = json.loads((folder / "truncation_vectors.json").read_text())["observations"]
    chosen = next(entry for entry in recorded if entry["id"] == session)
    different = replay(vm, chosen, {entry["id"]: entry["observation"] for entry in also})
    assert not different, f"steps {different} differ"


@needs_bubblewrap
def test_our_own_session_is_repeated_to_the_byte(vm: HostSandbox) -> None:
    different = replay(vm, json.loads(GOLDEN.read_text())["session"], {})
    assert not different, f"steps {different} differ"


def test_the_limit_agrees_with_recorded_counts(shared: Path | None) -> None:
    vectors = json.loads(GOLDEN.read_text())["limit"]
    if shared is not None:
        vectors += json.loads((shared / "fixtures/terminus/truncation_vectors.json").read_text())["limit"]
    for vector in vectors:
        text = "".join(part["text"] * part["times"] for part in vector["input"])
        for name, result in (("once", limit(text)), ("twice", limit(limit(text)))):
            data = result.encode()
            found = [int(count) for count in MARKER.findall(result)]
            got = (len(data), hashlib.sha256(data).hexdigest(), found)
            assert got == tuple(vector[name][key] for key in ("bytes", "sha256", "omitted")), (vector["id"], name)


@given(st.text(max_size=4), st.integers(2000, 9000), st.text(max_size=50))
def test_the_limit_accounts_for_every_byte(unit: str, times: int, rest: str) -> None:
    text = unit * times + rest
    result = limit(text)
    size = len(text.encode())
    if size <= LIMIT_BYTES:
        assert result == text
        return
    head, omitted, tail = MARKER.split(result)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head.encode()) + int(omitted) + len(tail.encode()) == size


def rows(*lines: str, height: int = 6) -> str:
    return "".join(line + "\n" for line in (*lines, *[""] * (height - len(lines))))


def clean(*screens: Screen) -> list[str]:
    observer = Observer("clean")
    return [observer.first(screens[0]), *(observer.next(screen) for screen in screens[1:])]


def test_clean_shows_the_screen_first_without_its_empty_rows() -> None:
    assert clean(Screen(rows("old", "$"), rows("$"))) == ["Current Terminal Screen:\n$\n"]


def test_clean_shows_a_command_from_its_prompt_on() -> None:
    before, after = rows("$ a", "1", "$"), rows("$ a", "1", "$ b", "2", "$")
    assert clean(Screen(before, before), Screen(after, after))[1] == "New Terminal Output:\n$ b\n2\n$\n"


def test_clean_shows_output_that_left_the_screen() -> None:
    full = "$ seq\n" + "".join(f"{number}\n" for number in range(3000)) + "$\n"
    visible = "".join(full.splitlines(keepends=True)[-6:])
    assert clean(Screen(rows("$"), rows("$")), Screen(full, visible))[1] == "New Terminal Output:\n" + full


def test_clean_says_plainly_when_nothing_is_new() -> None:
    screen = Screen(rows("$ sleep 9"), rows("$ sleep 9"))
    assert clean(screen, screen)[1] == "No new terminal output. The last line is still:\n$ sleep 9\n"
    empty = Screen(rows(), rows())
    assert clean(empty, empty)[1] == "No new terminal output. The screen is empty.\n"


def test_clean_tells_repeated_lines_apart() -> None:
    before = rows("y", "y", "y", height=3)
    after = Screen("y\n" * 5, before)
    assert clean(Screen(before, before), after)[1] == "New Terminal Output:\ny\ny\n"


def test_clean_shows_a_redrawn_screen_whole() -> None:
    before, after = rows("$ a", "$ less x"), rows("line 1", "line 2", "(END)")
    assert clean(Screen(before, before), Screen(after, after))[1] == "Current Terminal Screen:\nline 1\nline 2\n(END)\n"


def test_clean_shows_a_screen_that_lost_its_end() -> None:
    before, after = rows("$ a", "progress"), rows("$ a")
    assert clean(Screen(before, before), Screen(after, after))[1] == "Current Terminal Screen:\n$ a\n"


def test_clean_says_when_output_was_too_much_to_keep() -> None:
    start, after = Screen(rows("$"), rows("$")), Screen("y\n" * 9, "y\n" * 6, lost=True)
    assert clean(start, after)[1].startswith("New Terminal Output (so much that its beginning is gone):\ny\n")


@given(st.lists(st.text("ab $", max_size=5).map(str.rstrip), max_size=30), st.integers(0, 30), st.integers(1, 8))
def test_clean_never_hides_a_line(lines: list[str], cut: int, height: int) -> None:
    """Lines that appear below what was seen are all shown, wherever the screen ends."""
    seen, new = [line or "x" for line in lines[:cut]], [line or "x" for line in lines[cut:]]
    visible = rows(*seen[-height:], height=height)
    gone = max(0, min(len(seen), height) + len(new) - height)
    everything = [*seen[-height:], *new]
    screen = Screen(rows(*everything, height=gone + height), rows(*everything[gone:], height=height))
    shown = clean(Screen(visible, visible), screen)[1]
    if new:
        assert shown == "New Terminal Output:\n" + "".join(line + "\n" for line in new)
    else:
        assert shown.startswith("No new terminal output.")
