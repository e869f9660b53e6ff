"""synthesize-tasks: a teacher writes terminal tasks from seed problems and from compositions of skills."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import (
    ApiBase,
    Dollars,
    Images,
    Model,
    Night,
    Sandbox,
    Seed,
    StorePath,
    Temperature,
    Tokens,
    Work,
    described,
    night_or_date,
    run_name,
)
from tasks import synthesize
from termforge.schemas import DatasetRef
from termforge.stages.machine import choose_machine
from termforge.stages.synthesis import SynthesisConfig
from termforge.stages.teachers import BudgetConfig, TeacherChoice

FromSkills = Annotated[int, Field(ge=0, description="Tasks asked for from 3 to 5 skills of one domain each.")]
FromSeeds = Annotated[int, Field(ge=0, description="Tasks asked for from seed problems.")]

Calls = Annotated[int, Field(ge=1, le=256, description="Calls to the teacher that are under way at once, at most.")]


@flow(flow_run_name=run_name)
@described
def synthesize_tasks(
    teacher: Model,
    night: Night = "",
    store: StorePath = "store",
    from_skills: FromSkills = 9,
    from_seeds: FromSeeds = 9,
    api_base: ApiBase = None,
    temperature: Temperature = None,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    concurrency: Calls = 4,
    seed: Seed = "0",
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    work: Work = None,
) -> DatasetRef:
    """Ask for each task once; every reply ends as one accepted or one rejected row."""
    machine = choose_machine(sandbox, images)
    config = SynthesisConfig(
        teacher=TeacherChoice.of(teacher, api_base=api_base, temperature=temperature),
        from_skills=from_skills,
        from_seeds=from_seeds,
        seed=seed,
    )
    budget = BudgetConfig(usd=budget_usd, tokens=budget_tokens)
    return synthesize.synthesize_tasks(store, night_or_date(night), config, machine, budget, concurrency, work)
