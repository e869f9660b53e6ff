"""Every answer of the sample that ships with the project, computed once more and in another way where there is one."""

import itertools
import json
import math
import re
from collections.abc import Iterable
from fractions import Fraction as F  # noqa: N817
from pathlib import Path

import pytest

from termforge.adapt import answer
from termforge.adapt.math import SAMPLE, SAMPLE_COLUMNS
from termforge.adapt.sources import read_prompts
from termforge.prompts import load

SAMPLE_FILE = Path(__file__).parents[3] / "prompts" / "adapt" / "sample_math.jsonl"


def only(found: Iterable[int]) -> int:
    (value,) = found
    return value


def shoelace(*corners: tuple[int, int]) -> F:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return F(abs(sum(x * v - u * y for (x, y), (u, v) in pairs)), 2)


COMPUTED = {
    "arithmetic-01": 14 * 36 + 9 * 24 - 88,
    "arithmetic-02": 12 * 47 + 29,
    "arithmetic-03": 20 - 3 * F("2.75") - 4 * F("1.20"),
    "arithmetic-04": F(1800, 45 - 9),
    "arithmetic-05": F(450, 6) * 16,
    "arithmetic-06": 80 * F("1.25") * F("0.8"),
    "arithmetic-07": 3 - 2 * 7,
    "arithmetic-08": (240 - 240 * F(3, 8)) * F(2, 5),
    "arithmetic-09": 18 / F(45, 60),
    "arithmetic-10": F(1, 2) + F(1, 3) - F(1, 4),
    "algebra-01": only(x for x in range(-100, 101) if 7 * x - 15 == 3 * x + 29),
    "algebra-02": only(a for a in range(100) for b in range(100) if a + b == 58 and a - b == 14),
    "algebra-03": only(s for s in range(1, 60) if 4 * s + 20 == 2 * (s + 20)),
    "algebra-04": only(c for c in range(131) if 10 * (130 - c) + 7 * c == 1090),
    "algebra-05": max(x for x in range(-60, 61) if x * x - 9 * x - 52 == 0),
    "algebra-06": sum(5 + 4 * k for k in range(30)),
    "algebra-07": 3 * 2**9,
    "algebra-08": only(n for n in range(20) if 3 ** (n + 1) == 729),
    "algebra-09": (2 * 25 - 15 + 1) - (2 + 3 + 1),
    "algebra-10": 1 / (F(1, 6) + F(1, 3)),
    "number-theory-01": math.gcd(504, 756),
    "number-theory-02": math.lcm(12, 18, 40),
    "number-theory-03": pow(7, 100, 13),
    "number-theory-04": sum(720 % d == 0 for d in range(1, 721)),
    "number-theory-05": sum(all(n % d for d in range(2, n)) for n in range(51, 100)),
    "number-theory-06": next(n for n in range(1, 200) if n % 5 == 2 and n % 7 == 3 and n % 4 == 1),
    "number-theory-07": len(str(math.factorial(100))) - len(str(math.factorial(100)).rstrip("0")),
    "number-theory-08": sum(map(int, str(2**20))),
    "number-theory-09": int("1011011", 2),
    "number-theory-10": pow(3, 2025, 10),
    "combinatorics-01": len(set(itertools.permutations("BANANA"))),
    "combinatorics-02": math.comb(7, 2) * math.comb(5, 2),
    "combinatorics-03": F(sum(a + b >= 10 for a in range(1, 7) for b in range(1, 7)), 36),
    "combinatorics-04": sum(len(set(str(n))) == 3 for n in range(100, 1000)),
    "combinatorics-05": F(math.comb(4, 2), math.comb(10, 2)),
    "combinatorics-06": 30 - (18 + 15 - 8),
    "combinatorics-07": sum(sum(way) == 3 for way in itertools.product((0, 1), repeat=8)),
    "combinatorics-08": sum(sum(shares) == 10 for shares in itertools.product(range(1, 8), repeat=4)),
    "combinatorics-09": F(sum(sum(toss) == 3 for toss in itertools.product((0, 1), repeat=5)), 32),
    "combinatorics-10": len(list(itertools.combinations(range(8), 2))),
    "geometry-01": only(2 * (w + w + 7) for w in range(1, 120) if w * (w + 7) == 120),
    "geometry-02": math.isqrt(20**2 + 21**2),
    "geometry-03": F((9 - 2) * 180, 9),
    "geometry-04": only(a**3 for a in range(1, 50) if 6 * a * a == 294),
    "geometry-05": math.isqrt(21 * 8 * 7 * 6),
    "geometry-06": math.isqrt(12**2 + 5**2),
    "geometry-07": F(12, 4) ** 2,
    "geometry-08": F(18 * 25000, 100_000),
    "geometry-09": shoelace((0, 0), (6, 0), (6, 4), (3, 7), (0, 4)),
    "geometry-10": sum(abs(8 - 15) < c < 8 + 15 for c in range(1, 50)),
}


def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in SAMPLE_FILE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_each_answer_is_what_a_computation_finds(row: dict[str, str]) -> None:
    assert answer.read(row["expected_answer"]) == (F(COMPUTED[row["id"]]), "")


def test_each_worked_solution_ends_at_the_answer() -> None:
    for row in rows():
        figure = row["expected_answer"].replace(",", "")
        assert re.search(rf"(?<![0-9]){re.escape(figure)}(?![0-9])", row["solution"]), row["id"]


def test_the_sample_is_large_varied_and_without_repetition() -> None:
    answers = [prompt.answer for prompt in read_prompts(SAMPLE_FILE, SAMPLE_COLUMNS)]
    assert len(answers) - answers.count(None) == len(rows()) >= 40
    assert len({row["problem"] for row in rows()}) == len({row["id"] for row in rows()}) == len(rows())
    assert {row["topic"] for row in rows()} == {
        "arithmetic",
        "algebra",
        "number-theory",
        "combinatorics",
        "geometry",
    }


def test_the_sample_ships_with_the_prompts() -> None:
    assert load(SAMPLE).text == SAMPLE_FILE.read_text(encoding="utf-8")


def test_sample_prompts_say_where_they_come_from() -> None:
    first = next(read_prompts(SAMPLE_FILE, SAMPLE_COLUMNS))
    assert (first.dataset, first.id, first.license) == ("termforge/sample_math", "arithmetic-01", "Apache-2.0")
