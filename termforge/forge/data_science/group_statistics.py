"""Data science: per-group statistics of a table with gaps, and the outliers by Tukey's fences."""

from fractions import Fraction
from math import sqrt
from random import Random
from typing import NamedTuple

from termforge.forge.orders import Orders, money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

BLANKS = ("", "NA", "nan", "-")
FACTORS = tuple(Fraction(tenths, 10) for tenths in (15, 17, 20, 12, 13, 16, 18, 19, 14, 21, 11))
SUBJECTS = (
    ("readings", "batch", "coating thickness in micrometres"),
    ("samples", "station", "nitrate concentration in milligrams per litre"),
    ("trials", "cohort", "reaction time in seconds"),
    ("runs", "machine", "energy per cycle in kilojoules"),
)


class Row(NamedTuple):
    key: str
    group: str
    hundredths: int | None
    """The value times 100, so that the reference stays exact; None where the cell is blank."""


class Source(NamedTuple):
    path: str
    key: str
    group: str
    value: str
    """Names of the three columns."""
    rows: tuple[Row, ...]
    about: str
    files: tuple[File, ...]


def make(random: Random, setting: Setting) -> Fragment:
    source = _from_orders(setting.given) if isinstance(setting.given, Orders) else _drawn(random, setting)
    factor = next(factor for factor in FACTORS if not _touches_a_fence(source, factor))
    summary, outliers = f"{setting.folder}/summary.json", f"{setting.folder}/outliers.csv"
    return Fragment(
        title="Summarise the groups and find the outliers",
        brief=_brief(source, factor, summary, outliers),
        files=source.files,
        steps=_steps(random, setting, source, factor, summary, outliers),
        checks=_checks(source, factor, summary, outliers),
        outputs=(summary, outliers),
    )


def _from_orders(orders: Orders) -> Source:
    rows = tuple(Row(order.order_id, order.region, order.cents) for order in orders.rows)
    about = (
        f"`{orders.path}`, which another part of this job produces, is the input; the value is its column `amount`, "
        "missing where the cell is empty"
    )
    return Source(orders.path, "order_id", "region", "amount", rows, about, ())


def _drawn(random: Random, setting: Setting) -> Source:
    name, group, meaning = random.choice(SUBJECTS)
    path = f"{setting.folder}/{name}.csv"
    centres = {
        f"{group[0].upper()}{number}": random.randint(1500, 6000)
        for number in random.sample(range(1, 30), 2 + setting.level)
    }
    rows = []
    for number in range(1, 1 + len(centres) * (9 + 4 * setting.level)):
        label = random.choice(list(centres))
        spread = sum(random.randint(-150, 150) for _ in range(3))
        strange = random.random() < 0.09
        value = centres[label] + spread + strange * random.choice((-1, 1)) * random.randint(900, 1400)
        rows.append(Row(f"{name[0]}{number:03d}", label, None if random.random() < 0.07 else value))
    rows += [Row(f"{name[0]}{900 + place}", label, centres[label] + 7 * place) for place, label in enumerate(centres)]
    text = "".join(
        f"{row.key},{row.group},{random.choice(BLANKS) if row.hundredths is None else money(row.hundredths)}\n"
        for row in rows
    )
    about = (
        f"`{path}` (columns `id`, `{group}`, `value`) holds measurements: {meaning}. A value is missing where its "
        "cell is empty or says `NA`, `nan` or `-`"
    )
    return Source(path, "id", group, "value", tuple(rows), about, (text_file(path, f"id,{group},value\n{text}"),))


def _groups(source: Source) -> dict[str, list[int]]:
    names = sorted({row.group for row in source.rows})
    return {
        name: sorted(row.hundredths for row in source.rows if row.group == name and row.hundredths is not None)
        for name in names
    }


def _quantile(ordered: list[int], share: Fraction) -> Fraction:
    """Linear interpolation between the closest ranks."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _fences(ordered: list[int], factor: Fraction) -> tuple[Fraction, Fraction]:
    lower, upper = _quantile(ordered, Fraction(1, 4)), _quantile(ordered, Fraction(3, 4))
    return lower - factor * (upper - lower), upper + factor * (upper - lower)


def _touches_a_fence(source: Source, factor: Fraction) -> bool:
    """A value exactly on a fence would be in or out by floating-point noise; without spread there is none."""
    fences = [(ordered, _fences(ordered, factor)) for ordered in _groups(source).values() if ordered]
    return any(value in (low, high) for ordered, (low, high) in fences if low != high for value in ordered)


def _summary(source: Source) -> dict[str, dict[str, int | float]]:
    summary: dict[str, dict[str, int | float]] = {}
    for name, values in _groups(source).items():
        mean = Fraction(sum(values), len(values))
        variance = sum((value - mean) ** 2 for value in values) / Fraction(max(len(values) - 1, 1))
        summary[name] = {
            "n": len(values),
            "missing": sum(row.group == name and row.hundredths is None for row in source.rows),
            "mean": round(float(mean / 100), 4),
            "median": round(float(_quantile(values, Fraction(1, 2)) / 100), 4),
            "stdev": round(sqrt(variance) / 100, 4),
        }
    return summary


def _outliers(source: Source, factor: Fraction) -> list[list[str]]:
    fences = {name: _fences(values, factor) for name, values in _groups(source).items() if values}
    found = []
    for row in sorted(source.rows, key=lambda row: row.key):
        if row.hundredths is not None and not fences[row.group][0] <= row.hundredths <= fences[row.group][1]:
            found.append([row.key, row.group, "low" if row.hundredths < fences[row.group][0] else "high"])
    return found


def _brief(source: Source, factor: Fraction, summary: str, outliers: str) -> str:
    return f"""\
{source.about}. Groups are the values of `{source.group}`.

