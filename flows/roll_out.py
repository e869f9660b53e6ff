"""roll-out: a teacher solves tasks in sandboxes; every trial becomes one trajectory, whatever happened to it."""

from typing import Annotated, Literal

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
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
    night_or_date,
    run_name,
)
from flows.shards import parts_of
from tasks import roll_out as rolling
from tasks.progress import Progress
from termforge.agent.loop import AgentConfig
from termforge.rollout import RolloutConfig
from termforge.schemas import DatasetRef
from termforge.stages.machine import choose_machine
from termforge.stages.rollouts import plan_rollouts
from termforge.stages.teachers import BudgetConfig, TeacherChoice
from termforge.store import Store

Samples = Annotated[int, Field(ge=1, le=64, description="Trials of each task.")]
Attempts = Annotated[
    int, Field(ge=1, le=10, description="How often a trial is begun at most: again only when machines failed.")
]
SlipRate = Annotated[float, Field(ge=0, le=1, description="The oracle's share of steps with a mistake and a recovery.")]
ObservationMode = Annotated[
    Literal["clean", "terminus2"],
    Field(description="terminus2: what Terminus 2 shows, its oddities included; clean: those mended."),
]
ReplyFormat = Annotated[
    Literal["json", "xml"], Field(description="What replies are written in. The oracle writes JSON.")
]
Overflow = Annotated[
    Literal["end", "summarize"],
    Field(description="When a conversation outgrows the model's window: end the trial, or hand over to a shorter one."),
]
WaitMode = Annotated[
    Literal["settle", "full"], Field(description="settle: wait until the work is done; full: as long as was asked for.")
]
Recorded = Annotated[
    bool,
    Field(
        description="Keep each terminal as an asciicast, for asciinema, in the column `recording`. Costs a tmux client "
        "in every sandbox and up to 2 MB a row; turns take no longer."
    ),
]


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4), flow_run_name=run_name)
@described
def roll_out(
    tasks: Annotated[str, Field(description="Dataset of tasks: name@version, or name for the newest.")] = "tasks",
    night: Night = "",
    store: StorePath = "store",
    teacher: Model = "termforge/oracle",
    api_base: ApiBase = None,
    temperature: Temperature = None,
    max_output_tokens: OutputTokens = 8192,
    slip_rate: SlipRate = 0.15,
    samples: Samples = 1,
    attempts: Attempts = 3,
    template: Template = "termforge",
    reply_format: ReplyFormat = "json",
    observation_mode: ObservationMode = "clean",
    overflow: Overflow = "end",
    wait_mode: WaitMode = "settle",
    record: Recorded = False,
    budget_usd: Dollars = None,
    budget_tokens: Tokens = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """Shards of trials run at once; a shard that was interrupted goes on where its journal ends."""
    machine, datasets = choose_machine(sandbox, images), Store(store)
    choice = TeacherChoice.of(
        teacher, api_base=api_base, temperature=temperature, max_output_tokens=max_output_tokens, slip_rate=slip_rate
    )
    config = RolloutConfig(
        agent=AgentConfig(
            template=template, reply_format=reply_format, observation_mode=observation_mode, overflow=overflow
        ),
        wait_mode=wait_mode,
        samples=samples,
        attempts=attempts,
        record=record,
    )
    plan = plan_rollouts(
        datasets,
        night_or_date(night),
        datasets.resolve(tasks, "tasks"),
        config,
        choice,
        machine,
        shard_rows=shard_rows,
        work=work,
    )
    if datasets.exists(plan.target):
        return plan.target
    budget = BudgetConfig(usd=budget_usd, tokens=budget_tokens)
    progress = Progress("rollouts", plan.rows * samples, f"Trials of {plan.source} by {teacher}")
    submit, advance = rolling.roll_out_shard.submit, progress.advance
    parts = parts_of(plan, lambda shard: submit(plan, shard, config, choice, budget, machine, concurrency, advance))
    return rolling.finish_rollouts(plan, parts, config, choice)
