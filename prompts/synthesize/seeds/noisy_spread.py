"""debugging, numerics

A service reports mean and standard deviation of sensor values as they arrive. For a sensor that sits near a million
with a spread of a hundredth the deviation comes out as zero, or the service dies of a negative number under the root;
merging the figures of two services makes it worse. Find the cause and mend both, keeping constant memory and one
pass.
"""

from math import sqrt
from typing import NamedTuple


def faulty(values: list[float]) -> float:
    """The difference of two huge sums that agree in almost all digits."""
    count, total, squares = len(values), sum(values), sum(value * value for value in values)
    return sqrt((squares - total * total / count) / (count - 1))


class Figures(NamedTuple):
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Of the distances from the mean."""

    def with_value(self, value: float) -> "Figures":
        count, distance = self.count + 1, value - self.mean
        mean = self.mean + distance / count
        return Figures(count, mean, self.squares + distance * (value - mean))

    def with_others(self, other: "Figures") -> "Figures":
        count, distance = self.count + other.count, other.mean - self.mean
        if not count:
            return self
        mean = self.mean + distance * other.count / count
        between = distance**2 * self.count * other.count / count
        return Figures(count, mean, self.squares + other.squares + between)

    @property
    def deviation(self) -> float:
        return sqrt(self.squares / (self.count - 1))
