"""A Teacher answers chats. This module owns litellm; it is imported when a model is first needed, never with the module.

One policy of retries, ours: litellm's and the SDKs' own are off. Each attempt is reserved in the run's budget before it
is made and settled after. Keys come from the environment alone, under the names litellm gives them.
"""

import asyncio
import copy
import os
import random
import re
import threading
import time
import warnings
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Literal, NamedTuple, NoReturn, Protocol, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from termforge.budget import Budget, Reservation, WorstCase
from termforge.errors import (
    ContextExceeded,
    EmptyReply,
    InputError,
    OutputTruncated,
    SetupError,
    TeacherError,
    TeacherUnavailable,
)
from termforge.redact import redact
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


class TeacherConfig(Record):
    """Which model answers, and how. Holds no secret: it is logged and stored with what the model wrote."""

    model: str
    """As litellm names it: `deepseek/deepseek-chat`, `hosted_vllm/NAME` with an api_base, ..."""
    api_base: str | None = None
    temperature: float | None = None
    """None leaves it to the service, as does top_p."""
    top_p: float | None = None
    max_output_tokens: int = Field(default=8192, gt=0)
    """Reasoning included where the service counts it so."""
    context_tokens: int | None = Field(default=None, gt=0)
    """The model's window; None takes what litellm knows, and leaves refusing to the service where it knows nothing."""
    call_s: float = Field(default=600.0, gt=0)
    """Seconds after which one attempt is given up and made again."""
    attempts: int = Field(default=8, gt=0)
    retry_base_s: float = Field(default=1.0, gt=0)
    """Mean wait before the second attempt; it doubles from there to a minute. Retry-After goes first."""
    usd_per_million_input: float | None = Field(default=None, ge=0)
    """Prices of a model that litellm does not know, or not rightly: both or none. Cached input counts in full."""
    usd_per_million_output: float | None = Field(default=None, ge=0)

    @field_validator("api_base")
    @classmethod
    def _address_carries_no_secret(cls, address: str | None) -> str | None:
        parts = urlsplit(address or "http://")
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("api_base must be a plain http(s) address, without credentials or a query")
        return address


