"""What is retried, and how often. The store is the cache: a finished version is found, not made again."""

from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from termforge.errors import InfrastructureError


def is_transient(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Machines and services may work the next time; a wrong setting never will."""
    return isinstance(state.result(raise_on_failure=False), InfrastructureError)


RETRIED: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
}
