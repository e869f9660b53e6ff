"""attack-tasks: a model looks for a way to pass each task's tests without doing its work."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import (
    ApiBase,
    Concurrency,
    Dollars,
    Images,
    Night,
    OutputTokens,
    Sandbox,
    StorePath,
    Temperature,
    Tokens,
    Work,
    described,
    night_or_date,
    run_name,
)
from tasks import attack
from termforge.schemas import DatasetRef
from termforge.stages.attacking import AttackConfig
from termforge.stages.machine import choose_machine
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.stopping import stoppable
from termforge.store import Store

Adversary = Annotated[str, Field(description="The model that looks for exploits, as litellm names it.")]


@flow(flow_run_name=run_name)
@described
def attack_tasks(
    adversary: Adversary,
    tasks: Annotated[str, Field(description="Dataset of graded tasks: name@version, or name.")] = "tasks",
    night: Night = "",
    store: StorePath = "store",
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    submits: Annotated[int, Field(ge=1, le=20, description="Scripts that the adversary may try on each task.")] = 3,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    work: Work = None,
) -> DatasetRef:
    """`attacked-tasks`: the same tasks, each with the exploit found against it; validate-tasks refuses those."""
    config = AttackConfig(
        teacher=TeacherChoice.of(
            adversary, api_base=api_base, temperature=temperature, max_output_tokens=max_output_tokens
        ),
        submits=submits,
    )
    machine, budget = choose_machine(sandbox, images), BudgetConfig(usd=budget_usd, tokens=budget_tokens)
    source = Store(store).resolve(tasks, "tasks")
    with stoppable():
        return attack.attack_tasks(store, night_or_date(night), source, config, machine, budget, concurrency, work)
