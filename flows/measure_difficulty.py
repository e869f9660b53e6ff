"""measure-difficulty: a solver tries every task several times; pass@k says which are worth training on."""

from typing import Annotated

from prefect import flow
from pydantic import Field

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
from flows.roll_out import roll_out
from tasks import difficulty
from termforge.difficulty import Band
from termforge.schemas import DatasetRef

K = Annotated[int, Field(ge=1, le=64, description="Of pass@k.")]
Low = Annotated[float, Field(ge=0, le=1, description="Below this pass@k a task is too hard.")]
High = Annotated[float, Field(ge=0, le=1, description="Above this pass@k a task is too easy.")]
Trials = Annotated[int, Field(ge=1, le=64, description="Trials of each task; at least k, more for a better estimate.")]


@flow(flow_run_name=run_name)
@described
def measure_difficulty(
    tasks: Annotated[str, Field(description="Dataset of graded tasks: name@version, or name.")] = "tasks",
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
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """One row a task with an unbiased pass@k; name the dataset in grow-corpus to make more of what is lacking."""
    band, night = Band.of(k=k, low=low, high=high), night_or_date(night)
    trajectories = roll_out(
        tasks=tasks,
        night=night,
        store=store,
        teacher=solver,
        api_base=api_base,
        temperature=temperature,
        max_output_tokens=max_output_tokens,
        samples=max(samples, k),
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        sandbox=sandbox,
        images=images,
        concurrency=concurrency,
        shard_rows=shard_rows,
        work=work,
    )
    return difficulty.measure(store, night, trajectories, band)
