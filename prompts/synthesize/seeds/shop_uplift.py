"""data-science, economics

A chain of shops tried a new shelf layout in some of its branches for six weeks. From daily sales of all branches
before and during the trial, estimate how much the layout changed sales, allowing for the fact that branches differ
and that all of them follow the same seasons, and say how sure one can be when the branch is the unit of chance.
"""

from math import exp, log
from random import Random
from statistics import fmean

Sales = dict[str, tuple[list[float], list[float]]]
"""By branch: daily sales before, and during the trial."""


def uplift(treated: Sales, others: Sales, *, rounds: int = 2000, seed: int = 1) -> tuple[float, float, float]:
    """The factor by which sales changed, and the ends of its 95% interval."""
    changes = [[_change(*branch) for branch in group.values()] for group in (treated, others)]
    rng = Random(seed)
    drawn = sorted(_difference(*(rng.choices(group, k=len(group)) for group in changes)) for _ in range(rounds))
    low, high = drawn[int(0.025 * rounds)], drawn[int(0.975 * rounds) - 1]
    return exp(_difference(*changes)), exp(low), exp(high)


def _change(before: list[float], during: list[float]) -> float:
    return fmean(map(log, during)) - fmean(map(log, before))


def _difference(treated: list[float], others: list[float]) -> float:
    return fmean(treated) - fmean(others)
