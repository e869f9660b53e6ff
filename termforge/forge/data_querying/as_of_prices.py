"""Data querying: price bookings by the rate that was valid on their day, and rank what they are worth."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step

THEMES = (
    ("rates", "currency", ("CHF", "DKK", "JPY", "NOK", "PLN", "SEK"), "payments", "payment", "P"),
    ("tariffs", "zone", ("Z1", "Z2", "Z3", "Z4", "Z5", "Z6"), "meterings", "metering", "M"),
    ("prices", "metal", ("Ag", "Al", "Cu", "Ni", "Pb", "Zn"), "deliveries", "delivery", "D"),
)
SCALE = 10_000
"""A factor has four decimals."""


class Booking(NamedTuple):
    name: str
    code: str
    day: date
    cents: int


class Data(NamedTuple):
    factors: dict[str, dict[date, int]]
    """By code and first day: ten-thousandths."""
    bookings: tuple[Booking, ...]
    most: int
    """How many are ranked."""

    def value(self, booking: Booking) -> int | None:
        """Cents, halves rounded up; None before the first factor."""
        valid = [day for day in self.factors[booking.code] if day <= booking.day]
        return (booking.cents * self.factors[booking.code][max(valid)] * 2 + SCALE) // (2 * SCALE) if valid else None


def make(random: Random, setting: Setting) -> Fragment:
    listed, word, codes, booked, one, letter = random.choice(THEMES)
    data = _drawn(random, setting.level, codes, letter)
    folder = setting.folder
    factors, bookings = f"{folder}/{listed}.csv", f"{folder}/{booked}.csv"
    valued = {booking.name: data.value(booking) for booking in data.bookings}
    return Fragment(
        title=f"Value the {booked} as of their day",
        brief=f"""\
`{factors}` (columns `{word},valid_from,factor`, in no order) says from which day on which factor holds for a {word}.
`{bookings}` (columns `{one},{word},day,amount`) lists {booked}. The factor of a {one} is that of its {word} with the
latest `valid_from` that is not after its day. Its value is amount times factor, rounded to two decimals, exact halves
away from zero. Write into `{folder}`:
- `valued.csv` with the header `{one},value`: every {one} that has a factor, in the order of the input, the value with
  two decimals;
