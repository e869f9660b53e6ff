"""The litellm teacher against an endpoint that misbehaves. Everything here goes over a real loopback connection."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from termforge.budget import Budget
from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    InputError,
    OutputTruncated,
    TeacherUnavailable,
)
from termforge.teacher import ChatMessage, LitellmTeacher, TeacherConfig
from termforge.teacher.calls import calls_to
from tests.scripted_endpoint import ScriptedEndpoint

KEY = "odd-format+but/secret=4711"
HELLO = [ChatMessage(role="user", content="hello")]


class Asked:
    """A teacher in front of a scripted endpoint."""

    def __init__(self, endpoint: ScriptedEndpoint, budget: Budget, **settings: Any) -> None:
        settings = {"model": "hosted_vllm/scripted", "api_base": endpoint.url, "retry_base_s": 0.01, **settings}
        self.teacher = LitellmTeacher(TeacherConfig(**settings), budget)
        self.endpoint = endpoint
        self.budget = budget

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.endpoint.requests

    @property
    def outcomes(self) -> list[str]:
        return self.budget.ledger()["outcome"].to_list()


Ask = Callable[..., Asked]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    calls_to.cache_clear()  # an endpoint of an earlier test may have had the same port
    with ExitStack() as stack:

        def start(*replies: dict[str, Any], otherwise: Any = None, budget: Any = None, **settings: Any) -> Asked:
            script = {"replies": list(replies), "otherwise": otherwise or {}}
            endpoint = stack.enter_context(ScriptedEndpoint(script))
            ledger = stack.enter_context(Budget(tmp_path / "budget.sqlite", **(budget or {})))
            return Asked(endpoint, ledger, **settings)

        yield start


def test_a_reply_carries_content_reasoning_usage_and_no_invented_cost(ask: Ask) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    asked = ask({"content": " fine\n", "reasoning_content": "hm", "usage": usage})
    reply = asked.teacher.reply(HELLO, timeout_s=60)
    assert (reply.content, reply.reasoning, reply.finish_reason) == (" fine\n", "hm", "stop")
    assert (reply.usage.input_tokens, reply.usage.cached_tokens, reply.usage.output_tokens) == (10, 4, 5)
    assert reply.usage.cost_usd is None
    assert 0 < reply.seconds < 10


def test_the_request_holds_what_was_set_and_the_key_from_the_environment(ask: Ask) -> None:
    asked = ask(temperature=0.3, max_output_tokens=77)
    history = [
        ChatMessage(role="system", content="rules"),
        ChatMessage(role="user", content="one \ud800"),
        ChatMessage(role="assistant", content="two", reasoning="because"),
        ChatMessage(role="user", content="three"),
    ]
    asked.teacher.reply(history, timeout_s=60)
    request = asked.requests[0]
    assert request["authorization"] == f"Bearer {KEY}"
    assert request["body"]["temperature"] == 0.3
    assert request["body"]["max_tokens"] == 77
    assert "top_p" not in request["body"]
    assert request["body"]["messages"] == [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "one ?"},
        {"role": "assistant", "content": "two", "reasoning_content": "because"},
        {"role": "user", "content": "three"},
    ]
    assert asked.teacher.sampling == {"temperature": 0.3, "max_output_tokens": 77}


@pytest.mark.parametrize("model", ["hosted_vllm/scripted", "openai/scripted", "deepseek/deepseek-chat"])
def test_inline_thinking_is_kept_apart(ask: Ask, model: str) -> None:
    reply = ask({"content": "<think>\nso\n</think>\n\n{}\n"}, model=model).teacher.reply(HELLO, timeout_s=60)
    assert (reply.content, (reply.reasoning or "").strip()) == ("{}\n", "so")


@pytest.mark.parametrize(
    "content",
    ["<thinking>so</thinking>{}", "so</think>\n\n{}", "so, in {}: x</thinking>{}", "\nso\n</think>{}"],
)
def test_thinking_is_known_by_its_end(ask: Ask, content: str) -> None:
    """Templates that open the tag in the prompt leave only its end in the reply."""
    reply = ask({"content": content}).teacher.reply(HELLO, timeout_s=60)
    assert reply.content == "{}"
    assert (reply.reasoning or "").strip().startswith("so")


@pytest.mark.parametrize("content", ['{"analysis": "a </think> tag"}', "<instruction>\n</think>\n</instruction>"])
def test_an_end_of_thinking_in_a_reply_is_content(ask: Ask, content: str) -> None:
    assert ask({"content": content}).teacher.reply(HELLO, timeout_s=60).content == content


def test_a_think_tag_in_the_middle_is_content(ask: Ask) -> None:
    content = "see <think>this</think>"
    reply = ask({"content": content}).teacher.reply(HELLO, timeout_s=60)
    assert (reply.content, reply.reasoning) == (content, None)


@pytest.mark.parametrize("model", ["hosted_vllm/scripted", "openai/scripted"])
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 429}, "rate limited"),
        ({"status": 500}, "service failed"),
        ({"status": 503}, "service failed"),
        ({"drop": True}, "cut off"),
        ({"body": "<html>not JSON</html>"}, "cut off"),
        ({"body": "{}"}, "cut off"),
        ({"body": '{"choices": []}'}, "empty"),
        ({"body": '{"error": {"message": "upstream failed", "code": 502}}'}, "cut off"),
        ({"stall_s": 3.0}, "timed out"),
        ({"trickle_s": 3.0}, "timed out"),
    ],
)
def test_a_passing_fault_is_mended_by_one_more_request(
    ask: Ask, model: str, fault: dict[str, Any], outcome: str
) -> None:
    asked = ask({}, fault, model=model)
    asked.teacher.reply(HELLO, timeout_s=60)  # the first call of a process is slow
    hasty = LitellmTeacher(
        asked.teacher.config.model_copy(update={"call_s": 1.2 if "timed" in outcome else 60}), asked.budget
    )
    assert hasty.reply(HELLO, timeout_s=60).content == "ok"
    assert len(asked.requests) == 3
    assert asked.outcomes == ["ok", outcome, "ok"]


def test_a_fault_that_stays_makes_the_teacher_unavailable_after_the_set_attempts(ask: Ask) -> None:
    asked = ask(otherwise={"status": 503}, attempts=3)
    with pytest.raises(TeacherUnavailable, match="failed 3 times"):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert len(asked.requests) == 3


def test_a_service_that_is_not_there_costs_nothing(ask: Ask) -> None:
    asked = ask(attempts=2, budget={"tokens": 100_000}, api_base="http://127.0.0.1:9/v1")
    with pytest.raises(TeacherUnavailable, match="unreachable"):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert asked.budget.spent() == (0, 0, 0, 0)


@pytest.mark.parametrize("told", [{"retry_after": 1}, {"retry_date_s": 2.0}], ids=["seconds", "date"])
def test_retry_after_is_honoured(ask: Ask, told: dict[str, Any]) -> None:
    asked = ask({"status": 429, **told})
    asked.teacher.reply(HELLO, timeout_s=60)
    first, second = (request["received"] for request in asked.requests)
    assert 0.95 <= second - first < 3.0  # a date has whole seconds: 2 s from now are at least 1


def test_a_retry_after_beyond_the_time_limit_is_not_waited_for(ask: Ask) -> None:
    asked = ask({"status": 429, "retry_after": 3600})
    started = time.monotonic()
    with pytest.raises(TeacherUnavailable, match="no time for another attempt"):
        asked.teacher.reply(HELLO, timeout_s=5)
    assert time.monotonic() - started < 4


def test_the_time_limit_includes_retries_and_holds_against_a_trickle(ask: Ask) -> None:
    asked = ask({}, otherwise={"trickle_s": 30})
    asked.teacher.reply(HELLO, timeout_s=60)
    started = time.monotonic()
    with pytest.raises(TeacherUnavailable):
        asked.teacher.reply(HELLO, timeout_s=1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("status", "named"),
    [(400, "max_output_tokens"), (401, "HOSTED_VLLM_API_KEY"), (402, "credit"), (403, "api_base"), (404, "model")],
)
def test_a_refusal_is_not_retried_and_names_the_setting(ask: Ask, status: int, named: str) -> None:
    asked = ask({"status": status, "error": f"no: {KEY} or sk-abcdefghij0123456789"})
    with pytest.raises(InputError, match=named) as raised:
        asked.teacher.reply(HELLO, timeout_s=60)
    assert len(asked.requests) == 1
    assert KEY not in str(raised.value)
    assert "abcdefghij" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("model", ["hosted_vllm/scripted", "openai/scripted"])
@pytest.mark.parametrize("error", ["Content Exists Risk", "data_inspection_failed: Input data may contain ..."])
def test_a_prompt_refused_for_its_content_concerns_no_other(ask: Ask, model: str, error: str) -> None:
    asked = ask({"status": 400, "error": error}, model=model)
    with pytest.raises(EmptyReply):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert len(asked.requests) == 1


def test_a_missing_key_is_the_users_to_set(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    asked = ask(model="openai/scripted")
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        asked.teacher.reply(HELLO, timeout_s=60)


def test_keys_stay_out_of_the_error_of_a_failing_service(ask: Ask) -> None:
    asked = ask(otherwise={"status": 500, "error": f"bad {KEY}, Bearer abc.def"}, attempts=1)
    with pytest.raises(TeacherUnavailable) as raised:
        asked.teacher.reply(HELLO, timeout_s=60)
    assert KEY not in str(raised.value)
    assert "abc.def" not in str(raised.value)


def test_the_services_word_on_the_window_ends_the_conversation(ask: Ask) -> None:
    asked = ask({"status": 400, "error": "This model's maximum context length is 100 tokens. You requested 200."})
    with pytest.raises(ContextExceeded):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert len(asked.requests) == 1


def test_a_conversation_beyond_the_known_window_is_not_sent(ask: Ask) -> None:
    asked = ask(context_tokens=50)
    asked.teacher.reply([ChatMessage(role="user", content="word " * 40)], timeout_s=60)  # 200 bytes, 40 tokens
    with pytest.raises(ContextExceeded):
        asked.teacher.reply([ChatMessage(role="user", content="word " * 80 + "<|endoftext|>")], timeout_s=60)
    assert len(asked.requests) == 1


def test_tokens_are_counted_over_contents_and_reasoning(ask: Ask) -> None:
    teacher = ask().teacher
    said = ChatMessage(role="assistant", content="word " * 40)
    thought = said.model_copy(update={"reasoning": "word " * 40})
    one = teacher.count_tokens([said])
    assert 30 < one < 60
    assert teacher.count_tokens([said, thought]) == 3 * one
    assert teacher.count_tokens([]) == 0


def test_the_window_of_a_known_model_comes_from_litellm(ask: Ask) -> None:
    assert ask(model="deepseek/deepseek-chat").teacher.context_tokens == 131_072
    assert ask().teacher.context_tokens is None


def test_a_cut_reply_keeps_what_arrived_and_what_it_cost(ask: Ask) -> None:
    asked = ask({"content": '{"analysis', "reasoning_content": "hm", "finish_reason": "length"})
    with pytest.raises(OutputTruncated, match="max_output_tokens=8192") as raised:
        asked.teacher.reply(HELLO, timeout_s=60)
    assert (raised.value.partial, raised.value.reasoning) == ('{"analysis', "hm")
    assert raised.value.usage is not None
    assert raised.value.usage.output_tokens == 5
    assert asked.outcomes == ["truncated"]


def test_thinking_that_was_cut_is_not_content(ask: Ask) -> None:
    asked = ask({"content": "<think>and so on", "finish_reason": "length"})
    with pytest.raises(OutputTruncated) as raised:
        asked.teacher.reply(HELLO, timeout_s=60)
    assert (raised.value.partial, raised.value.reasoning) == ("", "and so on")


def test_an_empty_reply_is_asked_for_once_more_and_both_are_paid(ask: Ask) -> None:
    reply = ask({"content": ""}, {"content": "now"}).teacher.reply(HELLO, timeout_s=60)
    assert (reply.content, reply.usage.input_tokens) == ("now", 20)


def test_two_empty_replies_are_an_error(ask: Ask) -> None:
    asked = ask(otherwise={"content": None})
    with pytest.raises(EmptyReply):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert len(asked.requests) == 2
    assert asked.outcomes == ["empty", "empty"]


def test_cost_comes_from_the_set_prices(ask: Ask) -> None:
    asked = ask(usd_per_million_input=1.0, usd_per_million_output=2.0, budget={"usd": 1.0})
    reply = asked.teacher.reply(HELLO, timeout_s=60)
    assert reply.usage.cost_usd == pytest.approx(20e-6)
    assert asked.budget.spent().settled_usd == pytest.approx(20e-6)


def test_cost_of_a_known_model_comes_from_litellm_with_cached_input_cheaper(ask: Ask) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    asked = ask({"usage": usage}, model="deepseek/deepseek-chat", budget={"usd": 1.0})
    reply = asked.teacher.reply(HELLO, timeout_s=60)
    assert reply.usage.cost_usd is not None
    assert 0 < reply.usage.cost_usd < asked.teacher._worst_case(HELLO).usd


def test_a_reply_without_usage_counts_at_its_worst_case(ask: Ask) -> None:
    asked = ask({"usage": None}, model="deepseek/deepseek-chat", budget={"usd": 1.0})
    reply = asked.teacher.reply(HELLO, timeout_s=60)
    assert reply.usage.cost_usd is None
    worst = asked.teacher._worst_case(HELLO)
    assert worst.usd is not None
    assert asked.budget.spent().settled_usd == pytest.approx(worst.usd, abs=1e-8)
    assert asked.budget.spent().settled_tokens == worst.tokens


def test_a_reply_that_was_lost_on_the_way_counts_at_its_worst_case(ask: Ask) -> None:
    asked = ask({"drop": True}, budget={"tokens": 100_000})
    asked.teacher.reply(HELLO, timeout_s=60)
    assert asked.budget.spent().settled_tokens == asked.teacher._worst_case(HELLO).tokens + 15


def test_a_model_without_a_price_is_refused_under_a_dollar_budget(ask: Ask) -> None:
    with pytest.raises(InputError, match="usd_per_million_input"):
        ask(budget={"usd": 1.0})


def test_a_tight_budget_ends_the_calls_before_the_service_is_asked(ask: Ask) -> None:
    asked = ask(budget={"tokens": 100})
    with pytest.raises(BudgetExhausted):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert asked.requests == []


def test_the_ledger_names_the_purpose_and_holds_no_text(ask: Ask, tmp_path: Path) -> None:
    asked = ask({"content": "a very private answer"})
    asked.teacher.for_purpose("trial-7").reply([ChatMessage(role="user", content="a private question")], timeout_s=60)
    assert asked.budget.ledger()["purpose"].to_list() == ["trial-7"]
    content = b"".join(path.read_bytes() for path in tmp_path.glob("budget.sqlite*"))
    assert b"trial-7" in content
    assert b"private" not in content
    assert KEY.encode() not in content


@pytest.mark.parametrize(
    "settings",
    [
        {"api_base": "http://user:secret@host/v1"},
        {"api_base": "http://host/v1?key=secret"},
        {"api_base": "file:///etc"},
        {"usd_per_million_input": 1.0},
        {"api_key": "sk-1"},
        {"max_output_tokens": 0},
    ],
)
def test_a_config_that_could_hold_a_secret_or_cannot_work_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TeacherConfig(model="m", **settings)


def test_litellm_says_nothing_of_its_own(
    ask: Ask, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    asked = ask({}, {"status": 401, "error": KEY})
    asked.teacher.reply(HELLO, timeout_s=60)
    with pytest.raises(InputError):
        asked.teacher.reply(HELLO, timeout_s=60)
    assert [record for record in caplog.records if "litellm" in record.name.lower()] == []
    assert "".join(capfd.readouterr()) == ""
    assert KEY not in caplog.text


def test_importing_the_teacher_does_not_import_litellm() -> None:
    program = "import sys, termforge.teacher; sys.exit('litellm' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
