"""data-processing, ecology

Cameras in a forest take pictures when something moves, often several of one visit. A visit is a run of pictures of
one species at one camera in which no two successive ones are more than thirty minutes apart; a picture without an
animal neither ends nor extends it. Clocks of some cameras were wrong by a known number of minutes from a known day
on. Count the visits of each species at each camera, and give for each species the hour of the day in which most of
its visits begin.
"""

from collections import Counter, defaultdict

PAUSE = 30


def visits(
    pictures: list[tuple[str, int, str]], drifts: dict[str, tuple[int, int]]
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """`pictures`: (camera, minute, species or ""); `drifts`: camera to (from minute, minutes too fast)."""
    times = defaultdict(list)
    for camera, minute, species in pictures:
        since, fast = drifts.get(camera, (0, 0))
        if species:
            times[species, camera].append(minute - fast if minute >= since else minute)
    counts: dict[tuple[str, str], int] = {}
    hours: dict[str, Counter[int]] = defaultdict(Counter)
    for (species, camera), minutes in times.items():
        minutes.sort()
        begins = [now for before, now in zip([None, *minutes], minutes, strict=False) if _is_new(before, now)]
        counts[species, camera] = len(begins)
        hours[species].update(minute // 60 % 24 for minute in begins)
    return counts, {species: min(found, key=lambda hour: (-found[hour], hour)) for species, found in hours.items()}


def _is_new(before: int | None, now: int) -> bool:
    return before is None or now - before > PAUSE
