"""Versions appear when their record does, read back as they were written, and never change."""

import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from termforge.errors import InputError, StoreError
from termforge.findings import Rejected, Replay
from termforge.schemas import (
    Command,
    DatasetRef,
    Ending,
    File,
    Image,
    ImageRecipe,
    Need,
    Provenance,
    Step,
    TerminalTask,
    Test,
    TestResult,
    Trajectory,
    Turn,
    Usage,
    Verdict,
    Verifier,
)
from termforge.store import Store, version_of

REF = DatasetRef(name="tasks", version="2026-01-01-abc")


def terminal_task(index: int) -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        domain="security" if index % 2 else None,
        instruction=f"Do {index}, naïvely ✓",
        files=(File(path="/app/in.bin", content=b"\x00\xff", mode=0o755),),
        verifier=Verifier(
            files=(File(path="/tests/test_outputs.py", content=b"def test_x(): assert False"),),
            tests=(Test(id="test_outputs.py::test_x", weight=2.0),),
        ),
        needs=frozenset({Need.USERS, Need.PTRACE}),
        solution=(Step(analysis="a", plan="p", commands=(Command(keystrokes="ls\n", duration_s=0.1),)),),
        provenance=Provenance(source="forge", generator="forge@1", skills=("a", "b")),
    )


def trajectory() -> Trajectory:
    return Trajectory(
        trial_id="t",
        task_id="k",
        model="termforge/oracle",
        sampling={"temperature": 0.6, "stop": ["x"]},
        template="termforge",
        template_sha256="0",
        image=Image(name="host", recipe="", digest="d", inventory="i"),
        sandbox="bubblewrap",
        turns=(Turn(prompt="p", reply="r", usage=Usage(input_tokens=3, output_tokens=2, cost_usd=0.5)),),
        ending=Ending.COMPLETED,
        verdict=Verdict(results=(TestResult(id="x", weight=1.0, passed=True),), score=1.0, solved=True),
    )


