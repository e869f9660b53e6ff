"""The loop on a real tmux; in terminus2 mode byte for byte against what the original told its model.

A scenario of our own runs where the recorded ones are not at hand.
"""

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from termforge.agent import template
from termforge.agent.loop import AgentConfig, Episode, run_episode
from termforge.errors import ContextExceeded, OutputTruncated
from termforge.sandbox.protocol import Finished
from termforge.schemas import Ending, Limits
from termforge.teacher import ChatMessage, Reply
from termforge.terminal import Terminal

pytestmark = pytest.mark.bubblewrap

CONFIG = AgentConfig(template="terminus2", observation_mode="terminus2", overflow="summarize")
ENVIRONMENT = (
    "HOME=/root",
    "LANG=C.UTF-8",
    "SHELL=/bin/bash",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
ENDINGS = {"exit_end": Ending.TERMINAL_CLOSED, "exit_midbatch": Ending.TERMINAL_CLOSED}


class Machine:
    """This machine's programs under the host name of the recordings, with an /app, /tmp and /root of its own.

    Stands in for a sandbox where that name counts; it isolates nothing else.
    """

    def __init__(self) -> None:
        read, write = os.pipe()
        argv = [
            "bwrap",
            "--unshare-user",
            "--unshare-pid",
            "--unshare-uts",
            "--uid",
            "0",
            "--gid",
            "0",
            "--hostname",
            "vm",
        ]
        argv += [part for folder in ("/usr", "/etc") for part in ("--ro-bind", folder, folder)]
        argv += [
            part for folder in ("bin", "sbin", "lib", "lib64") for part in ("--symlink", f"usr/{folder}", f"/{folder}")
        ]
        argv += [part for folder in ("/app", "/tmp", "/root", "/run") for part in ("--tmpfs", folder)]
        argv += ["--dev", "/dev", "--proc", "/proc", "--die-with-parent"]
        argv += ["--info-fd", str(write), "sh", "-c", "echo ready; exec sleep infinity"]
        self._keeper = subprocess.Popen(argv, pass_fds=[write], stdout=subprocess.PIPE)
        os.close(write)
        with os.fdopen(read) as info:
            self.init_pid: int | None = json.load(info)["child-pid"]
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"ready\n"  # its folders are mounted
        self._children: list[subprocess.Popen[bytes]] = []

    def open_channel(self, argv: Sequence[str]) -> socket.socket:
        near, far = socket.socketpair()
        with far:
            self._children.append(subprocess.Popen(self._inside(argv), stdin=far, stdout=far))
        return near

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0, output_limit: int = 4_000_000
    ) -> Finished:
        done = subprocess.run(self._inside(argv), input=stdin, capture_output=True, timeout=timeout_s)
        return Finished(done.returncode, done.stdout[:output_limit], done.stderr[:output_limit])

    def check(self) -> None:
        assert self._keeper.poll() is None

    def close(self) -> None:
        for process in (self._keeper, *self._children):
            process.kill()
            process.communicate()

    def _inside(self, argv: Sequence[str]) -> list[str]:
        namespaces = ["--user", "--mount", "--pid", "--uts"]
        enter = ["nsenter", "--target", str(self.init_pid), "--preserve-credentials", *namespaces]
        return [*enter, "env", "--ignore-environment", "--chdir=/app", *ENVIRONMENT, *argv]


class PatientTerminal(Terminal):
    """Gives slow machines the time that the recording machine did not need."""

    def wait(self, duration_s: float) -> float:
        return super().wait(3 * duration_s)


class RecordedTeacher:
    model = "test/recorded"
    context_tokens = 1_000_000

    def __init__(self, replies: Sequence[dict[str, str]]) -> None:
        self.sampling = {"max_output_tokens": 4096}
        self.calls: list[list[ChatMessage]] = []
        self._replies = iter(replies)

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) for message in messages) // 4

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        self.calls.append(list(messages))
        reply = next(self._replies)
        if reply.get("raise") == "OutputLengthExceeded":
            raise OutputTruncated("cut", reply["truncated_response"])
        if reply.get("raise") == "ContextLengthExceeded":
            raise ContextExceeded("too long")
        return Reply(content=reply["content"])


