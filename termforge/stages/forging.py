"""Forging as a stage: a number and a random seed become `forged-tasks`, evenly over the domains."""

from termforge.forge import GENERATOR, available, forge_task
from termforge.schemas import DOMAINS, DatasetRecord, DatasetRef, Record
from termforge.stages.machine import Machine
from termforge.store import Store, version_of


class ForgeConfig(Record):
    per_domain: int
    seed: str


def forge(store: Store, night: str, config: ForgeConfig, machine: Machine) -> DatasetRecord:
    """Skills whose tools an image lacks are left out and named in the counts."""
    commands = {domain: frozenset(found.commands) for domain, found in machine.inventories.items()}
    usable = {domain: available(commands[domain]) for domain in DOMAINS}
    settings = config.model_dump() | {
        "machine": machine.model_dump(),
        "left out": {domain: found.missing for domain, found in usable.items() if found.missing},
    }
    ref = DatasetRef(name="forged-tasks", version=version_of(night, GENERATOR, settings))
    if not store.exists(ref):
        with store.writer(ref, "tasks", config=settings) as out:
            for position, domain in enumerate(DOMAINS):
                for skill, tools in usable[domain].missing.items():
                    out.counts[f"left out in {domain}: {skill} needs {', '.join(tools)}"] += 1
                for number in range(config.per_domain):
                    out.add(
                        forge_task(
                            number * len(DOMAINS) + position,
                            seed=config.seed,
                            domain=domain,
                            image=machine.recipes[domain],
                            commands=commands[domain],
                        )
                    )
                    out.counts[domain] += 1
    return store.record(ref)
