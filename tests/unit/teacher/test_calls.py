"""Calls in flight follow what a service bears, and our own queue uses up nobody's time."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from termforge.budget import Budget
from termforge.errors import TeacherUnavailable
from termforge.stages.teachers import TeacherChoice
from termforge.store import version_of
from termforge.teacher import ChatMessage, LitellmTeacher, Reply, TeacherConfig
from termforge.teacher.calls import START, calls_to
from tests.scripted_endpoint import ScriptedEndpoint

HELLO = [ChatMessage(role="user", content="hello")]
Serve = Callable[..., tuple[LitellmTeacher, ScriptedEndpoint]]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    calls_to.cache_clear()  # an endpoint of an earlier test may have had the same port
    with ExitStack() as stack:
        budget = stack.enter_context(Budget(tmp_path / "budget.sqlite"))

        def start(script: dict[str, Any], **settings: Any) -> tuple[LitellmTeacher, ScriptedEndpoint]:
            endpoint = stack.enter_context(ScriptedEndpoint(script))
            settings = {"model": "hosted_vllm/scripted", "retry_base_s": 0.05, **settings}
            return LitellmTeacher(TeacherConfig(api_base=endpoint.url, **settings), budget), endpoint

        yield start


def asked_at_once(teacher: LitellmTeacher, callers: int, *, turns: int = 1, timeout_s: float = 60.0) -> list[Reply]:
    """Replies to that many callers, who ask one turn after the other."""

    def converse(_: int) -> list[Reply]:
        return [teacher.reply(HELLO, timeout_s=timeout_s) for _ in range(turns)]

    with ThreadPoolExecutor(callers) as pool:
        return [reply for replies in pool.map(converse, range(callers)) for reply in replies]


def statuses(endpoint: ScriptedEndpoint) -> Counter[int]:
    return Counter(request["status"] for request in endpoint.requests)


@pytest.mark.parametrize("retry_after", [None, 0.2], ids=["plain", "with Retry-After"])
def test_the_calls_of_64_trials_find_what_a_service_bears(serve: Serve, retry_after: float | None) -> None:
    bears = {"calls": 8, "beyond": {"status": 429, "retry_after": retry_after}}
    teacher, endpoint = serve({"bears": bears, "otherwise": {"stall_s": 0.1}})
    replies = asked_at_once(teacher, 64, turns=5)
    gate = teacher._calls.gate
    assert [reply.content for reply in replies] == ["ok"] * 320
    assert 4 <= gate.limit <= 12
    assert gate.highest < 64
    assert statuses(endpoint)[200] == 320
    assert statuses(endpoint)[429] < 64


def test_a_service_that_bears_everything_is_asked_for_all_at_once(serve: Serve) -> None:
    teacher, endpoint = serve({"otherwise": {"stall_s": 0.1}})
    asked_at_once(teacher, 64, turns=5)
    assert teacher._calls.gate.highest == 64
    assert statuses(endpoint) == {200: 320}


def test_the_users_limit_is_kept(serve: Serve) -> None:
    script = {"bears": {"calls": 3, "beyond": {"status": 429}}, "otherwise": {"stall_s": 0.02}}
    teacher, endpoint = serve(script, max_calls=3)
    asked_at_once(teacher, 16, turns=3)
    assert teacher._calls.gate.highest == 3
    assert statuses(endpoint) == {200: 48}


def test_waiting_for_a_slot_is_not_the_models_time(serve: Serve) -> None:
    """The last of eight waits seven times as long as a call takes, and longer than it may."""
    teacher, _ = serve({"replies": [{}], "otherwise": {"stall_s": 0.6}}, max_calls=1)
    teacher.reply(HELLO, timeout_s=60)  # the first call of a process is slow
    began = time.monotonic()
    replies = asked_at_once(teacher, 8, timeout_s=3.0)
    assert time.monotonic() - began > 4.5
    assert max(reply.seconds for reply in replies) < 3.0


def test_a_retry_after_holds_for_every_caller(serve: Serve) -> None:
    teacher, endpoint = serve({"replies": [{"status": 429, "retry_after": 1}]})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(teacher.reply, HELLO, timeout_s=60)
        while not teacher._calls.gate.closed_until:
            time.sleep(0.005)
        teacher.for_purpose("another").reply(HELLO, timeout_s=60)
        first.result()
    refused, *others = (request["received"] for request in endpoint.requests)
    assert all(other - refused > 0.95 for other in others)


def test_a_service_that_answers_nobody_is_given_up_in_the_callers_time(serve: Serve) -> None:
    """However many wait: each refusal closes the service for all."""
    teacher, endpoint = serve({"otherwise": {"status": 429, "retry_after": 0.5}})
    began = time.monotonic()

    def give_up(_: int) -> None:
        with pytest.raises(TeacherUnavailable, match="no time for another attempt, after: rate limited"):
            teacher.reply(HELLO, timeout_s=1.5)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(give_up, range(6)))
    assert time.monotonic() - began < 30
    assert len(endpoint.requests) < 24


def test_who_comes_while_a_service_is_closed_for_longer_than_he_has_does_not_wait(serve: Serve) -> None:
    teacher, endpoint = serve({"replies": [{"status": 429, "retry_after": 3600}]})
    for _ in range(2):
        with pytest.raises(TeacherUnavailable, match="no time for another attempt"):
            teacher.reply(HELLO, timeout_s=5)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("refusal", "shrinks"),
    [
        ({"status": 429}, True),
        ({"status": 529}, True),
        ({"status": 503, "retry_after": 0.1}, True),
        ({"status": 503}, False),
        ({"status": 500}, False),
        ({"drop": True}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", ["hosted_vllm/scripted", "openai/scripted"])
def test_only_what_the_service_calls_too_much_shrinks_the_limit(
    serve: Serve, model: str, refusal: dict[str, Any], shrinks: bool
) -> None:
    teacher, _ = serve({"replies": [refusal]}, model=model)
    teacher.reply(HELLO, timeout_s=60)
    assert (teacher._calls.gate.limit < START) == shrinks


def test_teachers_of_the_same_service_share_its_calls(serve: Serve) -> None:
    teacher, _ = serve({})
    config = teacher.config.model_copy(update={"temperature": 0.5})
    again, other = (LitellmTeacher(each, teacher._budget) for each in (config, TeacherConfig(model="openai/other")))
    assert again._calls is teacher._calls
    assert other._calls is not teacher._calls


def test_how_many_calls_are_made_at_once_is_no_part_of_a_version() -> None:
    few, many = (
        TeacherChoice(model="m", service=TeacherConfig(model="m", max_calls=most)).model_dump(mode="json")
        for most in (1, 100)
    )
    assert version_of("night", "stage", few) == version_of("night", "stage", many)
