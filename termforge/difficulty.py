"""How hard tasks are for a solver, and what the next growth should make more of.

pass@k is estimated without bias from n trials of which c passed: 1 - C(n-c, k) / C(n, k) (Chen et al., 2021). A task is
in band when the estimate lies in an interval: there the solver sometimes fails and sometimes does not, which is where
it can learn.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import comb

from pydantic import Field, model_validator

from termforge.errors import InputError
from termforge.findings import Difficulty, Standing
from termforge.schemas import Domain, Record, TerminalTask, Trajectory

Deficits = dict[Domain, dict[str, float]]
"""By domain and skill what is lacking, from 0 (nothing) to 1 (everything)."""


class Band(Record):
    """pass@k between `low` and `high`, both included."""

    k: int = Field(default=1, ge=1)
    low: float = Field(default=0.1, ge=0, le=1)
    high: float = Field(default=0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Band":
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self

    def standing(self, estimate: float) -> Standing:
        if estimate < self.low:
            return "too hard"
        return "too easy" if estimate > self.high else "in band"


def pass_at_k(trials: int, passes: int, k: int) -> float:
    """The unbiased estimate.

    Raises: InputError for fewer trials than k, or more passes than trials.
    """
    if not 0 <= passes <= trials or not 1 <= k <= trials:
        raise InputError(f"pass@{k} cannot be estimated from {passes} passes of {trials} trials")
    return 1.0 - comb(trials - passes, k) / comb(trials, k)


def difficulties(
    tasks: Iterable[TerminalTask], trajectories: Iterable[Trajectory], band: Band
) -> tuple[list[Difficulty], Counter[str]]:
    """A row for each task with enough trials, in the tasks' order; and counts, of those that had too few as well."""
    outcomes: defaultdict[str, list[bool]] = defaultdict(list)
    solvers: dict[str, str] = {}
    for trajectory in trajectories:
        if trajectory.attempt == 0 and _counts(trajectory):
            outcomes[trajectory.task_id].append(trajectory.outcome == "solved")
            solvers[trajectory.task_id] = trajectory.model
    rows, counts = [], Counter[str]()
    for task in tasks:
        passed = outcomes[task.id]
        if len(passed) < band.k:
            counts[f"fewer than {band.k} graded trials"] += 1
            continue
        rows.append(_difficulty(task, solvers[task.id], passed, band))
        counts[rows[-1].standing] += 1
    return rows, counts


def _counts(trajectory: Trajectory) -> bool:
    graded = trajectory.verdict is not None and trajectory.verdict.error is None
    return graded and not trajectory.ending.infrastructure


def _difficulty(task: TerminalTask, solver: str, passed: Sequence[bool], band: Band) -> Difficulty:
    trials, passes = len(passed), sum(passed)
    estimate = pass_at_k(trials, passes, band.k)
    return Difficulty(
        task_id=task.id,
        domain=task.domain,
        skills=task.provenance.skills,
        solver=solver,
        trials=trials,
        passes=passes,
        k=band.k,
        pass_at_1=passes / trials,
        pass_at_k=estimate,
        standing=band.standing(estimate),
    )


def deficits(rows: Iterable[Difficulty], known: Mapping[Domain, Iterable[str]]) -> Deficits:
    """Skills measured by their tasks in band, against the skill that has most: none of them is 1, as many is 0.

    `known` names every skill of a domain; one that no task has lacks everything. A skill of no domain that is known is
    left out.
    """
    in_band = Counter(skill for row in rows if row.standing == "in band" for skill in row.skills)
    most = max(in_band.values(), default=1)
    return {domain: {skill: 1 - in_band[skill] / most for skill in sorted(skills)} for domain, skills in known.items()}
