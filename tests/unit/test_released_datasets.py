"""Datasets that released versions wrote stay readable, with the same values and the same task ids."""

from pathlib import Path

import pytest

from termforge.schemas import SCHEMA_VERSION, DatasetRef, Ending, Need, TerminalTask
from termforge.store import Store
from tests.golden.released import FOLDER, columns

STORES = sorted(FOLDER.glob("store-*"))
KINDS = ("rejected", "tasks", "trajectories", "verdicts")


@pytest.fixture(params=STORES, ids=lambda folder: folder.name)
def store(request: pytest.FixtureRequest) -> Store:
    return Store(request.param)


def newest(store: Store, name: str) -> DatasetRef:
    return store.resolve(name)


def test_there_is_a_store_of_every_schema_version() -> None:
    assert [folder.name for folder in STORES] == [f"store-{number}" for number in range(1, SCHEMA_VERSION + 1)], (
        "run `python -m tests.golden.released`"
    )


def test_every_dataset_is_whole_and_readable(store: Store) -> None:
    assert tuple(sorted(path.name for path in Path(store.root).iterdir())) == KINDS
    for name in KINDS:
        ref = newest(store, name)
        store.check(ref)
        record = store.record(ref)
        assert (record.kind, f"store-{record.schema_version}") == (name, Path(store.root).name)
        assert len(list(store.read(ref))) == len(store.rows(ref, 0, 100)) == record.rows > 0
        assert record.inputs == (() if name == "tasks" else ("tasks@golden-1",))


def test_tasks_keep_their_ids_and_values(store: Store) -> None:
    ref = newest(store, "tasks")
    task, prompt = store.read(ref)
    assert [task.id, prompt.id] == store.scan(ref).collect()["id"].to_list()
    assert task.files[0].path == "/app/données.bin"
    assert task.files[0].content == bytes(range(256))
    assert task.files[1].mode == 0o755
    assert task.verifier.tests[0].weight == 2.5
    assert task.needs == {Need.USERS, Need.SERVICES}
    assert task.solution[0].commands[0].keystrokes == "cp d* copy.bin\n"
    assert (prompt.domain, prompt.verifier, prompt.solution) == (None, None, None)
    assert (prompt.provenance.source, prompt.provenance.license) == ("math", "CC-BY-4.0")


def test_trajectories_keep_their_turns_and_verdicts(store: Store) -> None:
    lost, solved = store.read(newest(store, "trajectories"))
    assert (lost.ending, lost.outcome, lost.turns, lost.detail) == (Ending.SANDBOX_LOST, "sandbox lost", (), "killed")
    assert (solved.attempt, solved.outcome, solved.verdict.score) == (1, "solved", 1.0)
    assert solved.sampling == {"temperature": 0.7, "max_output_tokens": 8192}
    assert solved.turns[1].reply == '{"commands": []} \U0001f40d'
    assert solved.turns[1].reasoning == "Hm."
    assert (solved.usage.input_tokens, solved.usage.cost_usd) == (24, 0.5)


def test_verdicts_and_rejected_rows_keep_their_reasons(store: Store) -> None:
    (verdicts,) = store.read(newest(store, "verdicts"))
    (rejected,) = store.read(newest(store, "rejected"))
    assert verdicts.first_failure.gate == rejected.reason == "no-op fails"
    assert not verdicts.sound
    assert verdicts.gates[0].seconds == 0.25
    assert TerminalTask.model_validate_json(rejected.row).id == rejected.task_id == verdicts.task_id


def test_the_columns_on_disk_are_the_released_ones() -> None:
    text = "if this change is meant, run `python -m tests.golden.released`; old datasets must stay readable"
    assert columns() == (FOLDER / "columns.txt").read_text(), text