class LitellmTeacher:
    """A model behind litellm. Safe to share between threads; calls are bounded by the caller's threads.

    Raises: SetupError without litellm; InputError where the budget is in dollars and the model's price unknown.
    """

    def __init__(self, config: TeacherConfig, budget: Budget | None = None, *, purpose: str = "") -> None:
        self.config = config
        self.model = config.model
        self.sampling: dict[str, Any] = config.model_dump(
            include={"temperature", "top_p", "max_output_tokens"}, exclude_none=True
        )
        self._budget = budget
        self._purpose = purpose
        if (config.usd_per_million_input is None) != (config.usd_per_million_output is None):
            raise InputError("teacher: usd_per_million_input and usd_per_million_output go together")
        if budget is not None and budget.usd is not None and self._price is None:
            raise InputError(
                f"no price is known for {self.model!r}, so a dollar budget cannot hold:"
                " set usd_per_million_input and usd_per_million_output, or budget in tokens"
            )

    def for_purpose(self, purpose: str) -> Self:
        """The same teacher with its calls under this name (a trial's id) in the ledger."""
        other = copy.copy(self)
        other._purpose = purpose
        return other

    @property
    def context_tokens(self) -> int | None:
        return self.config.context_tokens or _known(self.model).context_tokens

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """See Teacher. An InputError names the setting that the service refuses."""
        started = time.monotonic()
        deadline = started + timeout_s
        self._refuse_what_cannot_fit(messages)
        paid: list[Usage] = []
        failures = 0
        while True:
            try:
                answer = self._attempt(messages, deadline)
            except _Failed as failed:
                failures += 1
                self._wait_or_give_up(failed, failures, deadline)
                continue
            paid.append(answer.usage)
            if answer.finish_reason == "length":
                raise OutputTruncated(
                    f"{self.model} reached max_output_tokens={self.config.max_output_tokens}",
                    answer.content,
                    reasoning=answer.reasoning,
                    usage=_sum(paid),
                )
            if answer.content.strip():
                return answer.model_copy(update={"usage": _sum(paid), "seconds": time.monotonic() - started})
            if len(paid) > 1:
                raise EmptyReply(f"{self.model} answered with nothing twice ({answer.finish_reason})")

    def _attempt(self, messages: Sequence[ChatMessage], deadline: float) -> Reply:
        """One request, reserved before and settled after.

        Raises: _Failed where another attempt may help; what `reply` raises otherwise.
        """
        with self._reserve(messages, deadline) as reservation:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                _settle(reservation, None, "not sent", free=True)
                raise TeacherUnavailable(f"no time was left to ask {self.model}")
            try:
                response = _ask(self._request(messages), min(self.config.call_s, remaining_s))
            except (_service_errors(), TimeoutError) as error:
                judged = _judge(error)
                _settle(reservation, None, judged.outcome, free=judged.free)
                raise self._translated(judged, error) from None
            answer = _read(response, self._cost(response))
            _settle(reservation, answer.usage, _outcome(answer))
            return answer

    def _request(self, messages: Sequence[ChatMessage]) -> dict[str, Any]:
        settings = {"temperature": self.config.temperature, "top_p": self.config.top_p, "api_base": self.config.api_base}
        return {
            "model": self.model,
            "messages": [_wire(message) for message in messages],
            "max_tokens": self.config.max_output_tokens,
            **{name: value for name, value in settings.items() if value is not None},
        }

    def _reserve(self, messages: Sequence[ChatMessage], deadline: float) -> "Reservation | nullcontext[None]":
        if self._budget is None:
            return nullcontext()
        return self._budget.reserve(
            self._worst_case(messages),
            model=self.model,
            purpose=self._purpose,
            call_s=self.config.call_s,
            wait_s=max(0.0, deadline - time.monotonic()),
        )

    def _worst_case(self, messages: Sequence[ChatMessage]) -> WorstCase:
        """No tokenizer makes more tokens than bytes; the rest is room for what a chat template adds."""
        inputs = _bytes(messages) + 32 * len(messages) + 512
        outputs = self.config.max_output_tokens
        price = self._price
        return WorstCase(price and inputs * price.usd_per_input + outputs * price.usd_per_output, inputs + outputs)

    @property
    def _price(self) -> "_Price | None":
        inputs, outputs = self.config.usd_per_million_input, self.config.usd_per_million_output
        if inputs is not None and outputs is not None:
            return _Price(inputs / 1e6, outputs / 1e6)
        return _known(self.model).price

    def _cost(self, response: Any) -> float | None:
        """Dollars; None where the price or the usage is unknown (litellm then says 0)."""
        usage = response.get("usage")
        if not usage or not usage.prompt_tokens:
            return None
        if self.config.usd_per_million_input is not None:
            assert (price := self._price) is not None
            return float(usage.prompt_tokens * price.usd_per_input + usage.completion_tokens * price.usd_per_output)
        cost = response._hidden_params.get("response_cost")
        return None if cost is None else float(cost)

    def _refuse_what_cannot_fit(self, messages: Sequence[ChatMessage]) -> None:
        """Saves a call that the service would refuse. The count is an estimate; the service has the last word."""
        window = self.context_tokens
        if window is None or _bytes(messages) <= window:
            return
        tokens = _litellm().token_counter(model="", text="".join(message.content for message in messages))
        if tokens > window:
            raise ContextExceeded(f"the conversation has about {tokens} tokens, {self.model} takes {window}")

    def _wait_or_give_up(self, failed: "_Failed", failures: int, deadline: float) -> None:
        mean_s = min(60.0, self.config.retry_base_s * 2 ** (failures - 1))
        # Jitter only upwards of Retry-After: all who were told the same second would come back in it.
        wait_s = mean_s * random.uniform(0.5, 1.5) if failed.wait_s is None else failed.wait_s + random.uniform(0, 1) / 4
        if failures >= self.config.attempts:
            raise TeacherUnavailable(f"{self.model} failed {failures} times, at last: {failed}")
        if time.monotonic() + wait_s >= deadline:
            raise TeacherUnavailable(f"{self.model} did not answer in time (another attempt in {wait_s:.1f} s): {failed}")
        time.sleep(wait_s)

    def _translated(self, judged: "_Judged", error: BaseException) -> Exception:
        """What `reply` raises for it, with a text that holds no key."""
        text = redact(str(error))[:500] or type(error).__name__
        if judged.error is not InputError:
            return _Failed(f"{judged.outcome}: {text}", judged.wait_s) if judged.error is None else judged.error(text)
        named = {
            401: f"{self.model} takes no key from here: set {_key_names(self.model)} in the environment",
            402: f"{self.model}: the account has no credit",
            403: f"{self.model} is forbidden to this key: check the key's rights, teacher.model and teacher.api_base",
            404: f"teacher.model {self.model!r} or teacher.api_base {self.config.api_base!r} is not known to the service",
        }
        otherwise = f"{self.model} refuses the request: check teacher.model and its sampling settings {self.sampling}"
        return InputError(f"{named.get(judged.status, otherwise)} ({text})")


