"""data-science, reliability

A waterworks knows when each of its pumps was installed and when it failed; many still run, and some were taken out in
working order. Estimate the share of pumps that last longer than t for every t at which one failed, with the variance
of each estimate, and the age that half of them reach. Pumps that were taken out at the age at which others failed
count as having been at risk. Where the curve never falls to one half, there is no median.
"""


def survival(pumps: list[tuple[float, bool]]) -> list[tuple[float, float, float]]:
    """`pumps`: (age, failed). (age, share that lasts longer, variance of the share) at each failure."""
    share, spread, curve = 1.0, 0.0, []
    for age in sorted({age for age, failed in pumps if failed}):
        at_risk = sum(other >= age for other, _ in pumps)
        failures = sum(failed and other == age for other, failed in pumps)
        share *= 1 - failures / at_risk
        spread += failures / (at_risk * (at_risk - failures)) if at_risk > failures else 0.0
        curve.append((age, share, share**2 * spread))
    return curve


def median(curve: list[tuple[float, float, float]]) -> float | None:
    return next((age for age, share, _ in curve if share <= 0.5), None)
