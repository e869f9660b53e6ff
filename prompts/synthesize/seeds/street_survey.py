"""data-science, survey statistics

People were asked in the street whether they would use a new tram. Young people and men are over-represented among
those who answered, against the census' figures for age groups and for sexes, of which the combinations are not known.
Weight the answers so that both sets of shares are met, and estimate the share of the town that would use the tram,
with the effective number of answers that is left after weighting.
"""

from collections import defaultdict

Answer = tuple[str, str, bool]
"""Age group, sex, whether they would use it."""


def weights(answers: list[Answer], ages: dict[str, float], sexes: dict[str, float]) -> list[float]:
    """Adding up to the number of answers; both margins are met to 1e-12."""
    weight = [1.0] * len(answers)
    for _ in range(1000):
        worst = 0.0
        for column, wanted in ((0, ages), (1, sexes)):
            sums: dict[str, float] = defaultdict(float)
            for answer, value in zip(answers, weight, strict=True):
                sums[str(answer[column])] += value
            factors = {name: wanted[name] * len(answers) / total for name, total in sums.items()}
            worst = max(worst, *(abs(factor - 1) for factor in factors.values()))
            weight = [value * factors[str(answer[column])] for answer, value in zip(answers, weight, strict=True)]
        if worst < 1e-12:
            break
    return weight


def estimate(answers: list[Answer], weight: list[float]) -> tuple[float, float]:
    """The weighted share, and the effective number of answers."""
    total = sum(weight)
    share = sum(value for answer, value in zip(answers, weight, strict=True) if answer[2]) / total
    return share, total**2 / sum(value**2 for value in weight)