class _Price(NamedTuple):
    usd_per_input: float
    usd_per_output: float


class _Known(NamedTuple):
    """What litellm's own table says of a model."""

    context_tokens: int | None
    price: _Price | None
    """The dearest tier."""


class _Failed(Exception):
    """An attempt that another one may mend."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _Judged(NamedTuple):
    """What an error means: for the ledger, for the budget, for the caller."""

    outcome: str
    free: bool
    """The service said no, or was never reached; else it may have been paid for."""
    error: type[TeacherError] | type[InputError] | None
    """None: another attempt may help."""
    status: int
    wait_s: float | None = None


def _judge(error: BaseException) -> _Judged:
    """litellm calls a cut connection and a missing key "status 500"; only response headers prove a status."""
    litellm = _litellm()
    status = int(getattr(error, "status_code", 0) or 0)
    headers = getattr(error, "litellm_response_headers", None) or {}
    causes = [f"{type(cause).__module__}.{type(cause).__name__}" for cause in _chain(error)]
    if isinstance(error, litellm.ContextWindowExceededError):
        return _Judged("context exceeded", True, ContextExceeded, status)
    if isinstance(error, litellm.ContentPolicyViolationError):
        return _Judged("content refused", True, EmptyReply, status)
    if status == 429:
        return _Judged("rate limited", True, None, status, _seconds(headers.get("retry-after")))
    if 400 <= status < 500 and status not in (408, 409, 425):
        return _Judged("refused", True, InputError, status)
    if "openai.OpenAIError" in causes:  # the SDK found no credentials
        return _Judged("no key", True, InputError, 401)
    if status >= 500 and headers:
        return _Judged("service failed", True, None, status, _seconds(headers.get("retry-after")))
    if "httpx.ConnectError" in causes:
        return _Judged("unreachable", True, None, status)
    timed_out = isinstance(error, TimeoutError | litellm.Timeout)
    return _Judged("timed out" if timed_out else "cut off", False, None, status)


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After header: seconds, or an HTTP date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


def _settle(reservation: Reservation | None, usage: Usage | None, outcome: str, *, free: bool = False) -> None:
    if reservation is None:
        return
    if free:
        reservation.release(outcome)
    else:
        reservation.settle(usage, outcome)


def _outcome(answer: Reply) -> str:
    if answer.finish_reason == "length":
        return "truncated"
    return "ok" if answer.content.strip() else "empty"


def _wire(message: ChatMessage) -> dict[str, str]:
    wire = {"role": message.role, "content": message.content}
    return wire if message.reasoning is None else {**wire, "reasoning_content": message.reasoning}


def _bytes(messages: Sequence[ChatMessage]) -> int:
    return sum(len((message.content + (message.reasoning or "")).encode("utf-8", "replace")) for message in messages)


def _read(response: Any, cost_usd: float | None) -> Reply:
    choice = response.choices[0]
    content = choice.message.content or ""
    reasoning = getattr(choice.message, "reasoning_content", None) or None
    if reasoning is None and (opened := re.match(r"\s*<think>(.*?)(?:</think>\s*|\Z)", content, re.DOTALL)):
        reasoning, content = opened[1], content[opened.end() :]
    usage = response.get("usage")
    details = getattr(usage, "prompt_tokens_details", None)
    return Reply(
        content=content if reasoning is None else content.lstrip("\n"),
        reasoning=reasoning,
        finish_reason=choice.finish_reason or "stop",
        usage=Usage(
            input_tokens=getattr(usage, "prompt_tokens", 0) or 0,
            cached_tokens=getattr(details, "cached_tokens", 0) or 0,
            output_tokens=getattr(usage, "completion_tokens", 0) or 0,
            cost_usd=cost_usd,
        ),
    )


def _sum(paid: Sequence[Usage]) -> Usage:
    costs = [usage.cost_usd for usage in paid]
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in paid),
        cached_tokens=sum(usage.cached_tokens for usage in paid),
        output_tokens=sum(usage.output_tokens for usage in paid),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )
