"""Hardening as a stage: forged tasks that a solver finds too easy get further parts."""

import logging
from functools import cache

from termforge.errors import InputError
from termforge.forge import usable
from termforge.forge.compose import GENERATOR, extended
from termforge.forge.skill import Skill
from termforge.schemas import DatasetRecord, DatasetRef, ImageRecipe, TerminalTask
from termforge.stages.machine import inventory_of
from termforge.store import Store, Writer, version_of

log = logging.getLogger(__name__)

STAGE = "harden-1"


def extend(store: Store, night: str, difficulties: DatasetRef, extra: int) -> DatasetRecord:
    """`extended-tasks`: those too easy and forged, each with `extra` further parts; the counts name the others.

    A task that this forge makes otherwise by now is among the others.
    """
    source = store.source(difficulties, "tasks")
    ref = DatasetRef(name="extended-tasks", version=version_of(night, STAGE, [GENERATOR, extra], [difficulties]))
    with store.making(ref) as missing:
        if missing:
            standing = {row.task_id: row.standing for row in store.read(difficulties)}
            with store.writer(ref, "tasks", config={"extra": extra}, inputs=[difficulties]) as out:
                for task in store.read(source):
                    if standing.get(task.id) == "too easy" and task.provenance.source == "forge":
                        _extend(task, extra, out)
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


def _extend(task: TerminalTask, extra: int, out: Writer) -> None:
    skills = _skills(task.image)
    try:
        longer = extended(task, extra, skills)
    except InputError as error:
        log.warning("left out: %s", error)
        out.counts["too easy, cannot be extended"] += 1
        return
    out.add(longer)
    out.counts["extended"] += 1


@cache
def _skills(image: ImageRecipe) -> tuple[Skill, ...]:
    return usable(inventory_of(image)).skills
