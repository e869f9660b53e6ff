"""Train: a subprocess that this task starts and watches; its lines go to the log, its steps to a progress artifact.

Not retried: a training that died is started again by a person who has looked at why.
"""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.progress import Progress
from termforge.train import launch, record


@task(cache_policy=NO_CACHE)
def train(recipe: str, data: list[Path], out: Path, processes: int | None) -> Path:
    log = get_run_logger()
    shown: list[Progress] = []
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        log.info(line)
        if (step := launch.progress(line)) is not None:
            if not shown:
                shown.append(Progress("training", step.steps, f"Optimizer steps of recipe {recipe}"))
            shown[0].advance(step.step - done)
            done = step.step

    launch.run(launch.command(recipe, data, out, processes=processes), on_line)
    _summarise(recipe, record.read(out))
    return out


def _summarise(recipe: str, training: record.TrainingRecord) -> None:
    create_markdown_artifact(
        key="training-record",
        description=f"{recipe}: {training.rows.used} of {training.rows.read} conversations, {training.steps} steps",
        markdown=f"```json\n{training.model_dump_json(indent=2)}\n```",
    )
