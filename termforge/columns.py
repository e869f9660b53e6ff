"""The columns on disk: one explicit Arrow schema for each kind of dataset, and the way between records and rows.

Nested records stay nested; what has no fixed shape (sampling parameters) is JSON text. Derived columns repeat what a
record computes, so that a scan can filter without reading conversations; they are ignored on the way back.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from termforge.findings import Attack, Difficulty, GateVerdicts, Rejected, Replay
from termforge.schemas import Record, TerminalTask, Trajectory

TEXT, WHOLE, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def struct(**fields: pa.DataType) -> pa.DataType:
    return pa.struct(list(fields.items()))


FILE = struct(path=TEXT, content=pa.binary(), mode=pa.int32())
COMMAND = struct(keystrokes=TEXT, duration_s=REAL)
USAGE = struct(input_tokens=WHOLE, cached_tokens=WHOLE, output_tokens=WHOLE, cost_usd=REAL)
IMAGE = struct(name=TEXT, recipe=TEXT, digest=TEXT, inventory=TEXT)
VERDICT = struct(
    results=pa.list_(struct(id=TEXT, weight=REAL, passed=FLAG, message=TEXT)),
    score=REAL,
    solved=FLAG,
    live=FLAG,
    error=TEXT,
    seconds=REAL,
)

TASKS = pa.schema(
    {
        "id": TEXT,
        "image": struct(name=TEXT, recipe=TEXT),
        "domain": TEXT,
        "instruction": TEXT,
        "files": pa.list_(FILE),
        "verifier": struct(
            files=pa.list_(FILE),
            tests=pa.list_(struct(id=TEXT, weight=REAL)),
            timeout_s=REAL,
            threshold=REAL,
            live=FLAG,
        ),
        "graded_paths": pa.list_(TEXT),
        "needs": pa.list_(TEXT),
        "solution": pa.list_(struct(analysis=TEXT, plan=TEXT, commands=pa.list_(COMMAND))),
        "limits": struct(
            max_turns=WHOLE,
            model_s=REAL,
            container_s=REAL,
            tokens=WHOLE,
            memory_mb=WHOLE,
            disk_mb=WHOLE,
            pids=WHOLE,
            cpus=REAL,
        ),
        "controls": pa.list_(struct(name=TEXT, files=pa.list_(FILE))),
        "provenance": struct(
            source=TEXT,
            generator=TEXT,
            origin=TEXT,
            license=TEXT,
            skills=pa.list_(TEXT),
            difficulty=TEXT,
            teacher=TEXT,
            prompt_sha256=TEXT,
            draw=pa.list_(struct(skill=TEXT, count=WHOLE, weight=REAL, urn=REAL)),
        ),
    }
)

EXCHANGE = struct(stage=TEXT, prompt=TEXT, reply=TEXT, reasoning=TEXT, usage=USAGE, teacher_s=REAL)

TURN = struct(
    handover=pa.list_(EXCHANGE),
    prompt=TEXT,
    reply=TEXT,
    reasoning=TEXT,
    commands=pa.list_(COMMAND),
    error=TEXT,
    warning=TEXT,
    task_complete=FLAG,
    truncated=FLAG,
    observation=TEXT,
    usage=USAGE,
    at_s=REAL,
    teacher_s=REAL,
    waited_s=REAL,
    harness_s=REAL,
)

TRAJECTORIES = pa.schema(
    {
        "trial_id": TEXT,
        "task_id": TEXT,
        "sample": WHOLE,
        "attempt": WHOLE,
        "model": TEXT,
        "sampling": TEXT,
        "template": TEXT,
        "template_sha256": TEXT,
        "reply_format": TEXT,
        "observation_mode": TEXT,
        "wait_mode": TEXT,
        "overflow": TEXT,
        "thinking": TEXT,
        "image": IMAGE,
        "sandbox": TEXT,
        "limits_by": TEXT,
        "turns": pa.list_(TURN),
        "abandoned": pa.list_(EXCHANGE),
        "ending": TEXT,
        "detail": TEXT,
        "left": pa.list_(struct(path=TEXT, bytes=WHOLE, sha256=TEXT, mode=pa.int32())),
        "verdict": VERDICT,
        "started": TEXT,
        "start_s": REAL,
        "grading_s": REAL,
        "recording": pa.large_string(),
        # derived
        "outcome": TEXT,
        "num_turns": WHOLE,
        "input_tokens": WHOLE,
        "output_tokens": WHOLE,
        "cost_usd": REAL,
    }
)

VERDICTS = pa.schema(
    {
        "task_id": TEXT,
        "domain": TEXT,
        "source": TEXT,
        "gates": pa.list_(struct(gate=TEXT, status=TEXT, detail=TEXT, seconds=REAL)),
        "mutants": pa.list_(struct(kind=TEXT, what=TEXT, fate=TEXT)),
        # derived
        "sound": FLAG,
        "kill_rate": REAL,
    }
)

REPLAYS = pa.schema(
    {
        "trial_id": TEXT,
        "attempt": WHOLE,
        "task_id": TEXT,
        "image": IMAGE,
        "sandbox": TEXT,
        "turns": WHOLE,
        "equal_turns": WHOLE,
        "alike_turns": WHOLE,
        "first_difference": WHOLE,
        "diff": TEXT,
        "tree": TEXT,
        "added": pa.list_(TEXT),
        "missing": pa.list_(TEXT),
        "changed": pa.list_(TEXT),
        "old": VERDICT,
        "new": VERDICT,
        "error": TEXT,
        # derived
        "equal": FLAG,
        "conclusive": FLAG,
    }
)

DIFFICULTIES = pa.schema(
    {
        "task_id": TEXT,
        "domain": TEXT,
        "skills": pa.list_(TEXT),
        "solver": TEXT,
        "trials": WHOLE,
        "passes": WHOLE,
        "k": WHOLE,
        "pass_at_1": REAL,
        "pass_at_k": REAL,
        "standing": TEXT,
    }
)

ATTACKS = pa.schema(
    {
        "task_id": TEXT,
        "adversary": TEXT,
        "submissions": pa.list_(struct(script=TEXT, score=REAL, passed=pa.list_(TEXT))),
        "ending": TEXT,
        "detail": TEXT,
        "control": struct(name=TEXT, files=pa.list_(FILE)),
        "usage": USAGE,
    }
)

REJECTED = pa.schema(
    {"stage": TEXT, "reason": TEXT, "detail": TEXT, "task_id": TEXT, "trial_id": TEXT, "row": pa.large_string()}
)


class Table(NamedTuple):
    """How one kind of dataset is stored."""

    schema: pa.Schema
    record: type[Record]
    to_row: Callable[[Any], dict[str, Any]]
    from_row: Callable[[dict[str, Any]], dict[str, Any]]


def _task_row(task: TerminalTask) -> dict[str, Any]:
    return {"id": task.id} | task.model_dump() | {"needs": sorted(task.needs)}


def _trajectory_row(trajectory: Trajectory) -> dict[str, Any]:
    usage = trajectory.usage
    derived = {
        "sampling": json.dumps(trajectory.sampling, sort_keys=True),
        "outcome": trajectory.outcome,
        "num_turns": len(trajectory.turns),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }
    return trajectory.model_dump() | derived


def _trajectory_fields(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"sampling": json.loads(row["sampling"])}


def _verdicts_row(verdicts: GateVerdicts) -> dict[str, Any]:
    return verdicts.model_dump() | {"sound": verdicts.sound, "kill_rate": verdicts.kill_rate}


def _replay_row(replay: Replay) -> dict[str, Any]:
    return replay.model_dump() | {"equal": replay.equal, "conclusive": replay.conclusive}


def _as_it_is(row: dict[str, Any]) -> dict[str, Any]:
    return row


TABLES: Mapping[str, Table] = {
    "tasks": Table(TASKS, TerminalTask, _task_row, _as_it_is),
    "trajectories": Table(TRAJECTORIES, Trajectory, _trajectory_row, _trajectory_fields),
    "verdicts": Table(VERDICTS, GateVerdicts, _verdicts_row, _as_it_is),
    "replays": Table(REPLAYS, Replay, _replay_row, _as_it_is),
    "difficulties": Table(DIFFICULTIES, Difficulty, lambda record: record.model_dump(), _as_it_is),
    "attacks": Table(ATTACKS, Attack, lambda record: record.model_dump(), _as_it_is),
    "rejected": Table(REJECTED, Rejected, lambda record: record.model_dump(), _as_it_is),
}


def to_arrow(kind: str, records: list[Any]) -> pa.Table:
    table = TABLES[kind]
    return pa.Table.from_pylist([table.to_row(record) for record in records], schema=table.schema)


def from_arrow(kind: str, batch: pa.RecordBatch) -> list[Any]:
    """Records of a batch; columns that the record does not have (derived ones) are left out."""
    table = TABLES[kind]
    names = [name for name in batch.schema.names if name in table.record.model_fields]
    return [table.record.model_validate(table.from_row(row)) for row in batch.select(names).to_pylist()]
