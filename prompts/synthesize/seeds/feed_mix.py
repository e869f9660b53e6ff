"""scientific-computing, optimization

A farm mixes feed from grains with known prices and contents. Each kilogram of the mix needs at least so much protein
and energy and at most so much fat. Find the cheapest mix exactly, as fractions; of several equally cheap ones take
the first in the order of the shares. If no mix meets the demands, say so.
"""

from fractions import Fraction
from itertools import combinations

Row = tuple[list[Fraction], Fraction]
"""Coefficients, and what their sum must reach at least."""


def cheapest(prices: list[Fraction], demands: list[Row]) -> tuple[Fraction, list[Fraction]] | None:
    """Shares that add up to one, none negative: their price and the shares; None where no mix will do."""
    count = len(prices)
    whole: Row = ([Fraction(1)] * count, Fraction(1))
    signs: list[Row] = [([Fraction(i == j) for j in range(count)], Fraction(0)) for i in range(count)]
    best: tuple[Fraction, list[Fraction]] | None = None
    for tight in combinations([*demands, *signs], count - 1):
        shares = _solve([whole, *tight])
        if shares is None or any(_dot(row, shares) < least for row, least in [*demands, *signs]):
            continue
        option = (_dot(prices, shares), shares)
        best = option if best is None else min(best, option)
    return best


def _dot(one: list[Fraction], other: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))


def _solve(rows: list[Row]) -> list[Fraction] | None:
    """The one solution of as many equations as unknowns; None where there is not exactly one."""
    table = [[*coefficients, value] for coefficients, value in rows]
    size = len(table)
    for column in range(size):
        pivot = next((row for row in range(column, size) if table[row][column]), None)
        if pivot is None:
            return None
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [value / table[column][column] for value in table[column]]
        for row in range(size):
            if row != column:
                factor = table[row][column]
                table[row] = [a - factor * b for a, b in zip(table[row], table[column], strict=True)]
    return [row[-1] for row in table]
