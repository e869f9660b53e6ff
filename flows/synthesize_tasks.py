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
    OutputTokens,
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
from termforge.difficulty import Deficits
from termforge.schemas import DOMAINS, DatasetRef, Domain
from termforge.stages.machine import choose_machine
from termforge.stages.synthesis import SynthesisConfig
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.stopping import stoppable
from termforge.synthesize import Difficulty
from termforge.synthesize.request import DIFFICULTIES

FromSkills = Annotated[int, Field(ge=0, description="Tasks asked for from 3 to 5 skills of one domain each.")]
FromSeeds = Annotated[
    int,
    Field(ge=0, description="Tasks asked for from seed problems: each once, then again at other difficulties."),
]
Seeds = Annotated[
    str, Field(description="JSONL file of seed problems (problem, domain, field, reference). Empty: our own.")
]
Domains = Annotated[
    tuple[Domain, ...],
    Field(min_length=1, description="Of tasks from skills. dependency-management and model-training may be named too."),
]
Difficulties = Annotated[tuple[Difficulty, ...], Field(min_length=1, description="From which each task's is drawn.")]
DomainDeficits = Annotated[
    Deficits,
    Field(
        description="What the corpus lacks, by domain and skill, from 0 (nothing) to 1 (everything): drawn the more."
    ),
]

Calls = Annotated[int, Field(ge=1, le=1024, description="Calls to the teacher that are under way at once, at most.")]


@flow(flow_run_name=run_name)
@described
def synthesize_tasks(
    teacher: Model,
    night: Night = "",
    store: StorePath = "store",
    from_skills: FromSkills = 9,
    from_seeds: FromSeeds = 9,
    seeds: Seeds = "",
    domains: Domains = DOMAINS,
    difficulties: Difficulties = DIFFICULTIES,
    deficits: DomainDeficits = None,
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    concurrency: Calls = 4,
    seed: Seed = "0",
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    work: Work = None,
) -> DatasetRef:
    """Ask for each task, and once more where the reply makes none: each ends as one accepted or one rejected row."""
    machine = choose_machine(sandbox, images)
    config = SynthesisConfig(
        teacher=TeacherChoice.of(
            teacher, api_base=api_base, temperature=temperature, max_output_tokens=max_output_tokens
        ),
        from_skills=from_skills,
        from_seeds=from_seeds,
        seed=seed,
        domains=domains,
        difficulties=difficulties,
        deficits=deficits or {},
        seeds=seeds,
    )
    budget = BudgetConfig(usd=budget_usd, tokens=budget_tokens)
    with stoppable():
        return synthesize.synthesize_tasks(store, night_or_date(night), config, machine, budget, concurrency, work)
