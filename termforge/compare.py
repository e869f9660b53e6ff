"""Do two growths hold the same trials with the same verdicts?

    python -m termforge.compare STORE OTHER_STORE [DATASET]

DATASET is `name@version`, or a name for the newest version (default: trajectories). Exit status 0 when equal, else 1.
"""

import sys
from typing import NamedTuple

from termforge.errors import TermforgeError
from termforge.schemas import Trajectory
from termforge.store import Store


class Judged(NamedTuple):
    """What must not depend on who was killed when: the trial and what grading said of its last attempt."""

    task_id: str
    sample: int
    outcome: str
    passed: tuple[tuple[str, bool], ...]


def differences(store: Store, other: Store, dataset: str) -> list[str]:
    """One line for each trial that is missing, twice there, or judged differently."""
    (left, faults), (right, other_faults) = _judged(store, dataset), _judged(other, dataset)
    lines = [*faults, *other_faults]
    for trial_id in sorted(left.keys() | right.keys()):
        if left.get(trial_id) != right.get(trial_id):
            lines.append(f"{trial_id}: {left.get(trial_id, 'missing')} / {right.get(trial_id, 'missing')}")
    return lines


def _judged(store: Store, dataset: str) -> tuple[dict[str, Judged], list[str]]:
    judged: dict[str, Judged] = {}
    faults = []
    seen: set[tuple[str, int]] = set()
    for trajectory in store.read(store.resolve(dataset)):
        assert isinstance(trajectory, Trajectory)
        if (trajectory.trial_id, trajectory.attempt) in seen:
            faults.append(f"{trajectory.trial_id}: attempt {trajectory.attempt} is twice in {store.root}")
        seen.add((trajectory.trial_id, trajectory.attempt))
        results = trajectory.verdict.results if trajectory.verdict else ()
        judged[trajectory.trial_id] = Judged(
            trajectory.task_id,
            trajectory.sample,
            trajectory.outcome,
            tuple((result.id, result.passed) for result in results),
        )
    return judged, faults


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    first, second, dataset = (*arguments, "trajectories")[:3]
    try:
        lines = differences(Store(first), Store(second), dataset)
    except TermforgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines) or f"equal: every trial of {dataset} and its verdict")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
