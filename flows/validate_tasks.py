"""validate-tasks: candidates go through the gates; the sound ones come out as `tasks`."""

from typing import Annotated

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.parameters import (
    Concurrency,
    Images,
    Night,
    Sandbox,
    ShardRows,
    StorePath,
    Work,
    described,
    night_or_date,
    run_name,
)
from flows.shards import parts_of
from tasks import validate
from tasks.progress import Progress
from termforge.schemas import DatasetRef
from termforge.stages.machine import choose_machine
from termforge.stages.validation import plan_validation, sound_tasks
from termforge.store import Store
from termforge.validate import ValidationConfig

OracleRuns = Annotated[int, Field(ge=1, le=20, description="Fresh sandboxes the solution must pass in.")]
Mutants = Annotated[
    int,
    Field(
        ge=0,
        le=100,
        description="Faulty solutions that are played for each task at most, and as many damaged results graded; "
        "the share that the tests reject is the column kill_rate. 0: none.",
    ),
]


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4), flow_run_name=run_name)
@described
def validate_tasks(
    sources: Annotated[list[str], Field(min_length=1, description="Datasets of tasks: name@version, or name.")],
    night: Night = "",
    store: StorePath = "store",
    oracle_runs: OracleRuns = 2,
    mutants: Mutants = 0,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """Merge the sources, then put each task through the gates, from lint to its own solution, cheaters and mutants."""
    machine, config = choose_machine(sandbox, images), ValidationConfig(oracle_runs=oracle_runs, mutants=mutants)
    night, datasets = night_or_date(night), Store(store)
    candidates = validate.merge(store, night, [datasets.resolve(source, "tasks") for source in sources])
    plan = plan_validation(datasets, night, candidates, config, machine, shard_rows=shard_rows, work=work)
    if datasets.exists(sound_tasks(plan)):
        return sound_tasks(plan)
    progress = Progress("validation", plan.rows, f"Gates of {plan.source}")
    submit, advance = validate.validate_shard.submit, progress.advance
    parts = parts_of(plan, lambda shard: submit(plan, shard, config, machine, concurrency, advance))
    return validate.finish_validation(plan, parts, config)