@pytest.fixture
def machine(harbor_state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr("termforge.agent.template.default_state", lambda: harbor_state)
    with contextlib.closing(Machine()) as machine:
        yield machine


def test_recorded_episodes_are_told_to_the_model_byte_for_byte(shared: Path | None, machine: Machine) -> None:
    if shared is None:
        pytest.skip("no recorded transcripts beside this checkout; the scenario of our own below runs everywhere")
    scenarios = json.loads((shared / "fixtures/terminus/loop_transcripts.json").read_text())["scenarios"]
    assert len(scenarios) == 6
    for scenario in scenarios:
        compare(scenario, machine)


def test_an_episode_of_our_own_is_told_to_the_model_byte_for_byte(machine: Machine) -> None:
    compare(OWN, machine)


def test_in_clean_mode_each_message_shows_what_is_new_and_ends_with_the_work(machine: Machine) -> None:
    work = '{"analysis":"","plan":"","commands":[{"keystrokes":"seq 3000; sleep 0.6; echo over\\n","duration":30}]}'
    look = '{"analysis":"","plan":"","commands":[]}'
    with Terminal(machine) as terminal:  # type: ignore[arg-type]
        teacher = RecordedTeacher([{"content": work}, {"content": look}, {"content": look}])
        episode = run_episode("Count.", terminal, teacher, AgentConfig(), Limits(max_turns=3))
    assert episode.ending is Ending.TURN_LIMIT
    counted, unchanged = (turn.prompt for turn in episode.turns[1:])
    assert "3000\nover\nroot@vm:/app#\n" in counted
    assert "interior bytes omitted" in counted
    assert unchanged == "No new terminal output. The last line is still:\nroot@vm:/app#\n"
    assert 0.6 < episode.turns[0].waited_s < 10


def compare(scenario: dict[str, Any], machine: Machine) -> None:
    teacher = RecordedTeacher(scenario["replies"])
    episode = play(scenario, machine, teacher)
    told = [call[-1].content for call in teacher.calls]
    recorded = [call["message"] for call in scenario["calls"]]
    assert list(map(shape, told, recorded)) == list(map(message, recorded)), scenario["id"]
    for asked, call in zip(teacher.calls, scenario["calls"], strict=True):
        said = [entry.split(":") for entry in call["history"]]
        replies = [reply.get("content", reply.get("truncated_response")) for reply in scenario["replies"]]
        history = [told[int(place)] if role == "user" else replies[int(place)] for role, place in said]
        assert [entry.content for entry in asked[:-1]] == history, scenario["id"]
    assert episode.ending is ENDINGS.get(scenario["id"], Ending.COMPLETED)
    refused = sum("ContextLengthExceeded" in reply.values() for reply in scenario["replies"])
    beside = sum(len(turn.handover) for turn in episode.turns)
    assert len(episode.turns) + beside + refused == len(teacher.calls)
    seen, expected = episode.turns[-1].observation, scenario["last_observation"] or ""
    for pattern, replacement in scenario.get("mask", []):
        seen, expected = re.sub(pattern, replacement, seen), re.sub(pattern, replacement, expected)
    assert seen == expected, scenario["id"]


def play(scenario: dict[str, Any], machine: Machine, teacher: RecordedTeacher) -> Episode:
    instruction = scenario["calls"][0]["message"]["instruction"]
    with PatientTerminal(machine, wait_mode="full", observation_mode="terminus2") as terminal:  # type: ignore[arg-type]
        terminal.wait(0.3)
        return run_episode(instruction, terminal, teacher, CONFIG, Limits())


def shape(told: str, recorded: str | dict[str, Any]) -> object:
    """What was told, as far as the recording says it."""
    if isinstance(recorded, str) or "template" in recorded:
        return told
    return len(told.encode()), hashlib.sha256(told.encode()).hexdigest()


def message(recorded: str | dict[str, Any]) -> object:
    if isinstance(recorded, str):
        return recorded
    if "summarization_stage" in recorded:
        return recorded["bytes"], recorded["sha256"]
    first = template.load("terminus2")
    assert first.sha256 == recorded["template_sha256"]
    return first.fill(recorded["instruction"], recorded["terminal_state"])


def screen(*lines: str, rows: int = 40) -> str:
    return "".join(f"{line}\n" for line in (*lines, *[""] * (rows - len(lines))))


OWN: dict[str, Any] = {
    "id": "own",
    "replies": [
        {"content": '{"analysis":"","plan":"","commands":[{"keystrokes":"cd /tmp; pwd\\n","duration":0.3}]}'},
        {"content": "I am done."},
        {"content": '{"analysis":"","plan":"","commands":[],"task_complete":true}'},
        {"content": '{"analysis":"","plan":"","commands":[],"task_complete":true}'},
    ],
    "calls": [
        {
            "message": {
                "template": "terminus-json-plain.txt",
                "template_sha256": "89a3dc3a15752b748a99fb907c9251ab31a464e13386583fb48476b078b54a34",
                "instruction": "Go to /tmp.",
                "terminal_state": "Current Terminal Screen:\n" + screen("root@vm:/app#"),
            },
            "history": [],
        },
        {
            "message": "New Terminal Output:\n" + screen("root@vm:/app# cd /tmp; pwd", "/tmp", "root@vm:/tmp#"),
            "history": ["user:0", "assistant:0"],
        },
        {
            "message": "Previous response had parsing errors:\nERROR: No valid JSON found in response\n"
            "WARNINGS: - No valid JSON object found\n\n"
            "Please fix these issues and provide a proper JSON response.",
            "history": ["user:0", "assistant:0", "user:1", "assistant:1"],
        },
        {
            "message": "Current terminal state:\nNew Terminal Output:\n\n"
            + screen("root@vm:/tmp#", rows=38)
            + "\n\nAre you sure you want to mark the task as complete? This will trigger your solution to be graded "
            'and you won\'t be able to make any further corrections. If so, include "task_complete": true in your JSON '
            "response again.",
            "history": ["user:0", "assistant:0", "user:1", "assistant:1", "user:2", "assistant:2"],
        },
    ],
    "last_observation": "New Terminal Output:\n\n" + screen("root@vm:/tmp#", rows=38),
}
