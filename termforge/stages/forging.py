"""Forging as a stage: a number and a random seed become `forged-tasks`, evenly over the domains."""

from termforge.forge import SKILLS, available, forge_task
from termforge.forge.compose import GENERATOR
from termforge.schemas import DOMAINS, DatasetRecord, DatasetRef, Domain, Record
from termforge.stages.machine import Machine
from termforge.store import Store, Writer, version_of


class ForgeConfig(Record):
    per_domain: int
    seed: str


def forge(store: Store, night: str, config: ForgeConfig, machine: Machine) -> DatasetRecord:
    """Skills whose tools an image lacks are left out and named in the counts."""
    commands = {domain: frozenset(found.commands) for domain, found in machine.inventories.items()}
    missing = {domain: available(commands[domain])[1] for domain in DOMAINS}
    settings = config.model_dump() | {"machine": machine.model_dump(), "left out": missing}
    ref = DatasetRef(name="forged-tasks", version=version_of(night, GENERATOR, settings))
    with store.making(ref) as absent:
        if not absent:
            return store.record(ref)
        with store.writer(ref, "tasks", config=settings) as out:
            for position, domain in enumerate(DOMAINS):
                _forge_domain(out, position, domain, config, machine, commands[domain], missing[domain])
    return store.record(ref)


def _forge_domain(
    out: Writer,
    position: int,
    domain: Domain,
    config: ForgeConfig,
    machine: Machine,
    commands: frozenset[str],
    missing: dict[str, tuple[str, ...]],
) -> None:
    for skill, tools in missing.items():
        out.counts[f"left out in {domain}: {skill} lacks {', '.join(tools)}"] += config.per_domain
    if not any(skill.domain == domain and skill.name not in missing for skill in SKILLS):
        return
    for number in range(config.per_domain):
        index = number * len(DOMAINS) + position
        out.add(forge_task(index, seed=config.seed, domain=domain, image=machine.recipes[domain], commands=commands))
        out.counts[domain] += 1
