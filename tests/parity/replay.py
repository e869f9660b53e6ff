"""Replays recorded scripts through our own agent loop and compares every message with the recorded one."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from termforge.agent import template
from termforge.agent.loop import AgentConfig, run_episode
from termforge.images.recipe import recipe
from termforge.sandbox.protocol import Engine, Sandbox, started
from termforge.schemas import Limits
from termforge.teacher import ChatMessage, Reply
from termforge.terminal import Terminal
from termforge.terminal.processes import PROC, stat_of
from tests.parity import recordings, rules
from tests.parity.recordings import Recording, Script

IMAGE = "file-operations"
AT_ONCE = 40
"""Terminals; nearly all of a replay is waiting."""
PEEK_S = 0.1
CALM_S, BUSY_S, AT_MOST_S = 0.2, 1.5, 60.0
"""Rest of a screen whose program waits for keys; of one whose program does something else; the longest wait for it."""
INSTRUCTION = "Type."


class Difference(NamedTuple):
    script: str
    turn: int
    """0 is the terminal before the first turn."""
    typed: tuple[str, ...]
    recorded: str
    ours: str


class Parity(NamedTuple):
    counted: int
    """Captures at rest on Terminus 2's side."""
    excluded: Counter[str]
    """Of these, by the name of the rule that takes them out."""
    different: tuple[Difference, ...]

    @property
    def compared(self) -> int:
        return self.counted - self.excluded.total()

    @property
    def observation_parity(self) -> float:
        """Share of the compared captures that is equal byte for byte."""
        return 1 - len(self.different) / self.compared

    @property
    def observation_parity_excluded(self) -> float:
        return self.excluded.total() / self.counted


def measure(engine: Engine, recorded: Sequence[Recording]) -> Parity:
    """Replay every recording, each in a fresh sandbox, several at once.

    Raises: SetupError where the image is not built, SandboxError.
    """
    image = engine.image(recipe(IMAGE))

    def play(recording: Recording) -> list[str]:
        with started(engine, image) as sandbox:
            return replay(recording.script, sandbox)

    longest_first = sorted(recorded, key=_waits_s, reverse=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        played = list(pool.map(play, longest_first))
    return _compared(list(zip(longest_first, played, strict=True)))


def replay(script: Script, sandbox: Sandbox) -> list[str]:
    """What our agent tells its model, before the first turn (the terminal's state alone) and after each."""
    player = _Player(script)
    config, limits = AgentConfig(observation_mode="terminus2", floor_s=0.0), Limits(max_turns=len(script) + 1)
    with _CalmTerminal(sandbox, wait_mode="full", observation_mode="terminus2") as terminal:
        run_episode(INSTRUCTION, terminal, player, config, limits)
    first, *others = player.messages
    before, after = template.load(config.template).fill(INSTRUCTION, "\0").split("\0")
    return [first.removeprefix(before).removesuffix(after), *others]


class _Player:
    """Types a script in a teacher's place and keeps what the model would have been told."""

    model = "scripted"
    context_tokens: int | None = None

    def __init__(self, script: Script) -> None:
        self.sampling: dict[str, Any] = {}
        self.messages: list[str] = []
        self._replies = iter([*map(recordings.reply, script), recordings.reply(())])

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return 0

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        self.messages.append(messages[-1].content)
        return Reply(content=next(self._replies))


class _CalmTerminal(Terminal):
    """Waits on after each command until its own screen and foreground are at rest, as the recorded ones were. The
    Observer sees none of these looks, and nothing is known here of what was recorded."""

    def wait(self, duration_s: float) -> float:
        started = time.monotonic()
        super().wait(duration_s)
        before, still_since = None, time.monotonic()
        while (now := time.monotonic()) < started + duration_s + AT_MOST_S:
            state, runs = self._foreground()
            seen = (self.capture(), state)
            if runs or seen != before:
                before, still_since = seen, now
            elif now - still_since >= (BUSY_S if state == "busy" else CALM_S):
                break
            time.sleep(PEEK_S)
        return time.monotonic() - started

    def _foreground(self) -> tuple[str, bool]:
        """Its state, as if busy where the host does not show it, and whether it has something to do right now."""
        look = self._watch.look() if self._watch is not None else None
        if look is None:
            return "busy", False
        stats = [stat_of(PROC, int(process.partition(":")[0])) for process in look.work.split()]
        return look.state, any(stat is not None and stat.state in "RD" for stat in stats)


def _waits_s(recording: Recording) -> float:
    return sum(command.duration_s + CALM_S for turn in recording.script for command in turn)


def _compared(played: Sequence[tuple[Recording, list[str]]]) -> Parity:
    counted, excluded, different = 0, Counter[str](), []
    for recording, messages in played:
        rule_of = rules.excluding(recording.script)
        for turn in recording.counted:
            counted += 1
            if rule := rule_of[turn]:
                excluded[rule.name] += 1
                continue
            theirs = recording.captures[turn].message
            ours = messages[turn] if turn < len(messages) else "(the episode had ended)"
            if rules.normalised(ours) != rules.normalised(theirs):
                different.append(_difference(recording.script, turn, theirs, ours))
    return Parity(counted, excluded, tuple(different))


def _difference(script: Script, turn: int, recorded: str, ours: str) -> Difference:
    typed = tuple(command.keystrokes for command in script[turn - 1]) if turn else ()
    return Difference(recordings.digest(script), turn, typed, recorded, ours)
