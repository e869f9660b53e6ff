"""Scientific computing: readings in a mixture of units are brought to whole base units, exactly and rounded half up."""

from fractions import Fraction
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

UNITS = {
    "length": ("um", {"m": (1000000, 1), "mm": (1000, 1), "in": (25400, 1), "thou": (127, 5), "cun": (100000, 3)}),
    "mass": ("mg", {"g": (1000, 1), "kg": (1000000, 1), "gr": (6479891, 100000), "ct": (200, 1), "momme": (3750, 1)}),
    "volume": ("ul", {"ml": (1000, 1), "l": (1000000, 1), "tsp": (492892159375, 100000000), "minim": (185, 3)}),
    "time": ("ms", {"s": (1000, 1), "min": (60000, 1), "tick": (50, 3), "jiffy": (10, 1), "h": (3600000, 1)}),
}
STRANGE = ("furlongs", "qx", "a.u.", "deg", "mol")


class Reading(NamedTuple):
    key: str
    quantity: str
    hundredths: int
    unit: str

    @property
    def cells(self) -> str:
        whole, rest = divmod(self.hundredths, 100)
        return f"{self.key},{self.quantity},{f'{whole}.{rest:02d}' if rest else whole},{self.unit}"


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    readings = _drawn(random, setting.level)
    factors = {unit: factor for _, units in UNITS.values() for unit, factor in units.items()}
    known = sorted(reading for reading in readings if reading.unit in factors)
    rows = tuple((r.key, r.quantity, str(_rounded(Fraction(*factors[r.unit]) * r.hundredths / 100))) for r in known)
    table = Table(
        f"{folder}/base.csv", (Column("id", "key"), Column("quantity", "word"), Column("value", "whole")), rows
    )
    unknown = sorted(reading.key for reading in readings if reading.unit not in factors)
    units = [f"{unit},{top},{bottom}" for unit, (top, bottom) in random.sample(sorted(factors.items()), len(factors))]
    return Fragment(
        title="Bring the readings to base units",
        brief=_brief(folder),
        files=(
            text_file(f"{folder}/readings.csv", _joined(["id,quantity,value,unit", *(r.cells for r in readings)])),
            text_file(f"{folder}/units.csv", _joined(["unit,numerator,denominator", *units])),
        ),
        steps=_steps(random, folder),
        checks=_checks(folder, table, unknown),
        outputs=(table.path, f"{folder}/unknown.txt", f"{folder}/sums.csv"),
        offers=(table,),
    )


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _drawn(random: Random, level: int) -> list[Reading]:
    """Four readings lie exactly between two base units, where floating point falls short of the middle for two."""
    quantities = random.sample(sorted(UNITS), 2 + (level > 1))
    prefix = random.choice("mrx")
    readings = []
    for number in random.sample(range(100, 1000), 12 + 8 * level):
        quantity = random.choice(quantities)
        unit = random.choice(list(UNITS[quantity][1]))
        size = random.choice((random.randint(1, 5000), 100 * random.randint(1, 90), 50, 150, 3))
        readings.append(Reading(f"{prefix}{number}", quantity, size, unit))
    for place in random.sample(range(len(readings)), 2 + level):
        readings[place] = readings[place]._replace(unit=random.choice(STRANGE))
    middles = (("time", 3, "tick"), ("time", 5, "jiffy"), ("volume", 510, "minim"))
    exact = (*middles, ("mass", random.randrange(201, 213, 2), "momme"))
    return [*readings, *(Reading(f"{prefix}{number}", *middle) for number, middle in enumerate(exact, 10 + level))]


def _brief(folder: str) -> str:
    bases = ", ".join(f"{base} for {quantity}" for quantity, (base, _) in sorted(UNITS.items()))
    return f"""\
`{folder}/readings.csv` (`id,quantity,value,unit`) holds measurements in many units. `{folder}/units.csv`
(`unit,numerator,denominator`) says how many base units one unit is, as an exact fraction; base units are {bases}.

- Write `{folder}/base.csv` with the header `id,quantity,value`, sorted by id in byte order: each reading whose unit is
  in `units.csv`, its value in base units, rounded to an integer, halves up. The rounding must be that of the exact
  value, not of a floating-point approximation.
- Write `{folder}/unknown.txt`: ids of the other readings, one a line, in byte order.
- Write `{folder}/sums.csv` with the header `quantity,readings,sum`: for each quantity of `base.csv`, in byte order, the
  number of its rows and the sum of their values."""


