"""data-processing, hydrology

A harbour records the water level every ten minutes, but the logger sometimes sends a value twice, late or not at all.
Produce a clean series on the ten-minute grid: of several values for one instant keep the last that was received; fill
gaps of up to three steps by straight lines between their neighbours; mark longer gaps as missing; report each long
gap with its start, end and length.
"""

from itertools import pairwise

STEP = 10
LONGEST_FILLED = 3

Gap = tuple[int, int, int]


def clean(readings: list[tuple[int, int, float]]) -> tuple[dict[int, float | None], list[Gap]]:
    """`readings`: (minute, received, level). The series by minute, and (first, last, steps) of each long gap."""
    known = {minute: level for minute, _, level in sorted(readings, key=lambda reading: reading[:2])}
    series: dict[int, float | None] = {}
    gaps: list[Gap] = []
    minutes = sorted(known)
    for left, right in pairwise(minutes):
        series[left] = known[left]
        missing = range(left + STEP, right, STEP)
        if len(missing) > LONGEST_FILLED:
            gaps.append((missing[0], missing[-1], len(missing)))
            series.update(dict.fromkeys(missing))
            continue
        slope = (known[right] - known[left]) / (right - left)
        series.update({minute: known[left] + slope * (minute - left) for minute in missing})
    series[minutes[-1]] = known[minutes[-1]]
    return series, gaps
