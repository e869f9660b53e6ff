"""software-engineering, interpreters

Engineers want a calculator for the command line that understands units: sums of lengths in different units, products
and quotients that give new units, conversion on request, and an error that points at the place where metres were
added to seconds.
"""

import re
from collections import Counter
from typing import NamedTuple

LENGTHS = {"m": 1.0, "km": 1000.0, "cm": 0.01}
TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0}
MASSES = {"kg": 1.0, "g": 0.001}
UNITS = {name: (factor, next(iter(kind))) for kind in (LENGTHS, TIMES, MASSES) for name, factor in kind.items()}
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z]+)|(.))")


class Mistake(Exception):
    """Says what is wrong, and in which column from 1."""

    def __init__(self, what: str, column: int) -> None:
        super().__init__(f"column {column}: {what}")


class Value(NamedTuple):
    number: float
    """In base units."""
    powers: dict[str, int]
    """Of the base units; none is 0."""


class Calculator:
    def __init__(self, text: str) -> None:
        self._tokens = [(match[0].strip(), match.start(match.lastindex or 0) + 1) for match in TOKEN.finditer(text)]
        self._tokens.append(("", len(text) + 1))

    def result(self) -> Value:
        """`SUM` or `SUM to PRODUCT`, which gives the number in that unit."""
        value = self._sum()
        if self._tokens[0][0] == "to":
            column = self._next()[1]
            unit = self._product()
            if unit.powers != value.powers:
                raise Mistake("units differ", column)
            value = Value(value.number / unit.number, value.powers)
        if self._tokens[0][0]:
            raise Mistake(f"did not expect {self._tokens[0][0]!r}", self._tokens[0][1])
        return value

    def _next(self) -> tuple[str, int]:
        return self._tokens.pop(0)

    def _sum(self) -> Value:
        value = self._product()
        while self._tokens[0][0] in ("+", "-"):
            sign, column = self._next()
            other = self._product()
            if other.powers != value.powers:
                raise Mistake("units differ", column)
            value = Value(value.number + (other.number if sign == "+" else -other.number), value.powers)
        return value

    def _product(self) -> Value:
        value = self._power()
        while (sign := self._tokens[0][0]) in ("*", "/", "(") or (sign[:1].isalnum() and sign != "to"):
            if sign in ("*", "/"):
                self._next()
            value = _times(value, self._power(), -1 if sign == "/" else 1)
        return value

    def _power(self) -> Value:
        value = self._atom()
        if self._tokens[0][0] == "^":
            self._next()
            number, column = self._next()
            if not number.isdigit():
                raise Mistake("expected a whole number", column)
            return _times(Value(1.0, {}), value, int(number))
        return value

    def _atom(self) -> Value:
        token, column = self._next()
        if token == "(":
            value = self._sum()
            if self._next()[0] != ")":
                raise Mistake("this bracket is never closed", column)
            return value
        if token in UNITS:
            factor, base = UNITS[token]
            return Value(factor, {base: 1})
        if token[:1].isdigit():
            return Value(float(token), {})
        raise Mistake(f"did not expect {token!r}", column)


def _times(one: Value, other: Value, power: int) -> Value:
    powers = Counter(one.powers)
    for base, exponent in other.powers.items():
        powers[base] += exponent * power
    return Value(one.number * other.number**power, {base: exponent for base, exponent in powers.items() if exponent})
