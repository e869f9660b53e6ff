"""A conversation that outgrows the model's window is handed over to a shorter one, which the model goes on with.

As in Terminus 2 the model sums its work up, takes over as one who knows only that summary and the screen, asks
questions, and answers them from the old conversation. Where that fails it says a few words about the screen alone;
where that fails too, the end of the screen has to do. Unlike there, each of the three starts from the first message and
nothing else; and an old conversation that is too long even to be summed up loses its latest exchanges (what they left
shows on the screen), never its first message.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from termforge.agent.wording import Prompt, Wording
from termforge.errors import ContextExceeded, EmptyReply
from termforge.schemas import Stage
from termforge.teacher import ChatMessage, Teacher

TURN_TOKENS = 8000
"""What should be free before a turn: a conversation with less is handed over."""
_REPLY_TOKENS = 4000
"""What must be free for a summary."""
_SCREEN_END = 1000
"""Characters."""

Ask = Callable[[Stage, Sequence[ChatMessage], str], str]
"""Makes a call beside the turns: stage, history and prompt in, the model's words out.

Raises: ContextExceeded; EmptyReply.
"""


class Brief(NamedTuple):
    """What every hand-over of an episode goes by."""

    instruction: str
    wording: Wording
    shows_waiting: bool
    """Whether the successor is shown the message that was waiting; Terminus 2 drops it."""


class Start(NamedTuple):
    """Where a new conversation begins."""

    chat: list[ChatMessage]
    prompt: str


def crowded(teacher: Teacher, chat: Sequence[ChatMessage], tokens: int) -> bool:
    """Whether fewer tokens are free; a small window counts as crowded when three quarters of it are full."""
    window = teacher.context_tokens
    return window is not None and window - teacher.count_tokens(chat) < min(tokens, window // 4)


class Handover:
    """One hand-over of one conversation. What the model reasons meanwhile is left out of the next."""

    def __init__(self, brief: Brief, chat: Sequence[ChatMessage], screen: str, teacher: Teacher, ask: Ask) -> None:
        """`chat`: from the first message to the model's last reply."""
        self._brief, self._screen, self._ask = brief, screen, ask
        self._first, self._history = chat[0], list(chat)
        while len(self._history) > 1 and crowded(teacher, self._history, _REPLY_TOKENS):
            self._forget(1)

    def starts(self, waiting: str) -> Iterator[Start]:
        """New conversations, to be tried in turn until the model takes one; each is made when it is asked for.

        `waiting`: the message that would have been next.
        """
        shown = f"\n\n{waiting}" if self._brief.shows_waiting else ""
        for begin in (self._with_answers, self._with_summary):
            with suppress(ContextExceeded, EmptyReply):
                chat, prompt = begin()
                yield Start(chat, prompt + shown)
        yield Start([self._first], self._words("from screen", screen=self._screen[-_SCREEN_END:]))

    def _with_answers(self) -> Start:
        wanted = self._words("summary")
        summary = self._recall("summary", wanted)
        told = self._words("questions", summary=summary, screen=self._screen)
        questions = self._ask("questions", (), told)
        answers = self._recall("answers", self._words("answers", questions=questions), _pair(wanted, summary))
        return Start([self._first, *_pair(told, questions)], self._words("handoff", answers=answers))

    def _with_summary(self) -> Start:
        wanted = self._words("short summary", screen=self._screen[-_SCREEN_END:])
        summary = self._ask("short summary", (), wanted)
        return Start([self._first], self._words("from summary", summary=summary))

    def _recall(self, stage: Stage, prompt: str, since: Sequence[ChatMessage] = ()) -> str:
        """Ask with the history and what was said `since`; while that is too long, with half of the history."""
        while True:
            try:
                return self._ask(stage, [*self._history, *since], prompt)
            except ContextExceeded:
                if len(self._history) == 1:
                    raise
                self._forget(max(1, len(self._history) // 4))

    def _forget(self, exchanges: int) -> None:
        self._history = self._history[: -2 * exchanges] or [self._first]

    def _words(self, prompt: Prompt, **values: str) -> str:
        return self._brief.wording(prompt, instruction=self._brief.instruction, **values)


def _pair(prompt: str, reply: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=prompt), ChatMessage(role="assistant", content=reply)]
