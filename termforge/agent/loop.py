"""Terminus 2's loop: tell the model what the terminal shows, type what it asks for, look again.

`Turn.prompt` and `Turn.reply` are the conversation word for word, and no turn is lost, whatever ends the episode. In
mode `terminus2` the original's oddities that reach the model are kept (output limited twice, warnings dropped on
completion turns, what the model had not been told yet dropped in a hand-over); what only hurt it is mended in both
modes. A conversation that outgrows the model's window ends the episode, or is handed over (overflow.py).
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import Field

from termforge.adaptive import own_time
from termforge.agent import messages, protocol, wording, xml_protocol
from termforge.agent import template as templates
from termforge.agent.dialogue import Dialogue, Said, printable
from termforge.agent.limits import Ended, Stopwatch
from termforge.agent.observation import Mode, Observer, Screen, limit
from termforge.agent.overflow import Brief
from termforge.agent.protocol import Parsed, ReplyFormat
from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    LimitPassed,
    SandboxError,
    TeacherUnavailable,
    TermforgeError,
    TerminalClosed,
    TerminalError,
    TerminalTampered,
)
from termforge.schemas import Command, Ending, Exchange, Limits, Record, Turn
from termforge.teacher import Teacher
from termforge.terminal import Terminal
from termforge.terminal.tmux import typable

_MAX_DURATION_S = 60.0

_PARSERS = {"json": protocol.parse, "xml": xml_protocol.parse}
_ENDINGS: dict[type[TermforgeError], Ending] = {
    ContextExceeded: Ending.CONTEXT_LIMIT,
    BudgetExhausted: Ending.BUDGET_EXHAUSTED,
    TeacherUnavailable: Ending.TEACHER_UNAVAILABLE,
    TerminalClosed: Ending.TERMINAL_CLOSED,
    TerminalTampered: Ending.TERMINAL_TAMPERED,
    TerminalError: Ending.TERMINAL_LOST,
    LimitPassed: Ending.RESOURCE_LIMIT,
    SandboxError: Ending.SANDBOX_LOST,
}


class AgentConfig(Record):
    template: templates.TemplateName = "termforge"
    reply_format: ReplyFormat = "json"
    observation_mode: Mode = "clean"
    overflow: Literal["end", "summarize"] = "end"
    """When the conversation outgrows the model's window: end the episode, or hand over to a shorter one."""
    keep_reasoning: bool = False
    """Send the model's earlier reasoning back to it (Terminus 2's interleaved thinking, off there too by default)."""
    max_unusable: int = Field(default=8, gt=0)
    """Replies in a row that cannot be executed (not readable, cut off, empty) before the episode ends."""
    floor_s: float = Field(default=0.25, ge=0)
    """Least wait before the screen is read; Terminus 2's own slowness gives it about this much."""

    @property
    def template_sha256(self) -> str:
        """Raises: SetupError where the template's text is not at hand."""
        return templates.load(self.template, reply_format=self.reply_format).sha256

    @property
    def thinking(self) -> Literal["kept", "dropped"]:
        return "kept" if self.keep_reasoning else "dropped"


class Episode(NamedTuple):
    turns: tuple[Turn, ...]
    ending: Ending
    detail: str = ""
    """The error's text where an error ended it."""
    abandoned: tuple[Exchange, ...] = ()
    """Calls of a handover after which no turn came."""


def run_episode(
    instruction: str,
    terminal: Terminal,
    teacher: Teacher,
    config: AgentConfig,
    limits: Limits,
    *,
    began: float | None = None,
) -> Episode:
    """Let the model work until it is done, a limit is reached or something breaks.

    `began`: when the trial did, by time.monotonic(), for `Turn.at_s`; None: now.

    Raises: InputError (a text that is not at hand, a setting that the model's service refuses).
    """
    first_message = templates.load(config.template, reply_format=config.reply_format).fill
    brief = None
    if config.overflow == "summarize":
        shows_waiting = config.observation_mode == "clean"
        brief = Brief(printable(instruction), wording.load(config.template), shows_waiting)
    dialogue = Dialogue(teacher, limits, keep_reasoning=config.keep_reasoning, brief=brief)
    agent = _Agent(terminal, teacher, dialogue, config, limits, time.monotonic() if began is None else began)
    ending, detail = Ending.COMPLETED, ""
    try:
        agent.work(first_message(instruction, agent.first_look()))
    except Ended as ended:
        ending = ended.ending
    except tuple(_ENDINGS) as error:
        ending, detail = next(ending for kind, ending in _ENDINGS.items() if isinstance(error, kind)), str(error)
    return Episode(tuple(agent.turns), ending, detail, tuple(dialogue.beside))


