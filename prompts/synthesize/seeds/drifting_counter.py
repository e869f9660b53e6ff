"""debugging, network monitoring

A monitoring program adds the bytes of a network interface over a month from a counter that it reads every minute. Its
monthly totals are too high by amounts that look random. The counter has 32 bits, is sometimes reset by a restart, and
readings can arrive twice. Find why the totals are wrong and mend the program so that all three cases are handled.
"""

from itertools import pairwise

SIZE = 2**32


def faulty_total(readings: list[tuple[int, int]], restarts: list[int]) -> int:
    """`readings`: (second, counter). Takes every decrease for an overflow, a reset and a stale reading included."""
    counters = [counter for _, counter in readings]
    return sum((after - before) % SIZE for before, after in pairwise(counters))


def total(readings: list[tuple[int, int]], restarts: list[int]) -> int:
    """Bytes from the first reading to the last."""
    kept: list[tuple[int, int]] = []
    for reading in readings:
        if not kept or reading[0] > kept[-1][0]:
            kept.append(reading)
    amount = 0
    for (before_s, before), (after_s, after) in pairwise(kept):
        restarted = any(before_s < restart <= after_s for restart in restarts)
        amount += after if restarted else (after - before) % SIZE
    return amount
