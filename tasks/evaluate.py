"""Evaluate: a report on trajectories as an artifact. Pure and quick, so there is nothing to retry."""

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from termforge.evaluate import Report, markdown
from termforge.schemas import DatasetRef
from termforge.stages import evaluation
from termforge.store import Store


@task(cache_policy=NO_CACHE)
def evaluate(store: str, trajectories: DatasetRef) -> Report:
    report = evaluation.evaluate(Store(store), trajectories)
    create_markdown_artifact(
        key="evaluation", description=f"First attempts of {trajectories}", markdown=markdown(report)
    )
    return report