def _steps(random: Random, folder: str) -> tuple[Step, ...]:
    return (
        step(
            random,
            (
                "The units decide the factors; some of the readings may use a unit that the table lacks.",
                "I look at both files and count which units occur.",
            ),
            ("Print the tables and tabulate the units.", "Show factors, some readings and the units' frequencies."),
            run(f"cat {folder}/units.csv"),
            run(f"head {folder}/readings.csv"),
            run(f"tail -n +2 {folder}/readings.csv | cut -d, -f4 | sort | uniq -c"),
        ),
        step(
            random,
            (
                "Joined with the factors, each reading becomes one expression; bc divides integers exactly, so floor "
                "of (2 value numerator + 100 denominator) / (200 denominator), with the value in hundredths, is the "
                "rounding asked for.",
                "bc has integers of any size. Twice the exact value plus one, halved and cut off, rounds halves up, "
                "if the value is taken in hundredths.",
            ),
            ("Join by unit, let bc compute, paste ids and results.", "Write the pipeline as a script and run it."),
            write("/tmp/convert.sh", _script(folder)),
            run("bash /tmp/convert.sh", 1.0),
            run(f"cat {folder}/base.csv"),
        ),
        step(
            random,
            ("The sums follow from base.csv.", "With the values converted, only the totals are left."),
            ("Sum by quantity and look at all small results.", "Total each quantity with awk, sorted."),
            run(f"echo quantity,readings,sum > {folder}/sums.csv"),
            run(
                f"tail -n +2 {folder}/base.csv | awk -F, '{{n[$2]++; s[$2] += $3}}"
                f' END {{for (q in n) printf "%s,%d,%d\\n", q, n[q], s[q]}}\' | sort >> {folder}/sums.csv'
            ),
            run(f"cat {folder}/sums.csv {folder}/unknown.txt"),
        ),
    )


def _script(folder: str) -> str:
    return f"""
export LC_ALL=C
tail -n +2 {folder}/units.csv | sort -t, -k1,1 > /tmp/units
tail -n +2 {folder}/readings.csv | sort -t, -k4,4 > /tmp/readings
join -t, -1 4 -2 1 -v 1 -o 1.1 /tmp/readings /tmp/units | sort > {folder}/unknown.txt
join -t, -1 4 -2 1 -o 1.1,1.2,1.3,2.2,2.3 /tmp/readings /tmp/units | sort -t, -k1,1 > /tmp/joined
awk -F, '{{ printf "v = 100 * %s; (2 * v * %s / 1 + 100 * %s) / (200 * %s)\\n", $3, $4, $5, $5 }}' /tmp/joined \\
    | bc > /tmp/values
echo id,quantity,value > {folder}/base.csv
cut -d, -f1,2 /tmp/joined | paste -d, - /tmp/values >> {folder}/base.csv
"""


def _checks(folder: str, table: Table, unknown: list[str]) -> tuple[Check, ...]:
    rows = [list(row) for row in table.rows]
    quantities = sorted({row[1] for row in rows})
    own = {name: [int(row[2]) for row in rows if row[1] == name] for name in quantities}
    sums = [["quantity", "readings", "sum"], *([name, str(len(own[name])), str(sum(own[name]))] for name in own)]
    return (
        Check("base_units", f"assert table({table.path!r}) == {literal([table.header, *rows])}", 3.0),
        Check("unknown_units", f"assert lines({folder + '/unknown.txt'!r}) == {literal(unknown)}"),
        Check("sums", f"assert table({folder + '/sums.csv'!r}) == {literal(sums)}"),
    )


SKILL = Skill(
    name="scientific-computing/unit-conversion",
    domain="scientific-computing",
    folders=("units", "metrology", "mixed-units", "calibration"),
    tools=("cat", "head", "tail", "cut", "sort", "uniq", "join", "awk", "bc", "paste", "bash"),
    make=make,
    offers=(Table,),
)
