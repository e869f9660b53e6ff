"""Forging as a stage: a number and a random seed become `forged-tasks`, evenly over the domains."""

from collections.abc import Mapping

from termforge.forge import Usable, forge_task, usable
from termforge.forge.compose import GENERATOR
from termforge.schemas import DOMAINS, DatasetRecord, DatasetRef, Domain, Record, digest
from termforge.stages.difficulty import lacking
from termforge.stages.machine import Machine
from termforge.store import Store, Writer, version_of


class ForgeConfig(Record):
    per_domain: int
    seed: str
    difficulties: DatasetRef | None = None
    """What a solver found hard and easy: skills of which too little is in band are drawn more often."""


def forge(store: Store, night: str, config: ForgeConfig, machine: Machine) -> DatasetRecord:
    """Skills whose tools an image lacks are left out; where it is the image of their own domain, the counts say so."""
    found = {domain: usable(inventory) for domain, inventory in machine.inventories.items()}
    skills = {domain: digest([skill.name for skill in found[domain].skills])[:16] for domain in DOMAINS}
    settings = config.model_dump(mode="json") | {"machine": machine.model_dump(), "skills": skills}
    ref = DatasetRef(name="forged-tasks", version=version_of(night, GENERATOR, settings))
    with store.making(ref) as absent:
        if not absent:
            return store.record(ref)
        lack = {
            name: share for skills in lacking(store, config.difficulties).values() for name, share in skills.items()
        }
        with store.writer(ref, "tasks", config=settings) as out:
            for position, domain in enumerate(DOMAINS):
                _forge_domain(out, position, domain, config, machine, found[domain], lack)
    return store.record(ref)


def _forge_domain(
    out: Writer,
    position: int,
    domain: Domain,
    config: ForgeConfig,
    machine: Machine,
    found: Usable,
    lack: Mapping[str, float],
) -> None:
    for name, tools in found.lacking.items():
        if name.startswith(f"{domain}/"):
            out.counts[f"left out: {name} lacks {', '.join(tools)}"] += config.per_domain
    if not any(skill.domain == domain for skill in found.skills):
        return
    for number in range(config.per_domain):
        index = number * len(DOMAINS) + position
        image = machine.recipes[domain]
        out.add(forge_task(index, seed=config.seed, domain=domain, image=image, skills=found.skills, lacking=lack))
        out.counts[domain] += 1
