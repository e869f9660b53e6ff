"""system-administration, operations

A hosting company promises 99.5 per cent of each month, announced maintenance left out of the account. Several
monitors report outages with start and end, overlapping one another, some reaching across the ends of the month or
still open. A minute counts as lost when at least two monitors saw the service down in it. Work out the availability
of the month, how much of the allowed time is used up, and the longest single outage.
"""

from itertools import pairwise

Span = tuple[int, int | None]
"""Minutes, half open; an end of None is not reached yet."""


def lost(outages: dict[str, list[Span]], maintenance: list[Span], month: tuple[int, int]) -> list[tuple[int, int]]:
    """The spans of the month in which at least two monitors saw an outage outside of maintenance, in order."""
    changes: dict[int, int] = {}
    for spans in outages.values():
        for start, end in _united(spans, month):
            changes[start] = changes.get(start, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    for start, end in _united(maintenance, month):
        changes[start] = changes.get(start, 0) - 10**6
        changes[end] = changes.get(end, 0) + 10**6
    found: list[tuple[int, int]] = []
    level, moments = 0, sorted(changes)
    for moment, following in pairwise(moments):
        level += changes[moment]
        if level >= 2:
            joined = found and found[-1][1] == moment
            found[-1:] = [(found[-1][0], following)] if joined else [*found[-1:], (moment, following)]
    return found


def availability(found: list[tuple[int, int]], maintenance: list[Span], month: tuple[int, int]) -> float:
    promised = month[1] - month[0] - sum(end - start for start, end in _united(maintenance, month))
    return 1 - sum(end - start for start, end in found) / promised


def _united(spans: list[Span], month: tuple[int, int]) -> list[tuple[int, int]]:
    """Cut to the month, overlapping and touching ones joined."""
    cut = sorted((max(start, month[0]), min(month[1] if end is None else end, month[1])) for start, end in spans)
    result: list[tuple[int, int]] = []
    for start, end in cut:
        if start < end and result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        elif start < end:
            result.append((start, end))
    return result