def replay() -> Replay:
    recorded = trajectory()
    return Replay(
        trial_id="t",
        task_id="k",
        image=recorded.image,
        sandbox="bubblewrap",
        turns=3,
        equal_turns=2,
        first_difference=3,
        diff="-a\n+b",
        tree="different",
        changed=("/app/x",),
        old=recorded.verdict,
    )


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "store" if request.param == "local" else f"memory://{tmp_path}")


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        ("tasks", [terminal_task(index) for index in range(5)]),
        ("trajectories", [trajectory()]),
        ("rejected", [Rejected(stage="s", reason="r", row="{}")]),
        ("replays", [replay()]),
    ],
)
def test_records_come_back_as_they_were_written(store: Store, kind: str, records: list[object]) -> None:
    with store.writer(REF, kind, config={"a": 1}, part_rows=2) as out:  # type: ignore[arg-type]
        for record in records:
            out.add(record)
        out.counts["seen"] = len(records)
    assert list(store.read(REF)) == records
    record = store.record(REF)
    assert (record.rows, record.counts, len(record.parts)) == (
        len(records),
        {"seen": len(records)},
        -(-len(records) // 2),
    )
    store.check(REF)


def test_a_slice_reads_only_the_rows_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer(REF, "tasks", config={}, part_rows=3) as out:
        for index in range(10):
            out.add(terminal_task(index))
    assert store.rows(REF, 2, 4) == [terminal_task(index) for index in range(2, 6)]
    assert store.rows(REF, 9, 4) == [terminal_task(9)]


def test_a_failed_write_leaves_nothing(store: Store) -> None:
    def rows() -> Iterator[TerminalTask]:
        yield terminal_task(0)
        raise RuntimeError("half way")

    def write() -> None:
        with store.writer(REF, "tasks", config={}, part_rows=1) as out:
            for row in rows():
                out.add(row)

    with pytest.raises(RuntimeError, match="half way"):
        write()
    assert not store.exists(REF)
    assert store.versions("tasks") == []
    with pytest.raises(StoreError, match="does not exist"):
        store.record(REF)


def test_a_version_is_never_written_twice(store: Store) -> None:
    with store.writer(REF, "tasks", config={}):
        pass
    with pytest.raises(StoreError, match="exists already"), store.writer(REF, "tasks", config={}):
        pass


def test_an_empty_version_has_its_columns(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer(REF, "trajectories", config={}):
        pass
    frame = store.scan(REF).collect()
    assert frame.height == 0
    assert frame.schema["outcome"] == pl.String


def test_a_changed_part_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer(REF, "tasks", config={}) as out:
        out.add(terminal_task(0))
    part = tmp_path / "tasks" / REF.version / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    with pytest.raises(StoreError, match="checksum"):
        store.check(REF)


def test_a_version_name_depends_on_everything_that_determines_the_content() -> None:
    base = version_of("2026-01-01", "adapt-1", {"rows": 5}, [REF])
    assert base == version_of("2026-01-01", "adapt-1", {"rows": 5}, [REF])
    others = {
        version_of("2026-01-02", "adapt-1", {"rows": 5}, [REF]),
        version_of("2026-01-01", "adapt-2", {"rows": 5}, [REF]),
        version_of("2026-01-01", "adapt-1", {"rows": 6}, [REF]),
        version_of("2026-01-01", "adapt-1", {"rows": 5}, []),
    }
    assert len(others) == 4
    assert base not in others


def test_a_name_means_its_newest_version_of_the_kind_that_is_asked_for(store: Store) -> None:
    for version in ("2026-01-01-abc", "2026-01-02-abc"):
        with store.writer(DatasetRef(name="tasks", version=version), "tasks", config={}):
            pass
    assert store.resolve("tasks@2026-01-01-abc", "tasks") == REF
    assert store.resolve("tasks", "tasks") == store.resolve("tasks") == store.versions("tasks")[-1]
    with pytest.raises(InputError, match="tasks@2026-01-01-abc holds tasks, and difficulties are wanted here"):
        store.resolve("tasks@2026-01-01-abc", "difficulties")
    with pytest.raises(InputError, match=r"no dataset 'tasks@x' .*versions of 'tasks': .*2026-01-02-abc"):
        store.resolve("tasks@x", "tasks")


def test_derived_columns_can_be_filtered_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer(REF, "trajectories", config={}) as out:
        out.add(trajectory())
    row = store.scan(REF).select("outcome", "num_turns", "input_tokens", "cost_usd").collect().to_dicts()
    assert row == [{"outcome": "solved", "num_turns": 1, "input_tokens": 3, "cost_usd": 0.5}]


def test_a_version_is_made_by_one_live_run_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made: list[str] = []

    def make(name: str) -> None:
        with store.making(REF) as missing:
            if missing:
                with store.writer(REF, "tasks", config={}) as out:
                    out.add(terminal_task(0))
                made.append(name)

    threads = [threading.Thread(target=make, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1
    assert store.record(REF).rows == 1


def test_a_version_knows_the_one_dataset_of_a_kind_that_it_was_made_from(store: Store) -> None:
    tasks, other = REF, DatasetRef(name="tasks", version="2026-01-02-abc")
    for ref in (tasks, other):
        with store.writer(ref, "tasks", config={}):
            pass
    first = DatasetRef(name="trajectories", version="1")
    with store.writer(first, "trajectories", config={}, inputs=[tasks]):
        pass
    second = DatasetRef(name="trajectories", version="2")
    with store.writer(second, "trajectories", config={}, inputs=[other, first]):
        pass
    assert (store.source(second, "tasks"), store.source(second, "trajectories")) == (other, first)
    with pytest.raises(InputError, match="trajectories@1 was made from 0 datasets of replays"):
        store.source(first, "replays")
    merged = DatasetRef(name="merged", version="1")
    with store.writer(merged, "tasks", config={}, inputs=[tasks, other]):
        pass
    with pytest.raises(InputError, match="made from 2 datasets of tasks, not from one"):
        store.source(merged, "tasks")
