"""regrade: recorded trials are replayed and judged by today's tests; no teacher is asked."""

from typing import Annotated

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.parameters import (
    Concurrency,
    Night,
    ShardRows,
    StorePath,
    Work,
    described,
    night_or_date,
    run_name,
)
from flows.shards import parts_of
from tasks import regrade as regrading
from tasks.progress import Progress
from termforge.schemas import DatasetRef
from termforge.stages.machine import SandboxChoice
from termforge.stages.regrading import RegradeConfig, plan_regrade, regraded
from termforge.store import Store


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4), flow_run_name=run_name)
@described
def regrade(
    trajectories: Annotated[str, Field(description="Recorded trials: name@version, or name.")] = "trajectories",
    tasks: Annotated[
        str,
        Field(
            description="Whose tests grade: the trials' tasks again, made with other tests. Trials of tasks that are "
            "not there are left out. Empty: the tasks that the trials are of."
        ),
    ] = "",
    night: Night = "",
    store: StorePath = "store",
    sandbox: Annotated[SandboxChoice, Field(description="auto: the kind in which a trial was recorded.")] = "auto",
    other_images: Annotated[
        bool, Field(description="Go on where an image here is another build than the recorded one.")
    ] = False,
    concurrency: Concurrency = 64,
    shard_rows: ShardRows = 100,
    work: Work = None,
) -> DatasetRef:
    """A verdict is replaced where the replay left the same files or, where those are unknown, showed the same."""
    datasets = Store(store)
    source = datasets.resolve(trajectories, "trajectories")
    graders = datasets.resolve(tasks, "tasks") if tasks else datasets.source(source, "tasks")
    config = RegradeConfig(tasks=graders, sandbox=sandbox, other_images=other_images)
    plan = plan_regrade(datasets, night_or_date(night), source, config, shard_rows=shard_rows, work=work)
    if datasets.exists(regraded(plan)):
        return regraded(plan)
    progress = Progress("regrading", plan.rows, f"Trials of {plan.source} by the tests of {graders}")
    submit, advance = regrading.regrade_shard.submit, progress.advance
    parts = parts_of(plan, lambda shard: submit(plan, shard, config, concurrency, advance))
    return regrading.finish_regrade(plan, parts, config)
