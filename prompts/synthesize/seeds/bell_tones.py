"""scientific-computing, acoustics

A recording of a church bell holds a few pure tones that die away at different rates, on top of hum from the mains.
Find the tones' frequencies to a tenth of a hertz and their strengths at the beginning, leave out whatever lies at a
multiple of the mains frequency, and give for each tone the time in which it falls to a thousandth of its power.
"""

from cmath import exp
from math import cos, log, pi


def strength(samples: list[float], rate: float, frequency: float) -> float:
    """Amplitude of one frequency in the samples, faded in and out so that strong neighbours do not spill over."""
    count = len(samples)
    faded = [value * (1 - cos(2 * pi * number / count)) for number, value in enumerate(samples)]
    total = sum(value * exp(-2j * pi * frequency * number / rate) for number, value in enumerate(faded))
    return 2 * abs(total) / count


def strongest(samples: list[float], rate: float, low: float, high: float, mains: float) -> float:
    """The frequency between `low` and `high` with most strength, away from the mains' multiples."""
    step = rate / len(samples)
    grid = [low + step / 2 * number for number in range(int(2 * (high - low) / step) + 1)]
    lawful = [frequency for frequency in grid if abs(frequency - mains * round(frequency / mains)) > 3 * step]
    best = max(lawful, key=lambda frequency: strength(samples, rate, frequency))
    while step > 0.01:
        step /= 2
        best = max((best - step, best, best + step), key=lambda frequency: strength(samples, rate, frequency))
    return best


def decay_time(samples: list[float], rate: float, frequency: float) -> float:
    """Seconds in which the power falls to a thousandth, from the strengths in the two halves."""
    half = len(samples) // 2
    early, late = (strength(part, rate, frequency) for part in (samples[:half], samples[half : 2 * half]))
    per_second = log(early / late) / (half / rate)
    return log(1000.0) / 2 / per_second
