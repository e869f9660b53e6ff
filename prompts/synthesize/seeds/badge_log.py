"""security, access control

The doors of a building record which badge opened which door when. A badge was copied: from some day on, the original
and the copy are both in use. From the records and the walking times between doors find the copied badges, and for
each the first record that cannot belong to the person of the record before, and the smallest number of records that
must be ascribed to a second person. Ways may lead through several doors.
"""

from itertools import pairwise, product

Record = tuple[str, str, int]
"""Badge, door, second."""


def copied(records: list[Record], walks: dict[tuple[str, str], int]) -> dict[str, tuple[int, int]]:
    """By badge: second of the first impossible record, and the fewest records of the second person."""
    times = _all_ways(walks)
    result = {}
    for badge in sorted({record[0] for record in records}):
        own = sorted((record[1:] for record in records if record[0] == badge), key=lambda entry: entry[1])
        late = [now[1] for before, now in pairwise(own) if not _possible(before, now, times)]
        if late:
            result[badge] = (late[0], len(own) - _longest(own, times))
    return result


def _all_ways(walks: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    doors = sorted({door for pair in walks for door in pair})
    times = {(a, b): 0 if a == b else min(_both(walks, a, b), default=10**9) for a, b in product(doors, doors)}
    for via, a, b in product(doors, doors, doors):
        times[a, b] = min(times[a, b], times[a, via] + times[via, b])
    return times


def _both(walks: dict[tuple[str, str], int], a: str, b: str) -> list[int]:
    return [walks[pair] for pair in ((a, b), (b, a)) if pair in walks]


def _possible(before: tuple[str, int], now: tuple[str, int], times: dict[tuple[str, str], int]) -> bool:
    return now[1] - before[1] >= times[before[0], now[0]]


def _longest(own: list[tuple[str, int]], times: dict[tuple[str, str], int]) -> int:
    """Most records that a single person can have made."""
    best: list[int] = []
    for place, now in enumerate(own):
        best.append(1 + max((best[i] for i in range(place) if _possible(own[i], now, times)), default=0))
    return max(best)
