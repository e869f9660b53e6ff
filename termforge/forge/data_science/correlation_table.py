"""Data science: pairwise Pearson and Spearman correlations of measurements with gaps."""

from itertools import combinations
from math import isqrt
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, python, run, step, text_file
from termforge.schemas import Step

THEMES = (
    ("streams", "site", ("oxygen", "nitrate", "ph", "turbidity", "flow", "chloride")),
    ("athletes", "athlete", ("pulse", "power", "cadence", "lactate", "height", "sleep")),
    ("stores", "store", ("staff", "visitors", "turnover", "returns", "space", "parking")),
    ("reactors", "batch", ("heat", "pressure", "stirring", "purity", "foam", "colour")),
)


class Case(NamedTuple):
    file: str
    key: str
    names: tuple[str, ...]
    rows: list[tuple[str, tuple[int | None, ...]]]


class Pair(NamedTuple):
    first: str
    second: str
    n: int
    pearson: float
    spearman: float


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    source = f"{folder}/{case.file}.csv"
    pairs = _pairs(case)
    lines = [",".join([key, *("" if v is None else str(v) for v in values)]) for key, values in case.rows]
    return Fragment(
        title=f"Correlate the measurements of the {case.file}",
        brief=_brief(folder, source, case),
        files=(text_file(source, "".join(f"{line}\n" for line in [",".join((case.key, *case.names)), *lines])),),
        steps=_steps(random, folder, source, case),
        checks=_checks(folder, case, pairs),
        outputs=(f"{folder}/correlations.csv", f"{folder}/strongest.json"),
    )


def _drawn(random: Random, level: int) -> Case:
    file, key, known = random.choice(THEMES)
    names = tuple(random.sample(known, 3 + level))
    signs = [random.choice((-2, -1, 1, 2)) for _ in names]
    rows = []
    for number in range(1, 15 + 4 * level):
        hidden = random.randint(-9, 9)
        values = [40 + sign * hidden + random.randint(-11, 11) for sign in signs]
        rows.append((f"{key[0]}{number:02d}", tuple(None if random.random() < 0.08 else value for value in values)))
    return Case(file, key, names, rows)


def _pairs(case: Case) -> list[Pair]:
    """Sorted by both names."""
    found = []
    for (i, first), (j, second) in combinations(enumerate(case.names), 2):
        drawn = [(row[i], row[j]) for _, row in case.rows]
        both = [(a, b) for a, b in drawn if a is not None and b is not None]
        ones, others = [a for a, _ in both], [b for _, b in both]
        ranked = _correlation(_ranks(ones), _ranks(others))
        low, high = sorted((first, second))
        found.append(Pair(low, high, len(both), _correlation(ones, others), ranked))
    return sorted(found)


def _ranks(values: list[int]) -> list[int]:
    """Twice the mean rank, less one: an integer."""
    ordered = sorted(values)
    return [2 * ordered.index(value) + ordered.count(value) for value in values]


def _correlation(ones: list[int], others: list[int]) -> float:
    """To 12 decimals, without a square root of a float."""
    n = len(ones)
    xy = n * sum(a * b for a, b in zip(ones, others, strict=True)) - sum(ones) * sum(others)
    xx, yy = (n * sum(a * a for a in values) - sum(values) ** 2 for values in (ones, others))
    size = isqrt(xy * xy * 10**24 // (xx * yy))
    return (size if xy > 0 else -size) / 10**12


def _brief(folder: str, source: str, case: Case) -> str:
    return f"""\
`{source}` holds measurements, a row for each {case.key}; an empty cell is a missing value. For each pair of the columns
after `{case.key}` compute, over the rows in which both are present, Pearson's correlation and Spearman's (Pearson's
correlation of the ranks, equal values sharing their mean rank).

- Write `{folder}/correlations.csv` with the header `first,second,n,pearson,spearman`: a line for each pair, the name
  that comes first in byte order as `first`, sorted by `first` and `second` in byte order; n is the number of rows
  used; correlations are rounded to 4 decimals.
- Write `{folder}/strongest.json`: an object with `pair` (list of the two names, as `first` and `second`), and
  `spearman` (number) of the pair whose rounded Spearman correlation is greatest in absolute value; of equal ones the
  one whose line comes first in `correlations.csv`."""


def _steps(random: Random, folder: str, source: str, case: Case) -> tuple[Step, ...]:
    look = step(
        random,
        ("Missing cells decide the n of each pair, so I look at the raw table.", "First a look at the columns."),
        ("Print the table in aligned columns.", "Show the file and its number of gaps."),
        run(f"cat {source}"),
        run(f"grep -c -E ',,|,$' {source}"),
    )
    compute = step(
        random,
        (
            "pandas correlates pairwise over complete rows, but its ranks must be taken within those rows, so I "
            "drop gaps for each pair before ranking.",
            "DataFrame.corr handles gaps pairwise for both methods; n still has to be counted for each pair.",
        ),
        ("Loop over the sorted pairs with pandas, write table and summary.", "Use pandas, then print the results."),
        python(_script(folder, source, case), 4.0),
        run(f"cat {folder}/correlations.csv {folder}/strongest.json"),
    )
    return look, compute


def _script(folder: str, source: str, case: Case) -> str:
    return f"""
import json
from itertools import combinations

import pandas as pd

data = pd.read_csv("{source}", index_col="{case.key}")
rows = []
for first, second in combinations(sorted(data.columns), 2):
    both = data[[first, second]].dropna()
    methods = [both.corr(method="pearson"), both.rank().corr()]
    rows.append([first, second, len(both), *(table.loc[first, second].round(4) for table in methods)])
table = pd.DataFrame(rows, columns=["first", "second", "n", "pearson", "spearman"])
table.to_csv("{folder}/correlations.csv", index=False)
top = table.loc[table["spearman"].abs().idxmax()]
with open("{folder}/strongest.json", "w") as out:
    json.dump({{"pair": [top["first"], top["second"]], "spearman": float(top["spearman"])}}, out)
"""


def _checks(folder: str, case: Case, pairs: list[Pair]) -> tuple[Check, ...]:
    path = f"{folder}/correlations.csv"
    header = list(Pair._fields)
    sizes = [header[:3], *([pair.first, pair.second, str(pair.n)] for pair in pairs)]
    numbers = [[round(pair.pearson, 4), round(pair.spearman, 4)] for pair in pairs]
    top = max(pairs, key=lambda pair: abs(round(pair.spearman, 4)))
    best = {"pair": [top.first, top.second], "spearman": round(top.spearman, 4)}
    return (
        Check("pairs_and_sizes", f"assert [row[:3] for row in table({path!r})] == {literal(sizes)}"),
        Check(
            "correlations",
            f"names, *rows = table({path!r})\nassert names == {header!r}\n"
            "found = [[number(cell, 'cell') for cell in row[3:]] for row in rows]\n"
            f"assert_same(found, {literal(numbers)}, tolerance=0.00001)",
            3.0,
        ),
        Check(
            "strongest", f"assert_same(document({folder + '/strongest.json'!r}), {literal(best)}, tolerance=0.00001)"
        ),
    )


SKILL = Skill(
    name="data-science/correlation-table",
    domain="data-science",
    folders=("correlations", "associations", "pairwise", "dependence"),
    tools=("cat", "grep", "python3"),
    make=make,
    modules=("pandas",),
)
