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
    """That the service took, retries included, without what the call waited for a slot (adaptive.py)."""


class Teacher(Protocol):
    """Anything that answers a chat: a model behind litellm, or the oracle."""

    model: str
    sampling: dict[str, Any]

    @property
    def context_tokens(self) -> int | None:
        """The model's window; None where it is not known."""

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """About how many tokens of the window they take."""

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """Answer the conversation within `timeout_s` seconds of `own_time()`, retries included.

        Raises: ContextExceeded, OutputTruncated, EmptyReply, BudgetExhausted, TeacherUnavailable.
        """
