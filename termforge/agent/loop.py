"""Terminus 2's loop: tell the model what the terminal shows, type what it asks for, look again.

`Turn.prompt` and `Turn.reply` are the conversation word for word, and no turn is lost, whatever ends the episode. In
mode `terminus2` the original's oddities that reach the model are kept (output limited twice, warnings dropped on
completion turns); what only hurt it is mended in both modes. A conversation that outgrows the model's window ends the
episode: nothing is summarised.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from pydantic import Field

from termforge.agent import messages
from termforge.agent import template as templates
from termforge.agent.observation import Mode, Observer, limit
from termforge.agent.protocol import Parsed, parse
from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    OutputTruncated,
    SandboxError,
    TeacherUnavailable,
    TermforgeError,
    TerminalClosed,
    TerminalError,
    TerminalTampered,
)
from termforge.schemas import Command, Ending, Limits, Record, Turn, Usage
from termforge.teacher import ChatMessage, Reply, Teacher
from termforge.terminal import Terminal
from termforge.terminal.tmux import typable

_MAX_DURATION_S = 60.0
_GRACE_S = 0.5  # a model's service that gives up this close to the time limit was too slow, not unavailable

_ENDINGS: dict[type[TermforgeError], Ending] = {
    ContextExceeded: Ending.CONTEXT_LIMIT,
    BudgetExhausted: Ending.BUDGET_EXHAUSTED,
    TeacherUnavailable: Ending.TEACHER_UNAVAILABLE,
    TerminalClosed: Ending.TERMINAL_CLOSED,
    TerminalTampered: Ending.TERMINAL_TAMPERED,
    TerminalError: Ending.TERMINAL_LOST,
    SandboxError: Ending.SANDBOX_LOST,
}


class AgentConfig(Record):
    template: templates.TemplateName = "termforge"
    observation_mode: Mode = "clean"
    keep_reasoning: bool = False
    """Send the model's earlier reasoning back to it; Terminus 2 by default does not."""
    max_unusable: int = Field(default=8, gt=0)
    """Replies in a row that cannot be executed (no valid JSON, cut off, empty) before the episode ends."""
    floor_s: float = Field(default=0.25, ge=0)
    """Least wait before the screen is read; Terminus 2's own slowness gives it about this much."""

    @property
    def template_sha256(self) -> str:
        """Raises: SetupError where the template's text is not at hand."""
        return templates.load(self.template).sha256


class Episode(NamedTuple):
    turns: tuple[Turn, ...]
    ending: Ending
    detail: str = ""
    """The error's text where an error ended it."""


def run_episode(instruction: str, terminal: Terminal, teacher: Teacher, config: AgentConfig, limits: Limits) -> Episode:
    """Let the model work until it is done, a limit is reached or something breaks.

    Raises: InputError (a template that is not at hand, a setting that the model's service refuses).
    """
    agent = _Agent(terminal, teacher, config, limits)
    first_message = templates.load(config.template).fill
    try:
        agent.work(first_message(instruction, agent.first_look()))
    except _Ended as ended:
        return Episode(tuple(agent.turns), ended.ending)
    except tuple(_ENDINGS) as error:
        ending = next(ending for kind, ending in _ENDINGS.items() if isinstance(error, kind))
        return Episode(tuple(agent.turns), ending, str(error))
    return Episode(tuple(agent.turns), Ending.COMPLETED)


