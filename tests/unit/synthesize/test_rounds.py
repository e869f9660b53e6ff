"""The stage over a real connection: both rounds, their counts and ledger, and what a killed run has to ask again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from termforge import prompts
from termforge.budget import Budget
from termforge.errors import InputError
from termforge.schemas import DatasetRecord
from termforge.stages.machine import Machine
from termforge.stages.synthesis import SynthesisConfig, synthesize
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store
from termforge.synthesize import Reason
from tests.scripted_endpoint import ScriptedEndpoint
from tests.unit.synthesize.replies import GOOD

pytestmark = pytest.mark.bubblewrap

MODEL = "hosted_vllm/scripted"
MACHINE = Machine(sandbox="bubblewrap", images="host")
REPAIR = "There is no further attempt."
FIRST = [
    GOOD,
    "I cannot do that.",
    GOOD.replace("/app/words.txt", "/etc/passwd"),
    GOOD.replace('words.txt">', 'words.txt" link="/etc/passwd">'),
    GOOD.replace("two", "x" * 70_000),
    GOOD.replace("two", "AKIAABCDEFGHIJKLMNOP"),
    GOOD.replace("test_count: 1", "test_count: heavy"),
    "",
    "",
    GOOD.replace("Count the lines", "Count the lines by dynamic programming").replace("Small.", "Dynamic programming."),
]
SECOND = [GOOD, GOOD, "Still not.", GOOD.replace("/app/words.txt", "/app/../x"), GOOD, GOOD, ""]


def config(endpoint: str, **settings: Any) -> SynthesisConfig:
    teacher = TeacherChoice.of(MODEL, api_base=endpoint, temperature=None, max_output_tokens=8192)
    return SynthesisConfig(**{"teacher": teacher, "from_skills": 0, "from_seeds": 0, "seed": "1"} | settings)


def run(store: Path, asked: SynthesisConfig, concurrency: int = 1) -> DatasetRecord:
    return synthesize(
        Store(str(store)), "one", asked, MACHINE, BudgetConfig(tokens=10**7), concurrency=concurrency, work=None
    )


def ledger(store: Path) -> list[str]:
    with Budget(store / ".growing" / "budgets" / "one.sqlite") as budget:
        return sorted(budget.ledger()["purpose"])


def test_good_malformed_and_malicious_replies_add_up(tmp_path: Path) -> None:
    script = {
        "rules": [
            {"contains": REPAIR, "reply": [{"content": text} for text in SECOND]},
            {"contains": "", "reply": [{"content": text} for text in FIRST]},
        ]
    }
    with ScriptedEndpoint(script) as endpoint:
        asked = config(endpoint.url, from_skills=7, from_seeds=2)
        record = run(tmp_path, asked)
        calls = len(endpoint.requests)
    rejected = Store(str(tmp_path)).record(record.ref.model_copy(update={"name": "rejected-replies"}))
    rows = list(Store(str(tmp_path)).read(record.ref)), list(Store(str(tmp_path)).read(rejected.ref))
    counts = record.counts
    assert (counts["requests"], counts["accepted"], counts["rejected"]) == (9, *map(len, rows)) == (9, 5, 4)
    assert (counts["repair turns"], counts["repaired"]) == (7, 4)
    refused = {name.removeprefix("refused: "): count for name, count in counts.items() if name.startswith("refused")}
    assert sum(refused.values()) == counts["repair turns"] + counts["rejected"]
    assert set(refused) == {
        Reason.OUTSIDE_TEXT,
        Reason.BAD_PATH,
        Reason.LINK,
        Reason.TOO_LARGE,
        Reason.SECRET,
        Reason.BAD_WEIGHTS,
        Reason.EMPTY_REPLY,
        Reason.METHOD_NAMED,
    }
    assert Counter(row.reason for row in rows[1]) == rejected.counts
    origins = [row.provenance.origin for row in rows[0]] + [json.loads(row.row)["request"]["origin"] for row in rows[1]]
    assert sorted(origins) == sorted(asked.requests())
    purposes = ledger(tmp_path)
    assert len(purposes) == calls
    repairs = {purpose.removesuffix(", repair") for purpose in purposes if purpose.endswith(", repair")}
    assert len(repairs) == 7
    assert set(purposes) - {f"{origin}, repair" for origin in repairs} == set(asked.requests())


def test_what_was_finished_is_found_and_nothing_is_asked_again(tmp_path: Path) -> None:
    with ScriptedEndpoint({"otherwise": {"content": GOOD}}) as endpoint:
        asked = config(endpoint.url, from_skills=2, domains=("dependency-management",))
        assert run(tmp_path, asked) == run(tmp_path, asked)
        assert len(endpoint.requests) == 2
    (task, _) = Store(str(tmp_path)).read(Store(str(tmp_path)).versions("synthesized-tasks")[0])
    assert task.domain == "dependency-management"
    assert [(drawn.skill, drawn.count) for drawn in task.provenance.draw] == [
        (name, 0) for name in task.provenance.skills
    ]


@pytest.mark.parametrize("stalls_at", [5, 10])
def test_a_killed_run_pays_again_for_nothing_but_the_call_it_died_in(tmp_path: Path, stalls_at: int) -> None:
    """Eight requests, every reply of the first round bad: killed in the first round, and in the second."""
    many = [{"content": "No."}] * 8 + [{"content": GOOD}] * 8
    with ScriptedEndpoint({"replies": [*many[:stalls_at], {"content": GOOD, "stall_s": 60.0}]}) as endpoint:
        asked = config(endpoint.url, from_skills=8)
        code = (
            "import sys; from pathlib import Path; from tests.unit.synthesize.test_rounds import run, SynthesisConfig;"
            " run(Path(sys.argv[1]), SynthesisConfig.model_validate_json(sys.argv[2]))"
        )
        root = Path(__file__).parents[3]
        child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), asked.model_dump_json()], cwd=root)
        deadline = time.monotonic() + 120
        while len(endpoint.requests) <= stalls_at and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        port = int(endpoint.url.split(":")[2].split("/")[0])
        before = list(endpoint.requests)
    with ScriptedEndpoint({"replies": many[stalls_at:]}, port=port) as endpoint:
        counts = run(tmp_path, asked).counts
        after = list(endpoint.requests)
    assert (counts["requests"], counts["accepted"], counts["repair turns"]) == (8, 8, 8)
    assert len(before) == stalls_at + 1
    assert len(after) == 16 - stalls_at
    asked_for = [json.dumps(request["body"]["messages"]) for request in before[:-1] + after]
    assert len(set(asked_for)) == 16


def test_the_oracle_cannot_write_tasks(tmp_path: Path) -> None:
    oracle = SynthesisConfig(teacher=TeacherChoice(), from_skills=1, from_seeds=0, seed="1")
    with pytest.raises(InputError, match="name a model"):
        run(tmp_path, oracle)


def test_an_edited_seed_file_is_another_dataset(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    with ScriptedEndpoint({"otherwise": {"content": GOOD}}) as endpoint:
        for problem in ("Weigh the moon.", "Weigh the sun."):
            seeds.write_text(json.dumps({"problem": problem}))
            run(tmp_path / "store", config(endpoint.url, from_seeds=1, seeds=str(seeds)))
        assert len(endpoint.requests) == 2
    assert len(Store(str(tmp_path / "store")).versions("synthesized-tasks")) == 2


@pytest.mark.parametrize("name", ["synthesize/taxonomy.yaml", "synthesize/seeds/tide_gaps.py"])
def test_an_edited_taxonomy_or_seed_of_ours_is_another_dataset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, load = config("http://localhost"), prompts.load
    before = asked.settings(MACHINE)

    def edited(wanted: str) -> prompts.Prompt:
        return load(wanted)._replace(sha256="edited") if wanted == name else load(wanted)

    monkeypatch.setattr(prompts, "load", edited)
    assert asked.settings(MACHINE) != before