Write `{summary}`: an object with one key per group, each an object with `n` (values present), `missing` (values
absent), `mean`,
`median` and `stdev` (sample standard deviation, divisor n - 1; 0 for a single value), the last three as numbers
rounded to 4 decimals. Missing
values take no part in the statistics.

Write `{outliers}` with the header `{source.key},{source.group},side`: every row whose value lies strictly outside
its own group's fences
Q1 - {float(factor):g} x IQR (side `low`) or Q3 + {float(factor):g} x IQR (side `high`), where IQR = Q3 - Q1 and
quartiles interpolate linearly between the closest
ranks (the quartile of share p sits at position p x (n - 1) of the sorted values, counted from 0). Sort the rows by
`{source.key}` as text."""


def _steps(
    random: Random, setting: Setting, source: Source, factor: Fraction, summary: str, outliers: str
) -> tuple[Step, ...]:
    script = f"{setting.folder}/statistics_report.py"
    look = Step(
        analysis=random.choice(
            (
                f"The statistics depend on how gaps look in {source.path}, so I begin with the raw table.",
                f"I want to know the columns, the groups and their sizes in {source.path} before computing anything.",
            )
        ),
        plan=f"View the head of the table and tabulate how many rows each {source.group} has.",
        commands=(
            run(f"head -n 8 {source.path}"),
            run(
                f"awk -F, 'NR > 1 {{n[${3 if source.key == 'order_id' else 2}]++}} END "
                f"{{for (g in n) print g, n[g]}}' {source.path} | sort"
            ),
        ),
    )
    compute = Step(
        analysis=random.choice(
            (
                "The quartile rule is spelled out (position p x (n - 1), linear interpolation), so I write it myself "
                "rather than hope that a library default agrees. The statistics module covers the rest.",
                "There are few groups and the rules are exact. A small standard-library script is enough; only the "
                "quantile definition needs care.",
            )
        ),
        plan=f"Write {script}, run it, and read both results.",
        commands=(
            *(() if source.files else (run(f"mkdir -p {setting.folder}"),)),
            write(script, _script(source, factor, summary, outliers)),
            run(f"python3 {script}", 2.0),
            run(f"cat {summary}"),
            run(f"cat {outliers}"),
        ),
    )
    return look, compute


def _script(source: Source, factor: Fraction, summary: str, outliers: str) -> str:
    return f'''
import csv
import json
import statistics

with open("{source.path}", newline="") as table:
    rows = [(row["{source.key}"], row["{source.group}"], row["{source.value}"]) for row in csv.DictReader(table)]


def quantile(ordered, share):
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


summary, fences = {{}}, {{}}
for group in sorted({{group for _, group, _ in rows}}):
    cells = [cell.strip() for _, name, cell in rows if name == group]
    values = sorted(float(cell) for cell in cells if cell not in ("", "NA", "nan", "-"))
    low, high = quantile(values, 0.25), quantile(values, 0.75)
    fences[group] = (low - {float(factor):g} * (high - low), high + {float(factor):g} * (high - low))
    summary[group] = {{
        "n": len(values),
        "missing": len(cells) - len(values),
        "mean": round(statistics.mean(values), 4),
        "median": round(statistics.median(values), 4),
        "stdev": round(statistics.stdev(values), 4) if len(values) > 1 else 0,
    }}
with open("{summary}", "w") as out:
    json.dump(summary, out)
with open("{outliers}", "w") as out:
    out.write("{source.key},{source.group},side\\n")
    for key, group, cell in sorted(rows):
        if cell.strip() in ("", "NA", "nan", "-"):
            continue
        low, high = fences[group]
        if float(cell) < low:
            out.write(f"{{key}},{{group}},low\\n")
        elif float(cell) > high:
            out.write(f"{{key}},{{group}},high\\n")
'''


def _checks(source: Source, factor: Fraction, summary: str, outliers: str) -> tuple[Check, ...]:
    expected = _summary(source)
    sizes = {name: [values["n"], values["missing"]] for name, values in expected.items()}
    found = [[source.key, source.group, "side"], *_outliers(source, factor)]
    return (
        Check(
            "groups_and_sizes",
            f"found = document({summary!r})\nassert isinstance(found, dict)\nsizes = {{\n"
            "    name: [group.get('n'), group.get('missing')] for name, group in found.items() if isinstance(group, "
            "dict)\n"
            f"}}\nassert sizes == {literal(sizes)}",
        ),
        Check(
            "statistics",
            f"found = document({summary!r})\nassert_same(found, {literal(expected)}, tolerance=0.0002)\n"
            "numbers = [value for group in found.values() for value in group.values()]\n"
            "assert [round(value, 4) for value in numbers] == numbers, 'not rounded to 4 decimals'",
            2.0,
        ),
        Check("outliers", f"assert table({outliers!r}) == {literal(found)}", 2.0),
    )


SKILL = Skill(
    name="data-science/group-statistics",
    domain="data-science",
    folders=("analysis", "study", "lab-results", "quality"),
    tools=("python3", "cat", "head", "awk", "sort", "mkdir"),
    make=make,
    reads=Orders,
)
