"""scientific-computing, epidemiology

A fever passes through a closed town: those who can catch it fall ill in proportion to meetings with the ill, and the
ill recover at a constant rate. Measures halve the meetings while more than a given share of the town is ill. Compute
the course, the day and height of the peak, and the share that was never ill, to five digits, although the measures
make the rates jump.
"""

from typing import NamedTuple


class Course(NamedTuple):
    peak_day: float
    peak: float
    """Share of the town that is ill at its height."""
    never_ill: float


def course(contact: float, recovery: float, ill: float, limit: float, days: float, *, steps: int = 20_000) -> Course:
    """Rates a day; shares of the town."""
    can_catch, step = 1.0 - ill, days / steps
    peak_day, peak = 0.0, ill
    for number in range(1, steps + 1):
        rate = contact / 2 if ill > limit else contact
        can_catch, ill = _advance(can_catch, ill, rate, recovery, step)
        if ill > peak:
            peak_day, peak = number * step, ill
    return Course(peak_day, peak, can_catch)


def _advance(can_catch: float, ill: float, contact: float, recovery: float, step: float) -> tuple[float, float]:
    def change(s: float, i: float) -> tuple[float, float]:
        return -contact * s * i, contact * s * i - recovery * i

    a = change(can_catch, ill)
    b = change(can_catch + step / 2 * a[0], ill + step / 2 * a[1])
    c = change(can_catch + step / 2 * b[0], ill + step / 2 * b[1])
    d = change(can_catch + step * c[0], ill + step * c[1])
    parts = [step / 6 * (a[i] + 2 * b[i] + 2 * c[i] + d[i]) for i in range(2)]
    return can_catch + parts[0], ill + parts[1]
