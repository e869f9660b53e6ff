"""A Teacher answers chats. This module owns litellm, which is imported when the first LitellmTeacher is made.

One policy of retries, ours: litellm's and the SDKs' own are off. Each attempt is reserved in the run's budget before it
is made and settled after. Keys come from the environment alone, under the names litellm gives them.
"""

import copy
import logging
import os
import random
import re
import time
import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, Self

from termforge.adaptive import own_time
from termforge.budget import Budget, Reservation, WorstCase
from termforge.errors import (
    ContextExceeded,
    EmptyReply,
    InputError,
    OutputTruncated,
    SetupError,
    TeacherUnavailable,
)
from termforge.once import once
from termforge.redact import redact
from termforge.schemas import Usage
from termforge.teacher import direct
from termforge.teacher.background_loop import run_within
from termforge.teacher.calls import calls_to
from termforge.teacher.chat import ChatMessage, Reply
from termforge.teacher.config import TeacherConfig
from termforge.teacher.faults import Fault, judge
from termforge.teacher.prices import Price


class LitellmTeacher:
    """A model behind litellm. Safe to share between threads; calls in flight are bounded by what the service bears.

    Raises: SetupError without litellm; InputError where the budget is in dollars and the model's price unknown.
    """

    def __init__(self, config: TeacherConfig, budget: Budget, *, purpose: str = "") -> None:
        self.config = config
        self.model = config.model
        self.sampling: dict[str, Any] = config.model_dump(
            include={"temperature", "top_p", "max_output_tokens"}, exclude_none=True
        )
        self._budget = budget
        self._purpose = purpose
        self._calls = calls_to(config.model, config.api_base, config.max_calls)
        _litellm()  # seconds, which no call's time limit shall pay for
        if budget.usd is not None and self._price is None:
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

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """An estimate: with one tokenizer for all models, and without what a chat template adds."""
        return sum(_tokens(message.content) + _tokens(message.reasoning or "") for message in messages)

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """See Teacher. An InputError names the setting that the service refuses."""
        asked_at, started = time.monotonic(), own_time()
        deadline = started + timeout_s
        self._refuse_what_cannot_fit(messages)
        paid: list[Usage] = []
        failures = 0
        while True:
            try:
                answer = self._attempt(messages, asked_at, deadline)
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
                    usage=Usage.total(paid),
                )
            if answer.content.strip():
                return answer.model_copy(update={"usage": Usage.total(paid), "seconds": own_time() - started})
            if len(paid) > 1:
                raise EmptyReply(f"{self.model} answered with nothing twice ({answer.finish_reason})")

    def _attempt(self, messages: Sequence[ChatMessage], asked_at: float, deadline: float) -> Reply:
        """One request, in a slot, reserved before and settled after.

        Raises: _Failed where another attempt may help; what `reply` raises otherwise.
        """
        with self._calls.slot(asked_at, deadline) as began, self._reserve(messages, deadline) as reservation:
            remaining_s = deadline - own_time()
            if remaining_s <= 0:
                reservation.release("not sent")
                raise TeacherUnavailable(f"no time was left to ask {self.model}")
            try:
                response = _ask(self._request(messages), min(self.config.call_s, remaining_s))
            except _service_errors() as error:
                fault = judge(error)
                reservation.release(fault.outcome) if fault.free else reservation.settle(None, fault.outcome)
                text = " ".join(redact(str(error)).split())[:400] or type(error).__name__
                self._calls.failed(began, fault, f"{fault.outcome}: {text}")
                raise self._meaning(fault, text) from None  # the cause may hold a key
            self._calls.answered(began)
            answer = _read(response, self._cost(response))
            reservation.settle(answer.usage, _outcome(answer))
            return answer

    def _request(self, messages: Sequence[ChatMessage]) -> dict[str, Any]:
        settings = {
            "temperature": self.config.temperature,
            "top_p": self.config.top_p,
            "api_base": self.config.api_base,
        }
        return {
            "model": self.model,
            "messages": [_wire(message) for message in messages],
            "max_tokens": self.config.max_output_tokens,
            **{name: value for name, value in settings.items() if value is not None},
        }

    def _reserve(self, messages: Sequence[ChatMessage], deadline: float) -> Reservation:
        return self._budget.reserve(
            self._worst_case(messages),
            model=self.model,
            purpose=self._purpose,
            call_s=self.config.call_s,
            wait_s=max(0.0, deadline - own_time()),
        )

    def _worst_case(self, messages: Sequence[ChatMessage]) -> WorstCase:
        """No tokenizer makes more tokens than bytes; the rest is room for what a chat template adds."""
        inputs = _bytes(messages) + 32 * len(messages) + 512
        outputs = self.config.max_output_tokens
        price = self._price
        return WorstCase(price and price.cost(inputs, outputs), inputs + outputs)

    @property
    def _price(self) -> Price | None:
        return self.config.price or _known(self.model).price

    def _cost(self, response: Any) -> float | None:
        """Dollars; None where the price or the usage is unknown (litellm then says 0)."""
        usage = getattr(response, "usage", None)
        inputs, outputs = (getattr(usage, f"{kind}_tokens", None) for kind in ("prompt", "completion"))
        if not inputs:
            return None
        if self.config.price:
            return self.config.price.cost(inputs, outputs or 0)
        cost: float | None = getattr(response, "_hidden_params", {}).get("response_cost")
        return cost

    def _refuse_what_cannot_fit(self, messages: Sequence[ChatMessage]) -> None:
        """Saves a call that the service would refuse. The count is an estimate; the service has the last word."""
        window = self.context_tokens
        if window is None or _bytes(messages) <= window:
            return
        tokens = self.count_tokens(messages)
        if tokens > window:
            raise ContextExceeded(f"the conversation has about {tokens} tokens, {self.model} takes {window}")

    def _wait_or_give_up(self, failed: "_Failed", failures: int, deadline: float) -> None:
        if failures >= self.config.attempts:
            raise TeacherUnavailable(f"{self.model} failed {failures} times, at last: {failed}")
        if failed.wait_s:
            return  # for as long no slot is given
        wait_s = min(60.0, self.config.retry_base_s * 2 ** (failures - 1)) * random.uniform(0.5, 1.5)
        if own_time() + wait_s >= deadline:
            raise TeacherUnavailable(f"{self.model}: no time for another attempt in {wait_s:.1f} s, after: {failed}")
        time.sleep(wait_s)

    def _meaning(self, fault: Fault, text: str) -> Exception:
        """What to raise for a fault. `text` holds no key."""
        if fault.error is None:
            return _Failed(f"{fault.outcome}: {text}", fault.wait_s)
        if fault.error is not InputError:
            return fault.error(f"{self.model}: {text}")
        remedies = {
            401: f"set the right {_key_names(self.model)} in the environment",
            402: "the account behind the key has no credit",
            403: "check the rights of the key, teacher.model and teacher.api_base",
            404: f"check teacher.model and teacher.api_base ({self.config.api_base})",
        }
        remedy = remedies.get(fault.status, f"check teacher.model and its settings {self.sampling}")
        return InputError(f"the service refused {self.model}: {remedy}. It said: {text}")


