"""Validation as a stage: one row a task whatever is wrong with it, and reasons that blame the right one."""

from collections.abc import Sequence

import pytest

from termforge.errors import SandboxError, SetupError
from termforge.images import Inventory
from termforge.schemas import DatasetRecord, DatasetRef, File, Image, ImageRecipe, Provenance, TerminalTask
from termforge.slots import Slots
from termforge.stages import validation
from termforge.stages.machine import Machine
from termforge.store import Store
from termforge.validate import ValidationConfig, gates

HERE, ELSEWHERE = ImageRecipe(name="security", recipe="today"), ImageRecipe(name="security", recipe="yesterday")
MACHINE = Machine(sandbox="bubblewrap", images="host")


class Away:
    """An engine that does not answer."""

    name = "bubblewrap"
    offers: frozenset[str] = frozenset()

    def image(self, recipe: ImageRecipe) -> Image:
        return Image(name=recipe.name, recipe=recipe.recipe, digest="", inventory="")

    def start(self, image: Image, **options: object) -> object:
        raise SandboxError("connection refused")


def inventory_of(recipe: ImageRecipe) -> Inventory:
    if recipe != HERE:
        raise SetupError("built from another recipe")
    return Inventory(apt={}, python={}, commands=())


def task(instruction: str, image: ImageRecipe = HERE, files: Sequence[File] = ()) -> TerminalTask:
    provenance = Provenance(source="forge", generator="test@1")
    return TerminalTask(image=image, instruction=instruction, files=tuple(files), provenance=provenance)


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(validation, "inventory_of", inventory_of)
    monkeypatch.setattr(gates, "RESTART_S", 0.0)
    return Store(tmp_path_factory.mktemp("store"))


def validated(store: Store, *tasks: TerminalTask) -> DatasetRecord:
    source, config = DatasetRef(name="candidates", version="1"), ValidationConfig()
    with store.writer(source, "tasks", config={}) as out:
        for each in tasks:
            out.add(each)
    plan = validation.plan_validation(store, "n", source, config, MACHINE, shard_rows=9, work=None)
    part = validation.run_shard(plan, 0, config, Away(), slots=Slots(1), on_done=lambda done: None)  # type: ignore[arg-type]
    return validation.finish(store, plan, [part], config)


def test_a_task_for_another_image_is_refused_and_the_others_go_on(store: Store) -> None:
    fit, unfit = task("Count the lines of a file."), task("Sort the words of another.", ELSEWHERE)
    record = validated(store, fit, unfit)
    assert list(store.read(record.ref)) == [fit]
    (rejected,) = store.read(store.resolve("rejected-tasks"))
    assert (rejected.task_id, rejected.reason) == (unfit.id, "needs met")
    assert rejected.detail.startswith("its image 'security' is not the one built here")


def test_machines_that_fail_are_not_counted_against_a_gate(store: Store) -> None:
    record = validated(store, task("Count the lines of /app/in.", files=[File(path="/app/in", content=b"")]))
    (rejected,) = store.read(store.resolve("rejected-tasks"))
    assert (rejected.reason, rejected.detail) == ("infrastructure", "infrastructure: connection refused")
    assert store.record(store.resolve("rejected-tasks")).counts == {"infrastructure": 1}
    assert record.counts["infrastructure: failed"] == 1
    assert "no-op fails: failed" not in record.counts
