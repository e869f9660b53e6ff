"""`python -m termforge.export.atif STORE DATASET OUT`: trajectories as ATIF, the trajectory format of Harbor's tools.

One file an attempt, `OUT/TRIAL-ATTEMPT.json`, and beside it a `.cast` where the terminal was recorded. Messages are
what the model said, word for word (Harbor's `raw_content`), its reasoning apart. A hand-over to a new conversation is a
system step, and each of its calls a subagent in the same file. Format: ATIF v1.8, Harbor's RFC 0001.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import fsspec

from termforge.errors import InputError, StoreError
from termforge.export.row import AGENT
from termforge.redact import redact_fields
from termforge.schemas import DatasetRef, Exchange, Trajectory, Turn, Usage
from termforge.store import Store

VERSION = "ATIF-v1.8"
HANDED_OVER = "Performed context summarization and handoff to continue task."
ABANDONED = "The trial ended while the work was handed over to a new conversation."
NO_TURN = "The trial ended before the model had said anything."
NOTES = (
    "Messages are the model's replies word for word, its reasoning apart. The observation of an agent step is the "
    "message that the model got next; of the last one, and before a hand-over, it is what the terminal showed. "
    "final_metrics count every call once, those in subagent_trajectories too, which have no totals of their own."
)

Json = dict[str, Any]


def export_atif(store: Store, dataset: DatasetRef, out: str) -> int:
    """Write every attempt of a dataset to `out`, a folder or URI; each file appears whole or not at all. How many.

    Raises: InputError where the dataset holds something else, or a trial's id is no file name; StoreError.
    """
    record = store.record(dataset)
    if record.kind != "trajectories":
        raise InputError(f"{dataset} holds {record.kind}; trajectories are needed")
    files, base = fsspec.url_to_fs(out)
    if files.isfile(base):
        raise InputError(f"{out} is a file; name a folder")
    files.makedirs(base, exist_ok=True)
    for trajectory in store.read(dataset):
        name = _name(trajectory)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise InputError(f"{dataset}: trial id {trajectory.trial_id!r} cannot name a file")
        document = atif(trajectory, code_version=record.code_version)
        _put(files, f"{base}/{name}.json", json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        if trajectory.recording:
            _put(files, f"{base}/{name}.cast", trajectory.recording)
    return record.rows


def atif(trajectory: Trajectory, *, code_version: str) -> Json:
    """One attempt as a document. `code_version`: of the termforge that made it."""
    name, steps = _name(trajectory), list(_steps(trajectory))
    agent = {"name": AGENT, "version": f"termforge {code_version}".strip(), "model_name": trajectory.model}
    totals = {f"total_{metric}": value for metric, value in _metrics(trajectory.usage).items()}
    subagents = [
        _subagent(agent, name, call_id, exchange)
        for number, handover in _handovers(trajectory)
        for call_id, exchange in _calls(number, handover)
    ]
    return _given(
        schema_version=VERSION,
        session_id=name,
        trajectory_id=name,
        agent=agent | {"extra": redact_fields(_settings(trajectory))},
        steps=_numbered(steps),
        notes=NOTES,
        final_metrics=totals | {"total_steps": len(steps)},
        extra=redact_fields(_outcome(trajectory)),
        subagent_trajectories=subagents or None,
    )


def _name(trajectory: Trajectory) -> str:
    return f"{trajectory.trial_id}-{trajectory.attempt}"


def _steps(trajectory: Trajectory) -> Iterator[Json]:
    turns = trajectory.turns
    for number, turn in enumerate(turns):
        if turn.handover:
            yield _handover_step(HANDED_OVER, number, turn.handover)
        if turn.handover or number == 0:
            yield _given(timestamp=_timestamp(trajectory, turn), source="user", message=turn.prompt)
        following = turns[number + 1] if number + 1 < len(turns) else None
        saw = turn.observation if following is None or following.handover else following.prompt
        yield _agent_step(trajectory, turn, saw)
    if trajectory.abandoned:
        yield _handover_step(ABANDONED, len(turns), trajectory.abandoned)
    elif not turns:
        yield {"source": "system", "message": NO_TURN}


def _agent_step(trajectory: Trajectory, turn: Turn, saw: str) -> Json:
    went = turn.model_dump(include={"error", "warning", "truncated", "task_complete"}, exclude_defaults=True)
    seconds = turn.model_dump(include={"teacher_s", "waited_s", "harness_s"})
    return _given(
        timestamp=_timestamp(trajectory, turn),
        source="agent",
        message=turn.reply,
        reasoning_content=turn.reasoning,
        observation={"results": [{"content": saw}]} if saw else None,
        metrics=_metrics(turn.usage),
        llm_call_count=1,
        extra=went | seconds,
    )


def _handover_step(message: str, number: int, handover: Sequence[Exchange]) -> Json:
    references = [{"trajectory_id": call_id} for call_id, _ in _calls(number, handover)]
    return {
        "source": "system",
        "message": message,
        "observation": {"results": [{"subagent_trajectory_ref": references}]},
        "extra": {"context_management": {"type": "compaction", "boundary": "replace"}},
    }


def _subagent(agent: Json, session: str, call_id: str, exchange: Exchange) -> Json:
    said = _given(
        source="agent",
        message=exchange.reply,
        reasoning_content=exchange.reasoning,
        metrics=_metrics(exchange.usage),
        llm_call_count=1,
        extra={"teacher_s": exchange.teacher_s},
    )
    return {
        "schema_version": VERSION,
        "session_id": session,
        "trajectory_id": call_id,
        "agent": agent | {"name": f"{AGENT}-summarization-{exchange.stage.replace(' ', '-')}"},
        "steps": _numbered([{"source": "user", "message": exchange.prompt}, said]),
    }


def _handovers(trajectory: Trajectory) -> Iterator[tuple[int, Sequence[Exchange]]]:
    """Each with the number of the turn after it."""
    for number, turn in enumerate(trajectory.turns):
        yield number, turn.handover
    yield len(trajectory.turns), trajectory.abandoned


def _calls(number: int, handover: Sequence[Exchange]) -> Iterator[tuple[str, Exchange]]:
    for place, exchange in enumerate(handover, start=1):
        yield f"before-turn-{number}-call-{place}", exchange


def _metrics(usage: Usage) -> Json:
    return _given(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=usage.cost_usd,
    )


def _settings(trajectory: Trajectory) -> Json:
    names = {"sampling", "template", "template_sha256", "observation_mode", "wait_mode", "overflow", "thinking"}
    circumstances = trajectory.model_dump(include=names | {"image", "sandbox", "limits_by"})
    return {"parser": trajectory.reply_format, "raw_content": True, **circumstances}


def _outcome(trajectory: Trajectory) -> Json:
    names = {"trial_id", "task_id", "sample", "attempt", "detail", "started", "start_s", "grading_s", "verdict"}
    return _given(
        **trajectory.model_dump(include=names),
        outcome=trajectory.outcome,
        ending=trajectory.ending.value,
        recording=f"{_name(trajectory)}.cast" if trajectory.recording else None,
    )


def _timestamp(trajectory: Trajectory, turn: Turn) -> str | None:
    """When a turn began; None in datasets that do not know when their trials did."""
    if not trajectory.started:
        return None
    began = datetime.fromisoformat(trajectory.started) + timedelta(seconds=turn.at_s)
    return began.isoformat(timespec="milliseconds")


def _numbered(steps: Sequence[Json]) -> list[Json]:
    return [{"step_id": number, **step} for number, step in enumerate(steps, start=1)]


def _given(**fields: Any) -> Json:
    """ATIF leaves out what is null."""
    return {name: value for name, value in fields.items() if value is not None}


def _put(files: fsspec.AbstractFileSystem, path: str, text: str) -> None:
    with files.open(path, "wb", autocommit=False) as file:
        file.write(text.encode())
    file.commit()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.export.atif", description=__doc__)
    parser.add_argument("store", help="a folder, or an fsspec URI")
    parser.add_argument("dataset", help="name@version, or name for its newest version")
    parser.add_argument("out", help="where the files go: a folder, or an fsspec URI")
    options = parser.parse_args(argv)
    try:
        store = Store(options.store)
        dataset = store.resolve(options.dataset)
        count = export_atif(store, dataset, options.out)
    except (InputError, StoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{dataset}: {count} attempts in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
