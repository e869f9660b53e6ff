"""What is said between the loop and the model: the conversation, and the time and tokens that its calls may take.

A conversation that outgrows the model's window is handed over to a shorter one (overflow.py), or refused.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from termforge.agent.limits import Ended, Stopwatch
from termforge.agent.overflow import TURN_TOKENS, Brief, Handover, crowded
from termforge.errors import ContextExceeded, EmptyReply, OutputTruncated, TeacherUnavailable
from termforge.schemas import Ending, Exchange, Limits, Stage, Usage
from termforge.teacher import ChatMessage, Reply, Teacher

_GRACE_S = 0.5  # a model's service that gives up this close to the time limit was too slow, not unavailable


class Said(NamedTuple):
    """One turn's call."""

    prompt: str
    """As sent: another than the one given where the work was handed over."""
    reply: Reply
    handover: tuple[Exchange, ...]
    """The calls made before it."""
    seconds: float
    """Of all of them."""


class Dialogue:
    def __init__(self, teacher: Teacher, limits: Limits, *, keep_reasoning: bool, brief: Brief | None) -> None:
        """`brief`: how to hand over; None: never."""
        self.beside: list[Exchange] = []
        """Calls of a handover since the last turn."""
        self._teacher, self._limits = teacher, limits
        self._keep_reasoning, self._brief = keep_reasoning, brief
        self._chat: list[ChatMessage] = []
        self._time = Stopwatch(limits.model_s, Ending.MODEL_TIME_LIMIT)
        self._tokens = 0

    def check(self) -> None:
        """Raises: Ended where no further call may be made."""
        self._time.check()
        if self._tokens >= self._limits.tokens:
            raise Ended(Ending.TOKEN_LIMIT)

    def ask(self, prompt: str, screen: str) -> Said:
        """What the model says; `screen` is what a successor would be shown.

        Raises: ContextExceeded, BudgetExhausted, TeacherUnavailable, Ended; then `beside` holds what was said in vain.
        """
        spent_s = self._time.spent_s
        sent, reply = self._ask(printable(prompt), screen)
        said = Said(sent, reply, tuple(self.beside), self._time.spent_s - spent_s)
        self.beside.clear()
        return said

    def _ask(self, prompt: str, screen: str) -> tuple[str, Reply]:
        if self._brief is None:
            return self._exchange(prompt)
        if not crowded(self._teacher, self._chat, TURN_TOKENS):
            try:
                return self._exchange(prompt)
            except ContextExceeded:
                if not self._chat:  # the first message alone is too long
                    raise
        handover = Handover(self._brief, self._chat, screen, self._teacher, self._ask_beside)
        for start in handover.starts(prompt):
            self._chat = start.chat
            with suppress(ContextExceeded):
                return self._exchange(start.prompt)
        raise ContextExceeded("not even a conversation that starts anew fits the model's window")

    def _ask_beside(self, stage: Stage, history: Sequence[ChatMessage], prompt: str) -> str:
        """A call of a handover, recorded whatever comes of it. Raises: ContextExceeded, EmptyReply."""
        self.check()
        spent_s = self._time.spent_s
        reply = Reply(content="")
        try:
            reply = self._call([*history, ChatMessage(role="user", content=prompt)])
        except ContextExceeded:
            reply = Reply(content="", usage=Usage(cost_usd=0.0))  # refused, so not paid
            raise
        finally:
            self.beside.append(
                Exchange(
                    stage=stage,
                    prompt=prompt,
                    reply=reply.content,
                    reasoning=reply.reasoning,
                    usage=reply.usage,
                    teacher_s=self._time.spent_s - spent_s,
                )
            )
        if not reply.content.strip():
            raise EmptyReply(f"the model said nothing for the {stage}")
        return reply.content

    def _exchange(self, prompt: str) -> tuple[str, Reply]:
        """What was said, kept in the conversation."""
        conversation = [*self._chat, ChatMessage(role="user", content=prompt)]
        reply = self._call(conversation)
        reasoning = reply.reasoning if self._keep_reasoning else None
        self._chat = [*conversation, ChatMessage(role="assistant", content=reply.content, reasoning=reasoning)]
        return prompt, reply

    def _call(self, conversation: Sequence[ChatMessage]) -> Reply:
        """Truncated or empty, it is a reply too."""
        spent_s = self._time.spent_s
        try:
            with self._time:
                reply = self._teacher.reply(conversation, timeout_s=self._time.left_s)
        except OutputTruncated as cut:
            usage = cut.usage or Usage()
            reply = Reply(content=cut.partial, reasoning=cut.reasoning, usage=usage, finish_reason="length")
        except EmptyReply:
            reply = Reply(content="", finish_reason="empty")
        except TeacherUnavailable:
            self._time.check(_GRACE_S)
            raise
        self._tokens += reply.usage.input_tokens + reply.usage.output_tokens
        thoughts = None if reply.reasoning is None else printable(reply.reasoning)
        seconds = self._time.spent_s - spent_s
        return reply.model_copy(update={"content": printable(reply.content), "reasoning": thoughts, "seconds": seconds})


def printable(text: str) -> str:
    """Lone surrogates, which no file and no request can carry, become question marks."""
    return text.encode("utf-8", "replace").decode()
