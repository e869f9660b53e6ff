"""A night with a model as teacher, over HTTP: what it writes well and badly, what it costs, what must not be kept."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from termforge.agent.protocol import render
from termforge.budget import Budget
from termforge.schemas import Command, DatasetRecord, Ending
from termforge.store import Store
from tests.flows.server import ROOT, Prefect
from tests.scripted_endpoint import ScriptedEndpoint
from tests.unit.synthesize.replies import GOOD

pytestmark = pytest.mark.bubblewrap

MODEL = "hosted_vllm/scripted"
KEY = "sk-nightly-0123456789abcdefghij"
COMMON = {"prompts": "", "images": "host", "sandbox": "bubblewrap", "concurrency": 4, "teacher": MODEL}
OTHER, THIRD = (
    GOOD.replace("Count the", f"{why}\nCount the")
    for why in (
        "A poet keeps a list of words, one on each line, and asks from time to time how long it has become.",
        "Before a dictionary goes to print, somebody at the press has to say how many entries it holds.",
    )
)
"""As good, and no near-duplicates: those are refused."""
WITH_KEY = GOOD.replace("two", KEY)
COUNTING = (Command(keystrokes="wc -l < words.txt > count.txt\n", duration_s=0.5),)
SOLUTION = render("Two lines.", "Count them.", COUNTING, task_complete=True)
DONE = render("Done.", "Confirm.", (), task_complete=True)
SCRIPT: dict[str, Any] = {
    "rules": [
        {
            "contains": "Skill primitives for this task",
            "reply": [
                {"content": GOOD},
                {"content": "I cannot do that."},
                {"content": GOOD.replace("/app/words.txt", "/app/../../etc/passwd")},
            ],
        },
        {"contains": "Below is a seed", "reply": [{"content": OTHER}, {"content": WITH_KEY}]},
        {"contains": "makes no task: path not below /app", "reply": {"content": THIRD}},
        {"contains": "makes no task: text outside the sections", "reply": {"content": "I still cannot."}},
        {"contains": "makes no task: looks like a secret", "reply": {"content": WITH_KEY}},
        {"contains": "Count the lines of /app/words.txt", "reply": {"content": SOLUTION}},
        {
            "contains": "",
            "reply": [{"status": 503, "error": f"no room for {KEY}", "retry_after": 0}, {"content": DONE}],
        },
    ],
}


class Growth(NamedTuple):
    """A night that is over."""

    store: Store
    requests: list[dict[str, Any]]
    log: str

    def record(self, name: str) -> DatasetRecord:
        (ref,) = self.store.versions(name)
        return self.store.record(ref)

    def rows(self, name: str) -> list[Any]:
        return list(self.store.read(self.record(name).ref))

    def ledger(self, night: str) -> pl.DataFrame:
        with Budget(Path(self.store.root) / ".growing" / "budgets" / f"{night}.sqlite") as budget:
            return budget.ledger()


def run(prefect: Prefect, flow: str, settings: dict[str, Any]) -> str:
    """Run a flow in a process of its own, the key in its environment; what it logged."""
    code = f"import sys; from flows.{flow} import {flow}; {flow}(**eval(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, repr(settings)],
        cwd=ROOT,
        env=prefect.env | {"HOSTED_VLLM_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def growth(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Growth:
    """Five requests for tasks, three of which need a repair turn, nine forged ones, a trial of each sound task."""
    store = tmp_path_factory.mktemp("synthesis") / "store"
    amounts = {"forged_per_domain": 1, "synthesized_from_skills": 3, "synthesized_from_seeds": 2}
    with ScriptedEndpoint(SCRIPT) as endpoint:
        place = {"night": "one", "store": str(store), "api_base": endpoint.url}
        log = run(prefect, "grow_corpus", COMMON | amounts | place)
        return Growth(Store(store), endpoint.requests, log)


def test_every_request_ends_as_one_task_or_one_rejected_reply(growth: Growth) -> None:
    counts = growth.record("synthesized-tasks").counts
    refused = {"text outside the sections": 2, "path not below /app": 1, "looks like a secret": 2}
    assert counts == {
        **{"requests": 5, "accepted": 3, "rejected": 2, "repair turns": 3, "repaired": 1},
        **{f"refused: {reason}": count for reason, count in refused.items()},
    }
    reasons = {"text outside the sections": 1, "looks like a secret": 1}
    assert growth.record("rejected-replies").counts == reasons
    assert Counter(row.reason for row in growth.rows("rejected-replies")) == reasons
    tasks = growth.rows("synthesized-tasks")
    assert (len(tasks), {row.provenance.teacher for row in tasks}) == (3, {MODEL})
    assert all(row.provenance.draw for row in tasks if row.provenance.source == "skill")


def test_what_the_model_wrote_is_rolled_out_with_the_rest(growth: Growth) -> None:
    counts = growth.record("candidates").counts
    assert counts == {"from synthesized-tasks": 3, "from forged-tasks": 9}
    sources = Counter(row.provenance.source for row in growth.rows("candidates"))
    assert sources == {"forge": 9, "skill": 2, "seed": 1}
    tasks = {row.id: row.provenance.source for row in growth.rows("tasks")}
    outcomes = Counter((tasks[row.task_id], row.outcome) for row in growth.rows("trajectories"))
    forged = sum(source == "forge" for source in tasks.values())
    assert outcomes == {("skill", "solved"): 2, ("seed", "solved"): 1, ("forge", "unsolved"): forged}


def test_a_trajectory_says_who_wrote_it_and_what_it_cost_in_tokens(growth: Growth) -> None:
    for row in growth.rows("trajectories"):
        assert (row.model, row.ending, len(row.turns)) == (MODEL, Ending.COMPLETED, 2)
        assert row.sampling == {"max_output_tokens": 8192}
        assert (row.usage.input_tokens, row.usage.output_tokens, row.usage.cost_usd) == (20, 10, None)


def test_a_models_rows_are_in_configurations_of_their_own(growth: Growth) -> None:
    counts = growth.record("corpus").counts
    configurations = {name.removeprefix("rows in "): rows for name, rows in counts.items() if name.startswith("rows")}
    assert sum(configurations.values()) == len(growth.rows("trajectories"))
    assert configurations["host_forged"] == len(growth.rows("trajectories")) - 3
    assert not any("oracle" in name for name in configurations)
    assert {name.split("_")[1] for name in configurations} == {"forged", "skill", "seed"}
    corpus = Path(growth.store.location(growth.record("corpus").ref))
    frames = pl.read_parquet([part for name in configurations for part in sorted((corpus / name).glob("*.parquet"))])
    assert set(frames["model"]) == {MODEL}


def test_the_ledger_has_one_row_a_call(growth: Growth) -> None:
    ledger = growth.ledger("one")
    assert ledger.height == len(growth.requests) == 5 + 3 + 1 + 2 * len(growth.rows("trajectories"))
    assert ledger["input_tokens"].sum() == 10 * (ledger.height - 1)
    assert set(ledger["model"]) == {MODEL}
    trials = {row.trial_id for row in growth.rows("trajectories")}
    assert trials < set(ledger["purpose"])
    assert sum(purpose.endswith(", repair") for purpose in ledger["purpose"]) == 3


def test_the_key_reaches_the_service_and_nothing_else(growth: Growth, prefect: Prefect) -> None:
    assert {request["authorization"] for request in growth.requests} == {f"Bearer {KEY}"}
    assert KEY not in growth.log
    files = [path for folder in (Path(growth.store.root), prefect.home) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    assert any(path.name == "prefect.db" for path in files)
    assert [path for path in files if KEY.encode() in content(path)] == []


def content(path: Path) -> bytes:
    """As it would be read: Parquet compresses."""
    if path.suffix == ".parquet":
        return json.dumps(pl.read_parquet(path).to_dicts(), default=repr).encode()
    return path.read_bytes()


def test_a_spent_budget_ends_the_trials_and_nothing_more_is_asked(growth: Growth, prefect: Prefect) -> None:
    tokens, usage = 40_000, {"prompt_tokens": 3000, "completion_tokens": 1000}
    settings = COMMON | {"tasks": str(growth.record("tasks").ref), "night": "small", "store": growth.store.root}
    with ScriptedEndpoint({"otherwise": {"content": DONE, "usage": usage}}) as endpoint:
        settings |= {"api_base": endpoint.url, "budget_tokens": tokens}
        del settings["prompts"]
        run(prefect, "roll_out", settings)
        asked = sum(sum(request["usage"].values()) for request in endpoint.requests)
    (ref,) = (ref for ref in growth.store.versions("trajectories") if ref.version.startswith("small-"))
    rows = list(growth.store.read(ref))
    spent = [row for row in rows if row.ending is Ending.BUDGET_EXHAUSTED]
    assert 0 < len(spent) < len(rows) == len(growth.rows("tasks"))
    assert growth.store.record(ref).counts["budget exhausted"] == len(spent)
    assert {row.attempt for row in rows} == {0}
    assert all(row.outcome == "budget exhausted" and "40000 tokens" in row.detail for row in spent)
    assert 0 < asked <= tokens
    ledger = growth.ledger("small")
    assert ledger.height == len(endpoint.requests)
    assert ledger["charged_tokens"].sum() <= tokens
