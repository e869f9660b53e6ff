"""What forged tasks cost: to make on one core, and to prove sound in real sandboxes."""

import time
from concurrent.futures import ThreadPoolExecutor

from termforge.forge import forge_task, usable
from termforge.schemas import DOMAINS, TerminalTask
from termforge.stages.machine import Machine
from termforge.validate import ValidationConfig, validate
from tests.benchmarks.bars import Measured

FORGED = 2_000
PROVEN = {"bubblewrap": 90, "docker": 36}
AT_ONCE = 8


def forge_tasks_per_s() -> dict[str, Measured]:
    """Ids included: a task that nobody can name is of no use."""
    machine = Machine(sandbox="bubblewrap", images="domain")
    _forged(machine, 9)  # imports and caches
    start = time.perf_counter()
    tasks = _forged(machine, FORGED)
    assert len({task.id for task in tasks}) == FORGED
    return {"forge_tasks_per_s": Measured(FORGED / (time.perf_counter() - start))}


def validate_tasks_per_min() -> dict[str, Measured]:
    """Every gate but mutants: the solution twice, doing nothing, the cheaters."""
    rates = {kind: _proven_a_minute(kind) for kind in PROVEN}  # type: ignore[arg-type]
    return {"validate_tasks_per_min": Measured(rates["bubblewrap"], note=f"Docker: {rates['docker']:.0f}")}


def _proven_a_minute(kind: str) -> float:
    machine = Machine(sandbox=kind, images="domain")  # type: ignore[arg-type]
    tasks = _forged(machine, PROVEN[kind])
    engine, inventories = machine.engine, machine.inventories

    def sound(task: TerminalTask) -> bool:
        assert task.domain is not None
        return validate(task, ValidationConfig(), engine, inventories[task.domain]).sound

    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert all(pool.map(sound, tasks))
    return len(tasks) / (time.monotonic() - start) * 60


def _forged(machine: Machine, count: int) -> list[TerminalTask]:
    recipes = machine.recipes
    skills = {domain: usable(inventory).skills for domain, inventory in machine.inventories.items()}
    return [
        forge_task(number, seed="benchmark", domain=domain, image=recipes[domain], skills=skills[domain])
        for number in range(count)
        for domain in [DOMAINS[number % len(DOMAINS)]]
    ]
