"""Recorded trials get new verdicts from the command line: a server, a worker, and no teacher."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from termforge.images import HOST
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.schemas import Command, DatasetRef, File, Provenance, Step, TerminalTask, Test, Verifier
from termforge.stages.machine import open_engine
from termforge.store import Store
from tests.flows.server import Prefect


def checks(answer: str) -> Verifier:
    source = f"def test_it():\n    with open('/app/answer') as file: assert file.read() == '{answer}\\n'\n"
    file = File(path="/tests/test_outputs.py", content=source.encode())
    return Verifier(files=(file,), tests=(Test(id="test_outputs.py::test_it"),))


TASKS = [
    TerminalTask(
        image=HOST,
        domain="debugging",
        instruction=f"Write {answer}.",
        verifier=checks("41"),
        solution=(Step(analysis="", plan="", commands=(Command(keystrokes=f"echo {answer} > answer\n"),)),),
        provenance=Provenance(source="forge", generator="test@1"),
    )
    for answer in (41, 42)
]
CORRECTED = [terminal_task.model_copy(update={"verifier": checks("42")}) for terminal_task in TASKS]


def put(store: Store, name: str, kind: Any, rows: list[Any], *inputs: DatasetRef, **config: Any) -> DatasetRef:
    ref = DatasetRef(name=name, version="1")
    with store.writer(ref, kind, config=config, inputs=inputs) as out:
        for row in rows:
            out.add(row)
    return ref


@pytest.mark.bubblewrap
def test_corrected_tests_judge_old_trials_anew(
    prefect: Prefect, start_worker: Callable[[], object], tmp_path: Path
) -> None:
    store, config, engine = Store(tmp_path / "store"), RolloutConfig(), open_engine("bubblewrap")
    tasks = put(store, "tasks", "tasks", TASKS)
    rows = [
        row
        for terminal_task in TASKS
        for row in roll_out(Trial(terminal_task, 0, terminal_task.id), config, engine, Oracle(terminal_task, seed="0"))
    ]
    assert [row.outcome for row in rows] == ["solved", "unsolved"]
    recorded = put(store, "trajectories", "trajectories", rows, tasks, rollout=config.model_dump(mode="json"))
    corrected = put(store, "corrected", "tasks", CORRECTED)

    start_worker()
    settings = {"store": store.root, "night": "again", "tasks": corrected, "trajectories": recorded, "shard_rows": 1}
    parameters = [text for name, value in settings.items() for text in ("-p", f"{name}={value}")]
    assert "Completed" in prefect.command("deployment", "run", "regrade/by-hand", "--watch", *parameters)

    (regraded,) = (ref for ref in store.versions("trajectories") if ref.version.startswith("again-"))
    assert [row.outcome for row in store.read(regraded)] == ["unsolved", "solved"]
    assert [row.turns for row in store.read(regraded)] == [row.turns for row in rows]
    record = store.record(regraded)
    assert record.inputs == (str(corrected), str(recorded), str(store.resolve("replays")))
    assert record.counts["regraded, with another score"] == 2
    assert len(store.record(store.resolve("replays")).parts) == 2
