"""A model and a terminal that play from scripts, for tests of the loop."""

import time
from collections.abc import Sequence

from termforge.agent.loop import AgentConfig, Episode, run_episode
from termforge.agent.observation import Screen
from termforge.agent.protocol import render
from termforge.schemas import Command, Limits, Usage
from termforge.teacher import ChatMessage, Reply

USAGE = Usage(input_tokens=100, output_tokens=10)
FAITHFUL = AgentConfig(observation_mode="terminus2", floor_s=0.0)
CLEAN = AgentConfig(floor_s=0.0)


class ScriptedTeacher:
    """Gives the replies of a list, raising those that are errors, and remembers what it was asked.

    A token is a character.
    """

    model = "test/scripted"

    def __init__(
        self, replies: Sequence[str | Reply | Exception], *, slow_s: float = 0.0, context_tokens: int | None = None
    ) -> None:
        self.sampling = {"max_output_tokens": 100}
        self.context_tokens = context_tokens
        self.calls: list[list[ChatMessage]] = []
        self.timeouts: list[float] = []
        self._replies = iter(replies)
        self._slow_s = slow_s

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) for message in messages)

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        self.calls.append(list(messages))
        self.timeouts.append(timeout_s)
        time.sleep(self._slow_s)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(content=reply, usage=USAGE)


class ScriptedTerminal:
    """Shows the screens of a list, the last one again and again; a second lasts `pace` seconds."""

    def __init__(
        self, shows: Sequence[str] = ("$\n",), *, breaks: dict[str, Exception] | None = None, pace: float = 0.01
    ) -> None:
        self._pace = pace
        self.typed: list[str] = []
        self.waits: list[float] = []
        self.captures = 0
        self._shows = list(shows)
        self._breaks = breaks or {}

    def send(self, keystrokes: str) -> None:
        self._break(keystrokes)
        self.typed.append(keystrokes)

    def wait(self, duration_s: float) -> float:
        self._break("wait")
        self.waits.append(duration_s)
        time.sleep(duration_s * self._pace)
        return duration_s * self._pace

    def capture(self) -> Screen:
        self._break(f"capture {self.captures}")
        self.captures += 1
        text = self._shows.pop(0) if len(self._shows) > 1 else self._shows[0]
        return Screen(full=text, visible=text)

    def check(self) -> None:
        self._break("check")

    def _break(self, place: str) -> None:
        if place in self._breaks:
            raise self._breaks[place]


def saying(*commands: tuple[str, float], complete: bool = False) -> str:
    return render("a", "p", [Command(keystrokes=keys, duration_s=wait) for keys, wait in commands], complete)


def play(
    teacher: ScriptedTeacher,
    terminal: ScriptedTerminal | None = None,
    config: AgentConfig = CLEAN,
    limits: Limits = Limits(),
) -> Episode:
    return run_episode("Do it.", terminal or ScriptedTerminal(), teacher, config, limits)  # type: ignore[arg-type]
