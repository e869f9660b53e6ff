"""ATIF documents: their shape by a table of our own, always; by Harbor's own validator, where HARBOR names one."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from termforge.export.atif import atif, main
from termforge.redact import MASK
from termforge.schemas import (
    DatasetRef,
    Ending,
    Exchange,
    Image,
    TestResult,
    Trajectory,
    Turn,
    Usage,
    Verdict,
)
from termforge.store import Kind, Store

# The objects of ATIF v1.8: what must be there, what may.
DOCUMENT = (
    "schema_version agent steps",
    "session_id trajectory_id notes final_metrics continued_trajectory_ref subagent_trajectories extra",
)
AGENT = ("name version", "model_name tool_definitions extra")
STEP = ("step_id source message", "timestamp observation llm_call_count is_copied_context extra")
AGENT_STEP = (STEP[0], f"{STEP[1]} model_name reasoning_effort reasoning_content tool_calls metrics")
RESULT = ("", "source_call_id content subagent_trajectory_ref extra")
REFERENCE = ("trajectory_id", "session_id trajectory_path extra")
METRICS = ("", "prompt_tokens completion_tokens cached_tokens cost_usd extra")
TOTALS = (
    "",
    "total_prompt_tokens total_completion_tokens total_cached_tokens total_cost_usd total_steps extra",
)

HARBOR_CHECK = """
import sys
from pathlib import Path
from harbor.models.trajectories import Trajectory
from harbor.utils.trajectory_utils import compute_model_usage
from harbor.utils.trajectory_validator import TrajectoryValidator
for path in map(Path, sys.argv[1:]):
    validator = TrajectoryValidator()
    assert validator.validate(path), (path, validator.get_errors())
    trajectory = Trajectory.model_validate_json(path.read_text())
    usage, totals = compute_model_usage(trajectory).get("some/model"), trajectory.final_metrics
    if usage is not None:
        assert usage.n_input_tokens == totals.total_prompt_tokens, path
        assert usage.n_output_tokens == totals.total_completion_tokens, path
        assert usage.n_cache_tokens == totals.total_cached_tokens, path
        assert totals.total_cost_usd in (None, usage.cost_usd), path  # ours is None with any cost unknown
