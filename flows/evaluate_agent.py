"""evaluate-agent: an agent tries every task of a set; first attempts count, failures of machines do not."""

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
    Template,
    Tokens,
    Work,
    described,
    run_name,
)
from flows.roll_out import ObservationMode, Overflow, ReplyFormat, WaitMode, roll_out
from tasks import evaluate as evaluating
from termforge.evaluate import Report


@flow(flow_run_name=run_name)
@described
def evaluate_agent(
    tasks: Annotated[
        str, Field(description="Dataset of graded tasks: name@version, or name for the newest.")
    ] = "tasks",
    night: Night = "",
    store: StorePath = "store",
    agent: Model = "termforge/oracle",
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    samples: Annotated[int, Field(ge=1, le=64, description="First attempts at each task.")] = 1,
    template: Template = "termforge",
    reply_format: ReplyFormat = "json",
    observation_mode: ObservationMode = "terminus2",
    overflow: Overflow = "end",
    wait_mode: WaitMode = "settle",
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> Report:
    """Passes of trials with a 95% interval for each domain; the report is an artifact of the run."""
    trajectories = roll_out(
        tasks=tasks,
        night=night,
        store=store,
        teacher=agent,
        api_base=api_base,
        temperature=temperature,
        max_output_tokens=max_output_tokens,
        slip_rate=0.0,
        samples=samples,
        attempts=1,
        template=template,
        reply_format=reply_format,
        observation_mode=observation_mode,
        overflow=overflow,
        wait_mode=wait_mode,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        sandbox=sandbox,
        images=images,
        concurrency=concurrency,
        shard_rows=shard_rows,
        work=work,
    )
    return evaluating.evaluate(store, trajectories)