- `unvalued.txt`: the names of those without one, one a line, in byte order;
- `largest.json`: a list of the {data.most} names of greatest value, the greatest first, equal ones in byte order.""",
        files=(_factors(random, factors, word, data), _bookings(bookings, one, word, data)),
        steps=_steps(random, folder, factors, bookings, word, one, data),
        checks=_checks(folder, one, valued, data),
        outputs=tuple(f"{folder}/{name}" for name in ("valued.csv", "unvalued.txt", "largest.json")),
    )


def _drawn(random: Random, level: int, codes: tuple[str, ...], letter: str) -> Data:
    first = date(random.choice((2023, 2024, 2025)), random.randint(1, 9), random.randint(1, 28))
    factors: dict[str, dict[date, int]] = {}
    for code in random.sample(codes, 2 + level):
        days = random.sample(range(5, 90), 3 + level)
        factors[code] = {first + timedelta(day): random.randint(300, 30_000) for day in days}
        # An odd number of hundredths makes half a cent of fifty cents.
        factors[code][first + timedelta(days[0])] = SCALE + 100 * random.randrange(1, 90, 2)
    drawn: list[tuple[str, date, int]] = []
    for code, valid in factors.items():
        start, change = min(valid), random.choice(sorted(valid))
        half = next(day for day, factor in valid.items() if factor % 200 == 100 and factor > SCALE)
        same = (code, change, random.randint(90_000, 99_999))
        drawn += [(code, start - timedelta(1), 4200), (code, change, 700), (code, half, 50), same, same]
        drawn += [
            (code, start + timedelta(random.randint(-4, 90)), random.randint(100, 80_000)) for _ in range(2 + 2 * level)
        ]
    numbers = random.sample(range(100, 1000), len(drawn))
    shuffled = random.sample(drawn, len(drawn))
    bookings = tuple(Booking(f"{letter}{number}", *rest) for number, rest in zip(numbers, shuffled, strict=True))
    return Data(factors, bookings, 2 + level)


def _factors(random: Random, path: str, word: str, data: Data) -> File:
    rows = [
        f"{code},{day.isoformat()},{factor // SCALE}.{factor % SCALE:04d}"
        for code, valid in data.factors.items()
        for day, factor in valid.items()
    ]
    return text_file(path, "\n".join([f"{word},valid_from,factor", *random.sample(rows, len(rows))]) + "\n")


def _bookings(path: str, one: str, word: str, data: Data) -> File:
    rows = [f"{name},{code},{day.isoformat()},{money(cents)}" for name, code, day, cents in data.bookings]
    return text_file(path, "\n".join([f"{one},{word},day,amount", *rows]) + "\n")


def _steps(
    random: Random, folder: str, factors: str, bookings: str, word: str, one: str, data: Data
) -> tuple[Step, ...]:
    script = f"{folder}/value.py"
    look = step(
        random,
        (
            f"A look-up by day needs the factors of each {word} in order. I check first what both tables look like.",
            f"Two tables have to meet by {word} and by day. Before I write anything I want to see their columns.",
        ),
        ("Show the head of both tables.", "Print a few lines of each, and how many there are."),
        run(f"head -n 6 {factors} {bookings}"),
        run(f"wc -l {factors} {bookings}"),
    )
    value = step(
        random,
        (
            "Sorted by day, bisect_right finds the last factor that is not later than a booking; Decimal keeps halves "
            "exact, and ROUND_HALF_UP takes them away from zero.",
            "For each group I keep the days in order, so that one bisection answers each booking. Money goes through "
            "Decimal: a float would lose the exact halves.",
        ),
        ("Write the program, run it and look at what it wrote.", f"Type {script}, run it, then show all results."),
        write(script, _script(folder, factors, bookings, word, one, data.most)),
        run(f"python3 {script}", 2.0),
        run(f"head -n 5 {folder}/valued.csv {folder}/unvalued.txt {folder}/largest.json"),
    )
    return look, value


def _script(folder: str, factors: str, bookings: str, word: str, one: str, most: int) -> str:
    return f'''
import csv
import heapq
import json
from bisect import bisect_right
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

with open("{factors}", newline="") as table:
    rows = sorted((row["{word}"], row["valid_from"], Decimal(row["factor"])) for row in csv.DictReader(table))
valid = {{code: list(group) for code, group in groupby(rows, key=lambda row: row[0])}}
values, missing = {{}}, []
with open("{bookings}", newline="") as table:
    for row in csv.DictReader(table):
        known = valid[row["{word}"]]
        place = bisect_right([day for _, day, _ in known], row["day"])
        if place == 0:
            missing.append(row["{one}"])
        else:
            value = Decimal(row["amount"]) * known[place - 1][2]
            values[row["{one}"]] = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
with open("{folder}/valued.csv", "w") as out:
    out.write("{one},value\\n" + "".join(f"{{name}},{{value}}\\n" for name, value in values.items()))
with open("{folder}/unvalued.txt", "w") as out:
    out.writelines(f"{{name}}\\n" for name in sorted(missing))
with open("{folder}/largest.json", "w") as out:
    json.dump(heapq.nsmallest({most}, values, key=lambda name: (-values[name], name)), out)
'''


def _checks(folder: str, one: str, valued: dict[str, int | None], data: Data) -> tuple[Check, ...]:
    known = {name: cents for name, cents in valued.items() if cents is not None}
    rows = [[one, "value"], *([name, money(cents)] for name, cents in known.items())]
    unvalued = sorted(name for name, cents in valued.items() if cents is None)
    largest = sorted(known, key=lambda name: (-known[name], name))[: data.most]
    return (
        Check(
            "names",
            f"assert [row[0] for row in table({folder + '/valued.csv'!r})] == {literal([row[0] for row in rows])}",
        ),
        Check("values", f"assert table({folder + '/valued.csv'!r}) == {literal(rows)}", 3.0),
        Check("unvalued", f"assert lines({folder + '/unvalued.txt'!r}) == {literal(unvalued)}", 2.0),
        Check("largest", f"assert document({folder + '/largest.json'!r}) == {literal(largest)}", 2.0),
    )


SKILL = Skill(
    name="data-querying/as-of-prices",
    domain="data-querying",
    folders=("valuation", "as-of", "valued", "booking-day"),
    tools=("python3", "head", "wc", "cat"),
    make=make,
)