class _Ended(Exception):
    """A limit was reached."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class _Stopwatch:
    """Adds up the seconds spent in its `with` blocks, against a limit."""

    def __init__(self, limit_s: float, ending: Ending) -> None:
        self._limit_s, self._ending = limit_s, ending
        self._spent_s, self._started = 0.0, 0.0

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spent_s += time.monotonic() - self._started
        self._started = 0.0

    @property
    def left_s(self) -> float:
        running_s = time.monotonic() - self._started if self._started else 0.0
        return self._limit_s - self._spent_s - running_s

    def check(self, grace_s: float = 0.0) -> None:
        if self.left_s <= grace_s:
            raise _Ended(self._ending)


@dataclass
class _Draft:
    """A turn while it is being made."""

    prompt: str
    reply: Reply
    parsed: Parsed
    teacher_s: float
    commands: list[Command] = field(default_factory=list)
    observation: str = ""
    waited_s: float = 0.0

    @property
    def truncated(self) -> bool:
        return self.reply.finish_reason == "length"

    def finished(self, total_s: float) -> Turn:
        return Turn(
            prompt=self.prompt,
            reply=self.reply.content,
            reasoning=self.reply.reasoning,
            commands=tuple(self.commands),
            error=self.parsed.error or None,
            warning=self.parsed.warning or None,
            task_complete=self.parsed.task_complete and not self.truncated,
            truncated=self.truncated,
            observation=self.observation,
            usage=self.reply.usage,
            teacher_s=self.teacher_s,
            waited_s=self.waited_s,
            harness_s=max(0.0, total_s - self.teacher_s - self.waited_s),
        )


class _Agent:
    """One episode's state."""

    def __init__(self, terminal: Terminal, teacher: Teacher, config: AgentConfig, limits: Limits) -> None:
        self.turns: list[Turn] = []
        self._terminal, self._teacher, self._config, self._limits = terminal, teacher, config, limits
        self._observer = Observer(config.observation_mode)
        self._chat: list[ChatMessage] = []
        self._pending = False  # the model has said "complete" and was asked whether it is sure
        self._unusable = 0
        self._model = _Stopwatch(limits.model_s, Ending.MODEL_TIME_LIMIT)
        self._container = _Stopwatch(limits.container_s, Ending.CONTAINER_TIME_LIMIT)

    def first_look(self) -> str:
        with self._container:
            return limit(self._observer.first(self._terminal.capture()))

    def work(self, prompt: str) -> None:
        """Returns when the model has confirmed that the task is complete."""
        for _ in range(self._limits.max_turns):
            self._check_limits()
            self._terminal.check()
            with self._turn(prompt) as turn:
                if turn.truncated or turn.parsed.error:
                    self._count_unusable()
                    prompt = self._complaint(turn)
                    continue
                self._unusable = 0
                self._execute(turn)
                confirmed, self._pending = self._pending and turn.parsed.task_complete, turn.parsed.task_complete
                if confirmed:
                    return
                prompt = self._next_prompt(turn)
        raise _Ended(Ending.TURN_LIMIT)

    def _check_limits(self) -> None:
        self._model.check()
        self._container.check()
        if sum(turn.usage.input_tokens + turn.usage.output_tokens for turn in self.turns) >= self._limits.tokens:
            raise _Ended(Ending.TOKEN_LIMIT)

    @contextmanager
    def _turn(self, prompt: str) -> Iterator[_Draft]:
        """Ask the model; what came of its reply is recorded however the block ends."""
        started = time.monotonic()
        prompt = _printable(prompt)
        reply = self._ask(prompt)
        draft = _Draft(prompt, reply, _executable(parse(reply.content)), time.monotonic() - started)
        try:
            yield draft
        finally:
            self.turns.append(draft.finished(time.monotonic() - started))

    def _ask(self, prompt: str) -> Reply:
        """The reply, kept in the conversation with its prompt. A truncated or empty one is a reply too."""
        conversation = [*self._chat, ChatMessage(role="user", content=prompt)]
        try:
            with self._model:
                reply = self._teacher.reply(conversation, timeout_s=self._model.left_s)
        except OutputTruncated as cut:
            usage = cut.usage or Usage()
            reply = Reply(content=cut.partial, reasoning=cut.reasoning, usage=usage, finish_reason="length")
        except EmptyReply:
            reply = Reply(content="", finish_reason="empty")
        except TeacherUnavailable:
            self._model.check(_GRACE_S)
            raise
        thoughts = None if reply.reasoning is None else _printable(reply.reasoning)
        reply = reply.model_copy(update={"content": _printable(reply.content), "reasoning": thoughts})
        reasoning = reply.reasoning if self._config.keep_reasoning else None
        self._chat = [*conversation, ChatMessage(role="assistant", content=reply.content, reasoning=reasoning)]
        return reply

    def _count_unusable(self) -> None:
        self._unusable += 1
        if self._unusable >= self._config.max_unusable:
            raise _Ended(Ending.PROTOCOL_ERRORS)

    def _complaint(self, turn: _Draft) -> str:
        if turn.truncated:
            return messages.output_too_long(self._teacher.sampling.get("max_output_tokens"), turn.parsed.warning)
        return messages.parse_error(turn.parsed.error, turn.parsed.warning)

    def _execute(self, turn: _Draft) -> None:
        """Type the batch and look once. A time limit that falls into it stops the typing, not the look."""
        with self._container:
            try:
                self._type(turn)
                turn.observation = limit(self._observer.next(self._terminal.capture()))
            except TerminalClosed:
                if self._faithful and len(turn.commands) == len(turn.parsed.commands):
                    turn.observation = messages.NO_SESSION
                raise
        self._container.check()

    def _type(self, turn: _Draft) -> None:
        last = len(turn.parsed.commands) - 1
        for place, command in enumerate(turn.parsed.commands):
            if self._container.left_s <= 0:
                return
            self._terminal.send(command.keystrokes)
            turn.commands.append(command)
            wait_s = max(command.duration_s, self._config.floor_s) if place == last else command.duration_s
            turn.waited_s += self._terminal.wait(max(0.0, min(wait_s, self._container.left_s)))

    def _next_prompt(self, turn: _Draft) -> str:
        if turn.parsed.task_complete:
            question = messages.confirmation(turn.observation)
            return question if self._faithful else messages.with_warnings(turn.parsed.warning, question)
        output = limit(turn.observation) if self._faithful else turn.observation
        return messages.with_warnings(turn.parsed.warning, output)

    @property
    def _faithful(self) -> bool:
        return self._config.observation_mode == "terminus2"


def _executable(parsed: Parsed) -> Parsed:
    """Durations between 0 and 60 seconds, and nothing that no terminal takes, with a warning for what was left out."""
    commands, warnings = [], [parsed.warning] if parsed.warning else []
    for number, command in enumerate(parsed.commands, start=1):
        keystrokes, note = typable(command.keystrokes)
        if note:
            warnings.append(f"- Command {number}: {note}")
        duration_s = 0.0 if math.isnan(command.duration_s) else max(0.0, min(command.duration_s, _MAX_DURATION_S))
        commands.append(Command(keystrokes=keystrokes, duration_s=duration_s))
    return parsed._replace(commands=tuple(commands), warning=_printable("\n".join(warnings)))


def _printable(text: str) -> str:
    """Lone surrogates, which no file and no request can carry, become question marks."""
    return text.encode("utf-8", "replace").decode()
