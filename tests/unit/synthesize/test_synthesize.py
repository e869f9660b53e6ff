"""One request at a time over a real connection: a teacher that writes well, badly, maliciously, or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from termforge.budget import Budget
from termforge.errors import InputError
from termforge.findings import Rejected
from termforge.images import Inventory
from termforge.schemas import DOMAINS, Domain, ImageRecipe, TerminalTask
from termforge.synthesize import (
    Environment,
    Reason,
    RefusedReply,
    SynthesisRequest,
    ask,
    repair,
    repairable,
    seed_requests,
    skill_requests,
)
from termforge.synthesize.prompt import conversation, remedies
from termforge.teacher import LitellmTeacher, TeacherConfig
from tests.scripted_endpoint import ScriptedEndpoint
from tests.unit.synthesize.replies import GOOD

KEY = "sk-live-abcdefghij0123456789"
ENVIRONMENTS: dict[Domain, Environment] = {
    domain: Environment(ImageRecipe(name=domain, recipe="00"), Inventory(apt={}, python={}, commands=()))
    for domain in DOMAINS
}
REQUEST = next(skill_requests(1, seed="1"))


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    with Budget(tmp_path / "budget.sqlite", tokens=10_000_000) as budget:
        yield budget


def teacher_at(endpoint: ScriptedEndpoint, budget: Budget, **settings: Any) -> LitellmTeacher:
    config = TeacherConfig(
        model="hosted_vllm/scripted", api_base=endpoint.url, attempts=2, retry_base_s=0.01, **settings
    )
    return LitellmTeacher(config, budget, purpose="synthesize")


def answers(
    replies: list[dict[str, Any]], budget: Budget, requests: list[SynthesisRequest]
) -> list[TerminalTask | Rejected]:
    with ScriptedEndpoint({"replies": replies}) as endpoint:
        teacher = teacher_at(endpoint, budget)
        return [ask(request, teacher, ENVIRONMENTS[request.domain], 60.0) for request in requests]


def test_every_request_ends_in_one_row(budget: Budget) -> None:
    replies = [
        {"content": GOOD},
        {"content": "I cannot do that."},
        {"content": GOOD.replace("/app/words.txt", "/app/../../etc/passwd")},
        {"content": GOOD.replace("from pathlib", "import subprocess\nfrom pathlib")},
        {"content": GOOD.replace("two", KEY)},
        {"content": GOOD[:300], "finish_reason": "length"},
        {"content": ""},
        {"content": ""},
        {"status": 503},
        {"status": 503},
        {"content": GOOD, "reasoning_content": "hm"},
    ]
    rows = answers(replies, budget, list(skill_requests(9, seed="1")))
    accepted = [index for index, row in enumerate(rows) if isinstance(row, TerminalTask)]
    assert accepted == [0, 8]
    refused = [row for row in rows if isinstance(row, Rejected)]
    assert [row.reason for row in refused] == [
        Reason.OUTSIDE_TEXT,
        Reason.BAD_PATH,
        Reason.UNSAFE_TEST,
        Reason.SECRET,
        Reason.TRUNCATED,
        Reason.EMPTY_REPLY,
        Reason.TEACHER_UNAVAILABLE,
    ]
    assert [repairable(row) for row in refused] == [True, True, True, True, True, False, False]


def test_an_accepted_task_says_where_it_comes_from(budget: Budget) -> None:
    (row,) = answers([{"content": GOOD}], budget, [REQUEST])
    assert isinstance(row, TerminalTask)
    provenance = row.provenance
    assert (provenance.source, provenance.generator, provenance.origin) == ("skill", "synthesize/skill@3", "skill 1-0")
    assert (provenance.skills, provenance.difficulty) == (REQUEST.skills, REQUEST.difficulty)
    assert provenance.draw == REQUEST.draw
    assert provenance.teacher == "hosted_vllm/scripted"
    assert len(provenance.prompt_sha256) == 64
    assert row.image == ENVIRONMENTS[REQUEST.domain].recipe
    assert budget.ledger()["purpose"].to_list() == ["synthesize"]


def test_a_rejected_row_keeps_request_and_reply_but_no_secret(budget: Budget) -> None:
    (row,) = answers([{"content": GOOD.replace("two", KEY)}], budget, [REQUEST])
    assert isinstance(row, Rejected)
    kept = RefusedReply.model_validate_json(row.row)
    assert kept.request == REQUEST
    assert "Count the lines" in kept.reply
    assert "abcdefghij" not in json.dumps(row.model_dump(mode="json"))


def test_seed_problems_become_tasks_and_a_copied_reference_is_refused(budget: Budget) -> None:
    requests = list(seed_requests(count=2))
    assert requests[0].seed_problem is not None
    assert requests[1].seed_problem is not None
    leak = GOOD.replace("Count", f"{requests[1].seed_problem.reference} Count")
    task, refused = answers([{"content": GOOD}, {"content": leak}], budget, requests)
    assert isinstance(task, TerminalTask)
    assert task.provenance.origin == f"seed {requests[0].seed_problem.id}-0"
    assert isinstance(refused, Rejected)
    assert refused.reason == Reason.REFERENCE_LEAKED


def test_a_repair_turn_shows_the_reply_and_its_fault_and_may_be_answered(budget: Budget) -> None:
    bad = f"Sure, with {KEY}!\n{GOOD}"
    with ScriptedEndpoint({"replies": [{"content": bad}, {"content": GOOD}]}) as endpoint:
        teacher, environment = teacher_at(endpoint, budget), ENVIRONMENTS[REQUEST.domain]
        refused = ask(REQUEST, teacher, environment, 60.0)
        assert isinstance(refused, Rejected)
        task = repair(refused, teacher, environment, 60.0)
        sent = endpoint.requests[1]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in sent[:2]] == [
        message.content for message in conversation(REQUEST, environment)
    ]
    assert "Sure, with [redacted]!" in sent[2]["content"]
    assert "looks like a secret (API key)" in sent[3]["content"]
    assert isinstance(task, TerminalTask)
    assert task.provenance.origin == REQUEST.origin
    assert budget.ledger().height == 2


def test_where_thought_took_the_whole_length_the_question_is_asked_anew_with_the_remedy(budget: Budget) -> None:
    thought = {"content": "", "reasoning_content": "hm " * 50, "finish_reason": "length"}
    with ScriptedEndpoint({"replies": [thought, {"content": GOOD}]}) as endpoint:
        teacher, environment = teacher_at(endpoint, budget), ENVIRONMENTS[REQUEST.domain]
        refused = ask(REQUEST, teacher, environment, 60.0)
        assert isinstance(refused, Rejected)
        assert (refused.reason, repairable(refused)) == (Reason.TRUNCATED, True)
        task = repair(refused, teacher, environment, 60.0)
        sent = endpoint.requests[1]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user"]
    assert sent[1]["content"].startswith(conversation(REQUEST, environment)[1].content)
    assert "nothing came of it: reply truncated" in sent[1]["content"]
    assert remedies()[Reason.TRUNCATED] in sent[1]["content"]
    assert isinstance(task, TerminalTask)


def test_a_repair_that_fails_keeps_both_replies_and_the_last_reason(budget: Budget) -> None:
    bad = [{"content": "Sure!"}, {"content": GOOD.replace("test_count: 1", "test_count: 0")}]
    with ScriptedEndpoint({"replies": bad}) as endpoint:
        teacher, environment = teacher_at(endpoint, budget), ENVIRONMENTS[REQUEST.domain]
        refused = ask(REQUEST, teacher, environment, 60.0)
        assert isinstance(refused, Rejected)
        row = repair(refused, teacher, environment, 60.0)
    assert isinstance(row, Rejected)
    assert (refused.reason, row.reason) == (Reason.OUTSIDE_TEXT, Reason.BAD_WEIGHTS)
    kept = RefusedReply.model_validate_json(row.row)
    assert kept.first_reason == Reason.OUTSIDE_TEXT
    assert kept.first_reply == "Sure!"
    assert "test_count: 0" in kept.reply


def test_requests_after_the_budgets_end_are_rejected_and_not_sent(tmp_path: Path) -> None:
    reply = {"content": GOOD, "usage": {"prompt_tokens": 5000, "completion_tokens": 1}}
    with (
        Budget(tmp_path / "small.sqlite", tokens=20_000) as small,
        ScriptedEndpoint({"otherwise": reply}) as endpoint,
    ):
        teacher = teacher_at(endpoint, small, max_output_tokens=1)
        rows = [ask(one, teacher, ENVIRONMENTS[one.domain], 60.0) for one in skill_requests(12, seed="1")]
        sent = len(endpoint.requests)
    assert 0 < sent < 4
    assert all(isinstance(row, TerminalTask) for row in rows[:sent])
    assert {row.reason for row in rows[sent:] if isinstance(row, Rejected)} == {Reason.BUDGET_EXHAUSTED}


def test_a_refused_setting_is_the_users_to_mend(budget: Budget) -> None:
    with ScriptedEndpoint({"otherwise": {"status": 401}}) as endpoint:
        teacher = teacher_at(endpoint, budget)
        with pytest.raises(InputError, match="HOSTED_VLLM_API_KEY"):
            ask(REQUEST, teacher, ENVIRONMENTS[REQUEST.domain], 60.0)
