"""Which tasks hardening extends, and how it counts those that it leaves."""

import pytest

from termforge.findings import Difficulty, Standing
from termforge.forge import SKILLS, forge_task
from termforge.schemas import DOMAINS, DatasetRef, ImageRecipe, TerminalTask
from termforge.stages import hardening
from termforge.store import Store

HOST = ImageRecipe(name="host", recipe="")


def forged(index: int, **changes: object) -> TerminalTask:
    task = forge_task(index, seed="hardening", domain=DOMAINS[index], image=HOST)
    return task.model_copy(update={"provenance": task.provenance.model_copy(update=changes)})


def measured(task: TerminalTask, standing: Standing) -> Difficulty:
    return Difficulty(
        task_id=task.id, solver="m", trials=1, passes=1, k=1, pass_at_1=1.0, pass_at_k=1.0, standing=standing
    )


def put(store: Store, tasks: list[TerminalTask], rows: list[Difficulty]) -> DatasetRef:
    source, ref = DatasetRef(name="tasks", version="1"), DatasetRef(name="difficulties", version="1")
    with store.writer(source, "tasks", config={}) as out:
        for task in tasks:
            out.add(task)
    with store.writer(ref, "difficulties", config={}, inputs=[source]) as out:
        for row in rows:
            out.add(row)
    return ref


def test_what_cannot_be_extended_is_counted_and_keeps_nothing_up(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardening, "_skills", lambda image: SKILLS)
    store = Store(tmp_path_factory.mktemp("store"))
    older, hard, adapted, unmeasured, easy = (
        forged(0, generator="forge@1"),
        forged(1),
        forged(2, source="math"),
        forged(3),
        forged(4),
    )
    standings: dict[Standing, list[TerminalTask]] = {"too easy": [older, adapted, easy], "too hard": [hard]}
    rows = [measured(task, standing) for standing, tasks in standings.items() for task in tasks]
    record = hardening.extend(store, "n", put(store, [older, hard, adapted, unmeasured, easy], rows), 2)
    assert record.counts == {
        "too easy, cannot be extended": 1,
        "too hard": 1,
        "too easy": 1,
        "not measured": 1,
        "extended": 1,
    }
    (longer,) = store.read(record.ref)
    assert longer.provenance.skills[:-2] == easy.provenance.skills
