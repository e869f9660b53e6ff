"""forge-tasks: terminal tasks from seeded generators, without a model."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import Images, Measured, Night, Sandbox, Seed, StorePath, described, night_or_date, run_name
from tasks import forge
from termforge.schemas import DatasetRef
from termforge.stages.forging import ForgeConfig
from termforge.stages.machine import choose_machine
from termforge.store import Store

PerDomain = Annotated[int, Field(ge=0, le=100_000, description="Forged tasks for each of the nine domains.")]


@flow(flow_run_name=run_name)
@described
def forge_tasks(
    night: Night = "",
    store: StorePath = "store",
    per_domain: PerDomain = 4,
    seed: Seed = "0",
    measured: Measured = "",
    sandbox: Sandbox = "auto",
    images: Images = "auto",
) -> DatasetRef:
    """Compose tasks of three to five skills; skills whose tools an image lacks are left out and counted."""
    found = Store(store).resolve(measured, "difficulties") if measured else None
    config = ForgeConfig(per_domain=per_domain, seed=seed, difficulties=found)
    return forge.forge_tasks(store, night_or_date(night), config, choose_machine(sandbox, images))