class _Known(NamedTuple):
    """What litellm's own table says of a model."""

    context_tokens: int | None
    price: Price | None


class _Failed(Exception):
    """An attempt that another one may mend."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _outcome(answer: Reply) -> str:
    if answer.finish_reason == "length":
        return "truncated"
    return "ok" if answer.content.strip() else "empty"


def _wire(message: ChatMessage) -> dict[str, str]:
    content = message.content.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent
    wire = {"role": message.role, "content": content}
    return wire if message.reasoning is None else {**wire, "reasoning_content": message.reasoning}


def _bytes(messages: Sequence[ChatMessage]) -> int:
    return sum(len((message.content + (message.reasoning or "")).encode("utf-8", "replace")) for message in messages)


@lru_cache(maxsize=4096)
def _tokens(text: str) -> int:
    """Remembered: a conversation is counted at every turn, and only its last messages are new."""
    count: int = _litellm().token_counter(model="", text=text)
    return count


_THOUGHT = re.compile(r"""
    \s* (<think(?:ing)?>)?
    ( (?(1) .*? | (?![{<]) (?: (?!<think) . )*? ) )
    (?: </think(?:ing)?> \s* | (?(1) \Z | (?!) ) )
""", re.DOTALL | re.VERBOSE)  # fmt: skip
"""A model's thinking ahead of its reply, or up to a limit; some chat templates have written the opening tag."""


def _read(response: Any, cost_usd: float | None) -> Reply:
    """Whatever is absent, the choice itself included, reads as empty."""
    choice = next(iter(response.choices), None)
    message = getattr(choice, "message", None)
    content = getattr(message, "content", None) or ""
    reasoning = getattr(message, "reasoning_content", None) or None
    if reasoning is None and (thought := _THOUGHT.match(content)):
        reasoning, content = thought[2], content[thought.end() :]
    usage = getattr(response, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    return Reply(
        content=content if reasoning is None else content.lstrip("\n"),
        reasoning=reasoning,
        finish_reason=getattr(choice, "finish_reason", None) or "stop",
        usage=Usage(
            input_tokens=getattr(usage, "prompt_tokens", 0) or 0,
            cached_tokens=getattr(details, "cached_tokens", 0) or 0,
            output_tokens=getattr(usage, "completion_tokens", 0) or 0,
            cost_usd=cost_usd,
        ),
    )


def _ask(request: dict[str, Any], timeout_s: float) -> Any:
    """One request and no second one. The limit holds even against a service that keeps sending blank lines."""
    if direct.serves(request["model"], request.get("api_base")):
        return run_within(timeout_s, lambda: direct.ask(request))
    completion = _litellm().acompletion
    return run_within(timeout_s, lambda: completion(**request, timeout=timeout_s, max_retries=0, num_retries=0))


@once
def _litellm() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import fetches prices from the network
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads keys from any .env it finds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import litellm
        except ImportError as error:
            raise SetupError(
                "a model behind litellm needs the `teacher` extra: pip install 'termforge[teacher]'"
            ) from error
        litellm.ModelResponse()  # pydantic builds it at its first use, with warnings of its own
    for name in ("LiteLLM", "LiteLLM Router"):  # two lines a call; what fails reaches us as an exception
        logging.getLogger(name).setLevel(logging.CRITICAL)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def _service_errors() -> tuple[type[BaseException], ...]:
    """All of litellm's errors derive from the OpenAI SDK's."""
    return (_litellm().exceptions.openai.OpenAIError, *direct.errors(), TimeoutError)


def _key_names(model: str) -> str:
    missing = _litellm().validate_environment(model)["missing_keys"]
    return " and ".join(missing) or f"{model.split('/')[0].upper()}_API_KEY"


@cache
def _known(model: str) -> _Known:
    litellm = _litellm()
    try:
        entry = litellm.get_model_info(model)
    except litellm.ModelNotMappedError:
        return _Known(None, None)
    return _Known(entry.get("max_input_tokens"), Price.dearest(entry))
