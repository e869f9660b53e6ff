"""harden-tasks: forged tasks that a solver finds too easy get further parts, until its pass@k falls into the band."""

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from flows.measure_difficulty import High, K, Low, Trials, measure_difficulty
from flows.parameters import (
    ApiBase,
    Concurrency,
    Dollars,
    Images,
    Model,
    Night,
    OutputTokens,
    Sandbox,
    ShardRows,
    StorePath,
    Temperature,
    Tokens,
    Work,
    described,
    night_or_date,
    run_name,
)
from flows.validate_tasks import validate_tasks
from tasks import difficulty
from termforge.schemas import DatasetRef
from termforge.store import Store

Rounds = Annotated[int, Field(ge=1, le=8, description="How often a task is extended at most.")]


@flow(flow_run_name=run_name)
@described
def harden_tasks(
    tasks: Annotated[
        str,
        Field(
            pattern="@",
            description="Dataset of forged tasks as name@version: hardening makes newer `tasks` itself, and what was "
            "interrupted goes on only from where it began.",
        ),
    ],
    night: Night = "",
    store: StorePath = "store",
    solver: Model = "termforge/oracle",
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    samples: Trials = 4,
    k: K = 1,
    low: Low = 0.1,
    high: High = 0.9,
    rounds: Rounds = 3,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """Every extended task goes through the gates before the solver sees it. What never falls into the band is left."""
    night = night_or_date(night)
    machine: dict[str, Any] = {"sandbox": sandbox, "images": images, "concurrency": concurrency}
    place: dict[str, Any] = {"night": night, "store": store, "shard_rows": shard_rows, "work": work}
    measured: list[DatasetRef] = []
    for number in range(rounds + 1):
        measured.append(
            measure_difficulty(
                tasks=tasks,
                solver=solver,
                api_base=api_base,
                temperature=temperature,
                max_output_tokens=max_output_tokens,
                samples=samples,
                k=k,
                low=low,
                high=high,
                budget_usd=budget_usd,
                budget_tokens=budget_tokens,
                **machine,
                **place,
            )
        )
        if number == rounds:
            break
        longer = difficulty.extend(store, night, measured[-1], 1)
        if not Store(store).record(longer).rows:
            break
        tasks = str(validate_tasks(sources=[str(longer)], **machine, **place))
    return difficulty.in_band(store, night, measured)
