"""How hard tasks are for a solver, and what the next growth should make more of.

pass@k is estimated without bias from n trials of which c passed: 1 - C(n-c, k) / C(n, k) (Chen et al., 2021). A task is
in band when the estimate lies in an interval: there the solver sometimes fails and sometimes does not, which is where
it can learn.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import comb
from typing import Self

from pydantic import Field

from termforge.errors import InfrastructureError, InputError
from termforge.findings import Difficulty, Standing
from termforge.schemas import Domain, Record, TerminalTask, Trajectory

Deficits = dict[Domain, dict[str, float]]
"""By domain and skill what is lacking, from 0 (nothing) to 1 (everything)."""

NAMED = 12
"""Skills of a domain that a table names."""


class Band(Record):
    """pass@k between `low` and `high`, both included."""

    k: int = Field(default=1, ge=1)
    low: float = Field(default=0.1, ge=0, le=1)
    high: float = Field(default=0.9, ge=0, le=1)

    @classmethod
    def of(cls, *, k: int, low: float, high: float) -> Self:
        """From the settings that people change.

        Raises: InputError for a band that nothing can be in.
        """
        if low > high:
            raise InputError(f"low, high: no pass@{k} is both at least {low} and at most {high}")
        return cls(k=k, low=low, high=high)

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
    draws = comb(trials, k)
    return (draws - comb(trials - passes, k)) / draws  # one rounding: 1 of 10 is 0.1


def difficulties(
    tasks: Iterable[TerminalTask], trajectories: Iterable[Trajectory], band: Band
) -> tuple[list[Difficulty], Counter[str]]:
    """A row for each task with enough trials, in the tasks' order; and counts, of those that had too few as well.

    Raises: InfrastructureError where machines or services failed and no trial at all was graded.
    """
    outcomes, solvers = _graded(trajectories)
    rows, counts = [], Counter[str]()
    for task in tasks:
        passed = outcomes.get(task.id, [])
        if len(passed) < band.k:
            counts[f"fewer than {band.k} graded trials"] += 1
            continue
        rows.append(_difficulty(task, solvers[task.id], passed, band))
        counts[rows[-1].standing] += 1
    return rows, counts


def _graded(trajectories: Iterable[Trajectory]) -> tuple[dict[str, list[bool]], dict[str, str]]:
    """Whether each graded trial passed, and who tried, by task.

    One attempt of a trial at most: another follows only where infrastructure ended the one before.
    """
    outcomes: defaultdict[str, list[bool]] = defaultdict(list)
    solvers: dict[str, str] = {}
    failures = Counter[str]()
    for trajectory in trajectories:
        verdict = trajectory.verdict
        if trajectory.ending.infrastructure or (verdict is not None and verdict.error is not None):
            failures[trajectory.outcome] += 1
        elif verdict is not None:
            outcomes[trajectory.task_id].append(trajectory.outcome == "solved")
            solvers[trajectory.task_id] = trajectory.model
    if failures and not outcomes:
        told = ", ".join(f"{count} {outcome}" for outcome, count in failures.items())
        raise InfrastructureError(f"no trial was graded ({told}): nothing is measured; another night tries them anew")
    return dict(outcomes), solvers


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


def as_markdown(lacking: Deficits) -> str:
    """A table by domain: how much its skills lack together, how many of them everything, and which most."""
    rows = (_row(domain, skills) for domain, skills in lacking.items() if skills)
    return "\n".join(["| domain | lacks | nothing in band | lacking most |", "|---|---:|---:|---|", *rows])


def _row(domain: Domain, skills: Mapping[str, float]) -> str:
    most = sorted((name for name, share in skills.items() if share > 0), key=lambda name: (-skills[name], name))
    named = [f"{name} {skills[name]:.0%}" for name in most[:NAMED]]
    if len(most) > NAMED:
        named.append(f"and {len(most) - NAMED} more")
    nothing = sum(share == 1 for share in skills.values())
    together = sum(skills.values()) / len(skills)
    return f"| {domain} | {together:.0%} | {nothing} of {len(skills)} | {', '.join(named)} |"
