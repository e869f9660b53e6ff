"""scientific-computing, heat conduction

A metal rod of known length, at one temperature throughout, is put with both ends into ice water. Its diffusivity
changes with temperature by a given law. Compute the temperature at given places and times to four digits, and show
that refining the calculation changes nothing beyond that.
"""

from collections.abc import Callable

Law = Callable[[float], float]


def temperature(place: float, time: float, *, start: float, length: float, diffusivity: Law, cells: int) -> float:
    """Of the rod at one of the grid's points after `time`."""
    step = length / cells
    rod = [0.0] + [start] * (cells - 1) + [0.0]
    steps = int(time / (0.2 * step**2 / max(diffusivity(0.0), diffusivity(start)))) + 1
    for _ in range(steps):
        rod = _forward(rod, time / steps, step, diffusivity)
    return rod[round(place / step)]


def extrapolated(place: float, time: float, *, start: float, length: float, diffusivity: Law) -> tuple[float, float]:
    """The value, and how much the last refinement changed it."""
    coarse, fine = (
        temperature(place, time, start=start, length=length, diffusivity=diffusivity, cells=cells) for cells in (20, 40)
    )
    return fine + (fine - coarse) / 3, abs(fine - coarse) / 3


def _forward(rod: list[float], time: float, step: float, diffusivity: Law) -> list[float]:
    """Midpoint in time; what leaves one cell enters the next."""
    half = _after(rod, rod, time / 2, step, diffusivity)
    return _after(rod, half, time, step, diffusivity)


def _after(rod: list[float], at: list[float], time: float, step: float, diffusivity: Law) -> list[float]:
    law = [diffusivity(value) for value in at]
    flows = [(law[i] + law[i + 1]) / 2 * (at[i + 1] - at[i]) / step for i in range(len(at) - 1)]
    return [0.0, *(rod[i] + time * (flows[i] - flows[i - 1]) / step for i in range(1, len(rod) - 1)), 0.0]
