"""What a Teacher is: it answers chats. A model behind litellm is one (service.py), the oracle another."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from termforge.schemas import Record, Usage


class ChatMessage(Record):
    role: Literal["system", "user", "assistant"]
    content: str
    reasoning: str | None = None


class Reply(Record):
    content: str
    reasoning: str | None = None
    usage: Usage = Usage()
    finish_reason: str = "stop"
    seconds: float = 0.0


class Teacher(Protocol):
    """Anything that answers a chat: a model behind litellm, or the oracle."""

    model: str
    sampling: dict[str, Any]

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """Answer the conversation within `timeout_s` seconds, retries included.

        Raises: ContextExceeded, OutputTruncated, EmptyReply, BudgetExhausted, TeacherUnavailable.
        """
