"""Hardening as a stage: forged tasks that a solver finds too easy get further parts."""

from functools import cache

from termforge.forge import usable
from termforge.forge.compose import GENERATOR, extended
from termforge.forge.skill import Skill
from termforge.schemas import DatasetRecord, DatasetRef, ImageRecipe
from termforge.stages.machine import inventory_of
from termforge.store import Store, version_of

STAGE = "harden-1"


def extend(store: Store, night: str, difficulties: DatasetRef, extra: int) -> DatasetRecord:
    """`extended-tasks`: those too easy and forged, each with `extra` further parts; the counts name the others.

    Raises: InputError where a task was made by another version of the forge.
    """
    source = store.source(difficulties, "tasks")
    ref = DatasetRef(name="extended-tasks", version=version_of(night, STAGE, [GENERATOR, extra], [difficulties]))
    with store.making(ref) as missing:
        if missing:
            standing = {row.task_id: row.standing for row in store.read(difficulties)}
            with store.writer(ref, "tasks", config={"extra": extra}, inputs=[difficulties]) as out:
                for task in store.read(source):
                    if standing.get(task.id) == "too easy" and task.provenance.source == "forge":
                        out.add(extended(task, extra, _skills(task.image)))
                        out.counts["extended"] += 1
                    else:
                        out.counts[standing.get(task.id, "not measured")] += 1
    return store.record(ref)


def in_band(store: Store, night: str, rounds: list[DatasetRef]) -> DatasetRecord:
    """`hardened-tasks`: of all rounds of measuring, the tasks that the solver passes as often as was wanted."""
    ref = DatasetRef(name="hardened-tasks", version=version_of(night, STAGE, {}, rounds))
    with store.making(ref) as missing:
        if missing:
            with store.writer(ref, "tasks", config={}, inputs=rounds) as out:
                for number, difficulties in enumerate(rounds):
                    wanted = {row.task_id for row in store.read(difficulties) if row.standing == "in band"}
                    for task in store.read(store.source(difficulties, "tasks")):
                        if task.id in wanted:
                            out.add(task)
                            out.counts[f"in band after round {number}"] += 1
    return store.record(ref)


@cache
def _skills(image: ImageRecipe) -> tuple[Skill, ...]:
    return usable(inventory_of(image)).skills
