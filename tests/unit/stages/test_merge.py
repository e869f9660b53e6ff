"""What candidates are made of: each task once, with everything that was found against it."""

import pytest

from termforge.schemas import Control, DatasetRef, File, ImageRecipe, Provenance, TerminalTask
from termforge.stages.merge import merge
from termforge.store import Store

FIRST, SECOND = (Control(name=name, files=(File(path="/app/out", content=b"x"),)) for name in ("first", "second"))


def task(number: int, *controls: Control) -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction=f"Task {number}.",
        provenance=Provenance(source="forge", generator="test@1"),
        controls=controls,
    )


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def put(store: Store, name: str, *tasks: TerminalTask) -> DatasetRef:
    ref = DatasetRef(name=name, version="1")
    with store.writer(ref, "tasks", config={}) as out:
        for each in tasks:
            out.add(each)
    return ref


def test_a_task_of_several_sources_keeps_the_controls_of_all(store: Store) -> None:
    forged = put(store, "forged-tasks", task(1), task(2, FIRST), task(3))
    attacked = put(store, "attacked-tasks", task(1, FIRST), task(2, FIRST, SECOND), task(3))
    record = merge(store, "n", [forged, attacked])
    assert list(store.read(record.ref)) == [task(1, FIRST), task(2, FIRST, SECOND), task(3)]
    assert record.counts == {"from forged-tasks": 3, "exact duplicates": 3}


def test_controls_of_equal_names_and_other_files_are_two(store: Store) -> None:
    other = FIRST.model_copy(update={"files": ()})
    record = merge(store, "n", [put(store, "one", task(1, FIRST)), put(store, "two", task(1, other), task(2))])
    assert list(store.read(record.ref)) == [task(1, FIRST, other), task(2)]
