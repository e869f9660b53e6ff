"""Evaluation as a stage: the first attempts of a trajectory dataset, scored with their uncertainty."""

from termforge.evaluate import Report, report, scored
from termforge.schemas import DatasetRef
from termforge.store import Store


def evaluate(store: Store, trajectories: DatasetRef) -> Report:
    """Raises: InputError where a trial was not graded or is not a first attempt."""
    tasks = store.read(store.source(trajectories, "tasks"))
    terminal_tasks = {terminal_task.id: terminal_task for terminal_task in tasks}
    return report(
        scored(terminal_tasks[trajectory.task_id], trajectory)
        for trajectory in store.read(trajectories)
        if trajectory.attempt == 0
    )
