"""From requests to rows over a real connection: a teacher that writes well, badly, maliciously, or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from termforge.budget import Budget
from termforge.errors import InputError
from termforge.images import Inventory
from termforge.schemas import DOMAINS, Domain, ImageRecipe, Rejected, TerminalTask
from termforge.synthesize import Environment, Reason, seed_requests, skill_requests, synthesize
from termforge.synthesize.request import RejectedReply
from termforge.teacher import LitellmTeacher, TeacherConfig
from tests.scripted_endpoint import ScriptedEndpoint

GOOD = """\
<instruction>
Count the lines of /app/words.txt and write the number to /app/count.txt.
</instruction>
<files>
<file path="/app/words.txt">
one
two
</file>
</files>
<tests>
from pathlib import Path


def test_count():
    assert Path("/app/count.txt").is_file()
    assert Path("/app/count.txt").read_text().strip() == "2"
</tests>
<weights>
test_count: 1
</weights>
<test_requirements>
</test_requirements>
<info>
Small.
</info>
"""
ENVIRONMENTS: dict[Domain, Environment] = {
    domain: Environment(ImageRecipe(name=domain, recipe="00"), Inventory(apt={}, python={}, commands=()))
    for domain in DOMAINS
}


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    with Budget(tmp_path / "budget.sqlite", tokens=10_000_000) as budget:
        yield budget


def teacher_at(endpoint: ScriptedEndpoint, budget: Budget, **settings: Any) -> LitellmTeacher:
    config = TeacherConfig(
        model="hosted_vllm/scripted", api_base=endpoint.url, attempts=2, retry_base_s=0.01, **settings
    )
    return LitellmTeacher(config, budget, purpose="synthesize")


def rows_of(script: dict[str, Any], budget: Budget, count: int, **options: Any) -> list[TerminalTask | Rejected]:
    with ScriptedEndpoint(script) as endpoint:
        requests = skill_requests(count, seed="1")
        return list(synthesize(requests, teacher_at(endpoint, budget), ENVIRONMENTS, **options))


def test_every_request_ends_in_one_row(budget: Budget) -> None:
    replies = [
        {"content": GOOD},
        {"content": "I cannot do that."},
        {"content": GOOD.replace("/app/words.txt", "/app/../../etc/passwd")},
        {"content": GOOD.replace("from pathlib", "import subprocess\nfrom pathlib")},
        {"content": GOOD.replace("two", "sk-live-abcdefghij0123456789")},
        {"content": GOOD[:300], "finish_reason": "length"},
        {"content": ""},
        {"content": ""},
        {"status": 503},
        {"status": 503},
        {"content": GOOD, "reasoning_content": "hm"},
    ]
    rows = rows_of({"replies": replies}, budget, 9, parallel=1)
    accepted = [index for index, row in enumerate(rows) if isinstance(row, TerminalTask)]
    assert accepted == [0, 8]
    assert [row.reason for row in rows if isinstance(row, Rejected)] == [
        Reason.OUTSIDE_TEXT,
        Reason.BAD_PATH,
        Reason.UNSAFE_TEST,
        Reason.SECRET,
        Reason.TRUNCATED,
        Reason.EMPTY_REPLY,
        Reason.TEACHER_UNAVAILABLE,
    ]


def test_an_accepted_task_says_where_it_comes_from(budget: Budget) -> None:
    (row,) = rows_of({"otherwise": {"content": GOOD}}, budget, 1)
    assert isinstance(row, TerminalTask)
    (request,) = skill_requests(1, seed="1")
    provenance = row.provenance
    assert (provenance.source, provenance.generator, provenance.origin) == ("skill", "synthesize/skill@1", "skill 1-0")
    assert (provenance.skills, provenance.difficulty) == (request.skills, request.difficulty)
    assert provenance.teacher == "hosted_vllm/scripted"
    assert len(provenance.prompt_sha256) == 64
    assert row.image == ENVIRONMENTS[request.domain].recipe
    assert budget.ledger()["purpose"].to_list() == ["synthesize"]


def test_a_rejected_row_keeps_request_and_reply_but_no_secret(budget: Budget) -> None:
    content = GOOD.replace("two", "sk-live-abcdefghij0123456789")
    (row,) = rows_of({"otherwise": {"content": content}}, budget, 1)
    assert isinstance(row, Rejected)
    kept = RejectedReply.model_validate_json(row.row)
    assert kept.request == next(skill_requests(1, seed="1"))
    assert "Count the lines" in kept.reply
    assert "abcdefghij" not in json.dumps(row.model_dump(mode="json"))


def test_seed_problems_become_tasks_and_a_copied_reference_is_refused(budget: Budget) -> None:
    requests = list(seed_requests(count=2))
    assert requests[1].seed_problem is not None
    leak = GOOD.replace("Count", f"{requests[1].seed_problem.reference} Count")
    with ScriptedEndpoint({"replies": [{"content": GOOD}, {"content": leak}]}) as endpoint:
        task, refused = synthesize(requests, teacher_at(endpoint, budget), ENVIRONMENTS, parallel=1)
    assert isinstance(task, TerminalTask)
    assert task.provenance.origin == "seed tide-gaps"
    assert isinstance(refused, Rejected)
    assert refused.reason == Reason.SOLUTION_LEAKED


def test_rows_keep_the_order_of_their_requests_when_asked_in_parallel(budget: Budget) -> None:
    slow = {"contains": "Task category: Data Processing", "reply": {"content": GOOD, "stall_s": 0.3}}
    rows = rows_of({"rules": [slow], "otherwise": {"content": GOOD}}, budget, 18, parallel=8)
    origins = [row.provenance.origin for row in rows if isinstance(row, TerminalTask)]
    assert origins == [f"skill 1-{index}" for index in range(18)]


def test_requests_after_the_budgets_end_are_rejected_and_not_sent(tmp_path: Path) -> None:
    reply = {"content": GOOD, "usage": {"prompt_tokens": 5000, "completion_tokens": 1}}
    with (
        Budget(tmp_path / "small.sqlite", tokens=20_000) as small,
        ScriptedEndpoint({"otherwise": reply}) as endpoint,
    ):
        teacher = teacher_at(endpoint, small, max_output_tokens=1)
        rows = list(synthesize(skill_requests(30, seed="1"), teacher, ENVIRONMENTS, parallel=1))
        sent = len(endpoint.requests)
    assert 0 < sent < 4
    assert all(isinstance(row, TerminalTask) for row in rows[:sent])
    assert {row.reason for row in rows[sent:] if isinstance(row, Rejected)} == {Reason.BUDGET_EXHAUSTED}


def test_a_refused_setting_stops_everything_after_the_first_request(budget: Budget) -> None:
    with ScriptedEndpoint({"otherwise": {"status": 401}}) as endpoint:
        teacher = teacher_at(endpoint, budget)
        with pytest.raises(InputError, match="HOSTED_VLLM_API_KEY"):
            list(synthesize(skill_requests(200, seed="1"), teacher, ENVIRONMENTS, parallel=2))
        assert len(endpoint.requests) < 20


def test_a_domain_without_an_image_is_the_users_to_build(budget: Budget) -> None:
    with ScriptedEndpoint() as endpoint, pytest.raises(InputError, match="data-processing"):
        list(synthesize(skill_requests(1, seed="1"), teacher_at(endpoint, budget), {}))
