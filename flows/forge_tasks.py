"""forge-tasks: terminal tasks from seeded generators, without a model."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import Night, StorePath, night_or_date
from tasks import forge
from termforge.schemas import DatasetRef
from termforge.stages.forging import ForgeConfig
from termforge.stages.machine import ImagesChoice, SandboxChoice, choose_machine

PerDomain = Annotated[int, Field(ge=0, le=100_000, description="Forged tasks for each of the nine domains.")]
Seed = Annotated[str, Field(description="Random seed; the same seed makes the same tasks on any machine.")]


@flow
def forge_tasks(
    night: Night = "",
    store: StorePath = "store",
    per_domain: PerDomain = 4,
    seed: Seed = "0",
    sandbox: SandboxChoice = "auto",
    images: ImagesChoice = "auto",
) -> DatasetRef:
    """Compose tasks of two or three skills; skills whose tools an image lacks are left out and counted."""
    config = ForgeConfig(per_domain=per_domain, seed=seed)
    return forge.forge_tasks(store, night_or_date(night), config, choose_machine(sandbox, images))