print("valid:", len(sys.argv) - 1)
"""


def usage(number: int) -> Usage:
    return Usage(input_tokens=100 * number, cached_tokens=10 * number, output_tokens=number, cost_usd=0.5 * number)


def turn(number: int, **changes: Any) -> Turn:
    fields = {
        "prompt": f"prompt {number}",
        "reply": f"reply {number}",
        "observation": f"screen {number}",
        "usage": usage(number),
        "at_s": 1.5 * number,
        "teacher_s": 1.0,
        "waited_s": 0.25,
        "harness_s": 0.125,
    }
    return Turn(**fields | changes)


def trajectory(name: str, *turns: Turn, **changes: Any) -> Trajectory:
    fields = {
        "trial_id": name,
        "task_id": "task",
        "model": "some/model",
        "sampling": {"temperature": 0.5, "api_key": "a-secret", "header": "Bearer abcdefgh"},
        "template": "termforge",
        "template_sha256": "e" * 64,
        "image": Image(name="security", recipe="r", digest="sha256:0123", inventory="i"),
        "sandbox": "docker",
        "turns": turns,
        "ending": Ending.COMPLETED,
        "started": "2026-11-21T08:00:00.500+00:00",
    }
    return Trajectory(**fields | changes)


SUMMARY = Exchange(stage="summary", prompt="Sum up.", reply="So far ...", reasoning="Hm.", usage=usage(7))
REFUSED = Exchange(stage="answers", prompt="What of it?", reply="")
SHORT = Exchange(stage="short summary", prompt="Briefly.", reply="Some.", usage=usage(8))

SOLVED = trajectory(
    "solved",
    turn(1, reasoning="I think."),
    turn(2, task_complete=True, warning="- Extra text"),
    turn(3, task_complete=True),
    verdict=Verdict(results=(TestResult(id="t.py::a", weight=1.0, passed=True),), score=1.0, solved=True),
    recording='{"version": 2}\n',
)
FAILED = trajectory(
    "failed",
    turn(1, error="No valid JSON found", observation=""),
    turn(2, truncated=True, observation=""),
    turn(3, reply="", observation="", usage=Usage()),
    ending=Ending.TEACHER_UNAVAILABLE,
    detail="503: wrong api_key=abc",
    attempt=2,
    started="",
)
HANDED_OVER = trajectory(
    "handed-over",
    turn(1),
    turn(2),
    turn(3, handover=(SUMMARY, REFUSED, SHORT)),
    turn(4),
    abandoned=(SUMMARY,),
    ending=Ending.CONTEXT_LIMIT,
)
WITHOUT_TURNS = trajectory("without-turns", ending=Ending.SANDBOX_LOST, detail="it is gone")
ALL = (SOLVED, FAILED, HANDED_OVER, WITHOUT_TURNS)


def document(source: Trajectory) -> Any:
    """As another program reads it."""
    return json.loads(json.dumps(atif(source, code_version="1.2.3")))


def steps(source: Trajectory) -> list[Any]:
    found: list[Any] = document(source)["steps"]
    return found


def seen(step: Any) -> list[Any]:
    return [result.get("content") for result in step.get("observation", {"results": []})["results"]]


def check_fields(value: Any, fields: tuple[str, str]) -> None:
    must, may = (set(names.split()) for names in fields)
    assert must <= set(value) <= must | may
    assert None not in value.values()


def check_shape(value: Any) -> None:
    check_fields(value, DOCUMENT)
    assert value["schema_version"] == "ATIF-v1.8"
    check_fields(value["agent"], AGENT)
    check_fields(value.get("final_metrics", {}), TOTALS)
    assert value["steps"]
    assert [step["step_id"] for step in value["steps"]] == list(range(1, len(value["steps"]) + 1))
    embedded = [subagent["trajectory_id"] for subagent in value.get("subagent_trajectories", [])]
    assert len(set(embedded)) == len(embedded)
    assert [reference["trajectory_id"] for step in value["steps"] for reference in check_step(step)] == embedded
    for subagent in value.get("subagent_trajectories", []):
        check_shape(subagent)


def check_step(step: Any) -> Iterator[Any]:
    """Yields the references to subagents."""
    check_fields(step, AGENT_STEP if step["source"] == "agent" else STEP)
    assert step["source"] in ("system", "user", "agent")
    assert isinstance(step["message"], str)
    check_fields(step.get("metrics", {}), METRICS)
    if "timestamp" in step:
        assert datetime.fromisoformat(step["timestamp"]).tzinfo is not None
    for result in step["observation"]["results"] if "observation" in step else []:
        check_fields(result, RESULT)
        assert "source_call_id" not in result
        for reference in result.get("subagent_trajectory_ref", []):
            check_fields(reference, REFERENCE)
            yield reference


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.trial_id)
def test_a_document_has_the_shape_of_atif(source: Trajectory) -> None:
    check_shape(document(source))


def test_harbors_validator_accepts_every_document_and_counts_what_we_count(store: Store, tmp_path: Path) -> None:
    if "HARBOR" not in os.environ:
        pytest.skip("HARBOR names no folder with Harbor's validator")
    assert main([store.root, "trajectories", str(tmp_path / "out")]) == 0
    paths = sorted(map(str, (tmp_path / "out").glob("*.json")))
    python = Path(os.environ["HARBOR"]) / "venv/bin/python"
    checked = subprocess.run([python, "-c", HARBOR_CHECK, *paths], capture_output=True, text=True, check=False)
    assert checked.stdout == f"valid: {len(ALL)}\n", checked.stderr


def test_a_turn_is_a_step_with_what_the_model_was_told_next() -> None:
    first, *agent = steps(SOLVED)
    assert (first["source"], first["message"]) == ("user", "prompt 1")
    assert [(step["source"], step["message"]) for step in agent] == [("agent", f"reply {n}") for n in (1, 2, 3)]
    assert [seen(step) for step in agent] == [["prompt 2"], ["prompt 3"], ["screen 3"]]
    assert [step.get("reasoning_content") for step in agent] == ["I think.", None, None]
    assert agent[0]["metrics"] == {
        "prompt_tokens": 100,
        "completion_tokens": 1,
        "cached_tokens": 10,
        "cost_usd": 0.5,
    }
    assert agent[1]["extra"] == {
        "warning": "- Extra text",
        "task_complete": True,
        "teacher_s": 1.0,
        "waited_s": 0.25,
        "harness_s": 0.125,
    }


def test_times_are_those_of_the_trial_and_left_out_where_they_are_unknown() -> None:
    assert [step["timestamp"] for step in steps(SOLVED)] == [
        "2026-11-21T08:00:02.000+00:00",
        "2026-11-21T08:00:02.000+00:00",
        "2026-11-21T08:00:03.500+00:00",
        "2026-11-21T08:00:05.000+00:00",
    ]
    assert not any("timestamp" in step for step in steps(FAILED))


def test_replies_that_could_not_be_used_are_steps_too() -> None:
    _, error, truncated, empty = steps(FAILED)
    assert (error["message"], error["extra"]["error"], seen(error)) == ("reply 1", "No valid JSON found", ["prompt 2"])
    assert (truncated["extra"]["truncated"], seen(truncated)) == (True, ["prompt 3"])
    assert (empty["message"], "observation" in empty, "cost_usd" in empty["metrics"]) == ("", False, False)


def test_a_handover_is_a_system_step_and_its_calls_are_subagents() -> None:
    value = document(HANDED_OVER)
    assert [(step["source"], step["message"]) for step in value["steps"]] == [
        ("user", "prompt 1"),
        ("agent", "reply 1"),
        ("agent", "reply 2"),
        ("system", "Performed context summarization and handoff to continue task."),
        ("user", "prompt 3"),
        ("agent", "reply 3"),
        ("agent", "reply 4"),
        ("system", "The trial ended while the work was handed over to a new conversation."),
    ]
    assert seen(value["steps"][2]) == ["screen 2"]
    subagents = value["subagent_trajectories"]
    assert [subagent["agent"]["name"] for subagent in subagents] == [
        "terminus-2-summarization-summary",
        "terminus-2-summarization-answers",
        "terminus-2-summarization-short-summary",
        "terminus-2-summarization-summary",
    ]
    asked, said = subagents[0]["steps"]
    assert (asked["source"], asked["message"], said["source"], said["message"]) == (
        "user",
        "Sum up.",
        "agent",
        "So far ...",
    )
    assert said["reasoning_content"] == "Hm."


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.trial_id)
def test_final_metrics_count_every_call_once(source: Trajectory) -> None:
    value = document(source)
    calls = [
        step["metrics"]
        for part in (value, *value.get("subagent_trajectories", []))
        for step in part["steps"]
        if step["source"] == "agent"
    ]
    totals = value["final_metrics"]
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens"):
        assert totals[f"total_{name}"] == sum(call[name] for call in calls)
    priced = all("cost_usd" in call for call in calls)
    assert totals.get("total_cost_usd") == (sum(call["cost_usd"] for call in calls) if priced else None)
    assert totals["total_steps"] == len(value["steps"])
    assert not any("final_metrics" in part for part in value.get("subagent_trajectories", []))


def test_it_says_how_the_trial_was_run_and_how_it_ended() -> None:
    value = document(SOLVED)
    assert value["agent"]["name"] == "terminus-2"
    assert value["agent"]["version"] == "termforge 1.2.3"
    settings = value["agent"]["extra"]
    assert (settings["parser"], settings["raw_content"], settings["wait_mode"]) == ("json", True, "settle")
    assert (settings["template_sha256"], settings["image"]["digest"]) == ("e" * 64, "sha256:0123")
    extra = value["extra"]
    assert (extra["outcome"], extra["ending"], extra["verdict"]["score"]) == ("solved", "completed", 1.0)
    assert extra["recording"] == "solved-0.cast"
    assert "verdict" not in document(WITHOUT_TURNS)["extra"]


def test_no_key_is_written() -> None:
    assert document(SOLVED)["agent"]["extra"]["sampling"] == {
        "temperature": 0.5,
        "api_key": MASK,
        "header": f"Bearer {MASK}",
    }
    assert document(FAILED)["extra"]["detail"] == f"503: wrong api_key={MASK}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    kinds: list[tuple[str, Kind, tuple[Any, ...]]] = [("trajectories", "trajectories", ALL), ("tasks", "tasks", ())]
    for name, kind, rows in kinds:
        with store.writer(DatasetRef(name=name, version="1"), kind, config={}) as out:
            for row in rows:
                out.add(row)
    return store


def test_a_dataset_becomes_a_file_for_each_attempt(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # again over what is there
        assert main([store.root, "trajectories@1", str(out)]) == 0
        assert capsys.readouterr().out == f"trajectories@1: 4 attempts in {out}\n"
    names = ["failed-2.json", "handed-over-0.json", "solved-0.cast", "solved-0.json", "without-turns-0.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "solved-0.cast").read_text() == SOLVED.recording
    for source in ALL:
        written = json.loads((out / f"{source.trial_id}-{source.attempt}.json").read_text())
        assert written == json.loads(json.dumps(atif(source, code_version=store_version(store))))


def store_version(store: Store) -> str:
    return store.record(DatasetRef(name="trajectories", version="1")).code_version


@pytest.mark.parametrize(
    ("dataset", "out", "complaint"),
    [
        ("nothing", "out", "there is no dataset 'nothing'"),
        ("trajectories@2", "out", "there is no dataset 'trajectories@2'"),
        ("tasks", "out", "tasks@1 holds tasks"),
        ("trajectories", "store/tasks/1/dataset.json", "is a file"),
        ("hostile", "out", "cannot name a file"),
    ],
)
def test_bad_input_is_refused_in_words(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: str, out: str, complaint: str
) -> None:
    with store.writer(DatasetRef(name="hostile", version="1"), "trajectories", config={}) as rows:
        rows.add(trajectory("../../escaped", turn(1)))
    assert main([store.root, dataset, str(tmp_path / out)]) == 1
    assert complaint in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))