@dataclass
class _Draft:
    """A turn while it is being made."""

    said: Said
    parsed: Parsed
    at_s: float
    commands: list[Command] = field(default_factory=list)
    observation: str = ""
    waited_s: float = 0.0

    @property
    def truncated(self) -> bool:
        return self.said.reply.finish_reason == "length"

    def finished(self, total_s: float) -> Turn:
        reply = self.said.reply
        return Turn(
            handover=self.said.handover,
            prompt=self.said.prompt,
            reply=reply.content,
            reasoning=reply.reasoning,
            commands=tuple(self.commands),
            error=self.parsed.error or None,
            warning=self.parsed.warning or None,
            task_complete=self.parsed.task_complete and not self.truncated,
            truncated=self.truncated,
            observation=self.observation,
            usage=reply.usage,
            at_s=self.at_s,
            teacher_s=reply.seconds,
            waited_s=self.waited_s,
            harness_s=max(0.0, total_s - self.said.seconds - self.waited_s),
        )


class _Agent:
    """One episode's state."""

    def __init__(
        self,
        terminal: Terminal,
        teacher: Teacher,
        dialogue: Dialogue,
        config: AgentConfig,
        limits: Limits,
        began: float,
    ) -> None:
        self.turns: list[Turn] = []
        self._terminal, self._teacher, self._dialogue = terminal, teacher, dialogue
        self._config, self._limits, self._began = config, limits, began
        self._parse = _PARSERS[config.reply_format]
        self._observer = Observer(config.observation_mode)
        self._screen = ""  # as last looked at
        self._pending = False  # the model has said "complete" and was asked whether it is sure
        self._unusable = 0
        self._container = Stopwatch(limits.container_s, Ending.CONTAINER_TIME_LIMIT)

    def first_look(self) -> str:
        with self._container:
            return limit(self._observer.first(self._look()))

    def _look(self) -> Screen:
        screen = self._terminal.capture()
        self._screen = screen.visible if self._faithful else screen.visible.strip("\n")
        return screen

    def work(self, prompt: str) -> None:
        """Returns when the model has confirmed that the task is complete."""
        for _ in range(self._limits.max_turns):
            self._dialogue.check()
            self._container.check()
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
        raise Ended(Ending.TURN_LIMIT)

    @contextmanager
    def _turn(self, prompt: str) -> Iterator[_Draft]:
        """Ask the model; what came of its reply is recorded however the block ends."""
        at_s, started = time.monotonic() - self._began, own_time()
        said = self._dialogue.ask(prompt, self._screen)
        draft = _Draft(said, _executable(self._parse(said.reply.content)), at_s)
        try:
            yield draft
        finally:
            self.turns.append(draft.finished(own_time() - started))

    def _count_unusable(self) -> None:
        self._unusable += 1
        if self._unusable >= self._config.max_unusable:
            raise Ended(Ending.PROTOCOL_ERRORS)

    def _complaint(self, turn: _Draft) -> str:
        if turn.truncated:
            return messages.output_too_long(self._teacher.sampling.get("max_output_tokens"), turn.parsed.warning)
        return messages.parse_error(turn.parsed.error, turn.parsed.warning, self._config.reply_format)

    def _execute(self, turn: _Draft) -> None:
        """Type the batch and look once. A time limit that falls into it stops the typing, not the look."""
        with self._container:
            try:
                self._type(turn)
                turn.observation = limit(self._observer.next(self._look()))
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
            question = messages.confirmation(turn.observation, self._config.reply_format)
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
    return parsed._replace(commands=tuple(commands), warning=printable("\n".join(warnings)))
