"""Validation as a stage: candidates go through the gates shard by shard; the sound ones become `tasks`."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from termforge.adapt.near_duplicates import NearDuplicates
from termforge.errors import SetupError
from termforge.findings import GateVerdicts, Rejected
from termforge.images import Inventory
from termforge.once import once
from termforge.sandbox.protocol import Engine
from termforge.schemas import DatasetRecord, DatasetRef, ImageRecipe, Part, TerminalTask
from termforge.slots import Slots
from termforge.stages.machine import Machine, inventory_of
from termforge.stages.plan import ShardPlan, work_folder
from termforge.store import Store, version_of
from termforge.validate import ValidationConfig, validate_shard

STAGE = "validate-3"
ALIKE = 0.9
"""Jaccard similarity of two instructions' three-word shingles from which one is a near-duplicate."""

log = logging.getLogger(__name__)


def plan_validation(
    store: Store,
    night: str,
    source: DatasetRef,
    config: ValidationConfig,
    machine: Machine,
    *,
    shard_rows: int,
    work: str | None,
) -> ShardPlan:
    settings = [config.model_dump(mode="json"), machine.model_dump()]
    version = version_of(night, STAGE, settings, [source])
    return ShardPlan(
        store=store.root,
        night=night,
        work=work_folder(store, work),
        source=source,
        target=DatasetRef(name="gate-verdicts", version=version),
        rows=store.record(source).rows,
        shard_rows=shard_rows,
    )


def sound_tasks(plan: ShardPlan) -> DatasetRef:
    """The dataset that validation ends in; it exists when all of it is done."""
    return DatasetRef(name="tasks", version=plan.target.version)


def run_shard(
    plan: ShardPlan,
    shard: int,
    config: ValidationConfig,
    engine: Engine,
    *,
    slots: Slots,
    on_done: Callable[[int], None],
) -> Part:
    tasks = plan.records(shard)
    verdicts = validate_shard(
        tasks,
        config,
        engine,
        inventories_here({task.image for task in tasks}),
        plan.folder(shard),
        duplicates=near_duplicates(plan.store, plan.source),
        slots=slots,
        on_done=lambda done, records: on_done(1),
    )
    return Store(plan.store).write_part(plan.target, "verdicts", shard, verdicts)


def inventories_here(recipes: Iterable[ImageRecipe]) -> dict[ImageRecipe, Inventory]:
    """Of those that are built here: a task that was made for another image is one row's matter, not its shard's."""
    inventories = {}
    for recipe in recipes:
        try:
            inventories[recipe] = inventory_of(recipe)
        except SetupError as error:
            log.warning("tasks on %s are refused: %s", recipe.name, error)
    return inventories


@once
def near_duplicates(store: str, source: DatasetRef) -> Mapping[str, str]:
    """By task id the earlier task that has nearly the same instruction: found once a process, for all shards."""
    frame = Store(store).scan(source).select("id", "instruction").collect()
    kept: list[str] = []
    found: dict[str, str] = {}
    for task, earlier in zip(frame["id"], NearDuplicates(ALIKE).repeated(frame["instruction"]), strict=True):
        if earlier is None:
            kept.append(task)
        else:
            found[task] = kept[earlier]
    return found


def finish(store: Store, plan: ShardPlan, parts: Iterable[Part], config: ValidationConfig) -> DatasetRecord:
    """Write the record of the verdicts, then `rejected-tasks`, then `tasks`, whose record this returns."""
    settings = config.model_dump(mode="json")
    sound = sound_tasks(plan)
    with store.making(sound) as missing:
        if not missing:
            return store.record(sound)
        if not store.exists(plan.target):
            store.commit(plan.target, "verdicts", parts, config=settings, inputs=[plan.source], counts={})
        _write_rejected(store, plan, settings)
        with store.writer(sound, "tasks", config=settings, inputs=[plan.source, plan.target]) as out:
            for terminal_task, verdicts in _judged(store, plan):
                out.counts.update(_counts(verdicts))
                if verdicts.sound:
                    out.add(terminal_task)
    return store.record(sound)


def _write_rejected(store: Store, plan: ShardPlan, settings: dict[str, Any]) -> None:
    ref = DatasetRef(name="rejected-tasks", version=plan.target.version)
    if store.exists(ref):
        return
    with store.writer(ref, "rejected", config=settings, inputs=[plan.source, plan.target]) as out:
        for terminal_task, verdicts in _judged(store, plan):
            if (failure := verdicts.first_failure) is not None:
                out.counts[failure.blamed] += 1
                out.add(
                    Rejected(
                        stage=STAGE,
                        reason=failure.blamed,
                        detail=failure.detail,
                        task_id=terminal_task.id,
                        row=terminal_task.model_dump_json(),
                    )
                )


def _judged(store: Store, plan: ShardPlan) -> Iterator[tuple[TerminalTask, GateVerdicts]]:
    return zip(store.read(plan.source), store.read(plan.target), strict=True)


def _counts(verdicts: GateVerdicts) -> Counter[str]:
    gates = Counter(f"{gate.blamed}: {gate.status}" for gate in verdicts.gates)
    return gates + Counter({"sound" if verdicts.sound else "rejected": 1})
