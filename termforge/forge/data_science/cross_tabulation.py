"""Data science: a contingency table of a category by bands of a number, with row shares and chi-square."""

from fractions import Fraction
from random import Random

from termforge.forge.artifacts import Table
from termforge.forge.data_science.observations import Input, drawn_input
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, write
from termforge.schemas import Step

NAMES = (("low", "middle", "high", "top"), ("small", "medium", "large", "huge"), ("A", "B", "C", "D"))


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    source = drawn_input(random, setting.folder, 16 + 10 * setting.level, given)
    values = sorted({value for *_, value in source.rows})
    limits = sorted(random.sample(values[1:], min(1 + setting.level, len(values) - 1, 3)))
    bands = random.choice(NAMES)[: len(limits) + 1]
    counts = _counted(source, limits, bands)
    return Fragment(
        title="Cross-tabulate a category and bands",
        brief=_brief(setting.folder, source, limits, bands),
        files=source.files,
        steps=_steps(random, setting.folder, source, limits, bands),
        checks=_checks(setting.folder, source.names[1], bands, counts),
        outputs=(f"{setting.folder}/crosstab.json", f"{setting.folder}/shares.csv"),
    )


def _counted(source: Input, limits: list[int], bands: tuple[str, ...]) -> dict[str, dict[str, int]]:
    counts = {group: dict.fromkeys(bands, 0) for group in sorted({group for _, group, _ in source.rows})}
    for _, group, value in source.rows:
        counts[group][bands[sum(value >= limit for limit in limits)]] += 1
    return counts


def _brief(folder: str, source: Input, limits: list[int], bands: tuple[str, ...]) -> str:
    group = source.names[1]
    edges = [f"`{bands[0]}` below {limits[0]}"] if limits else [f"`{bands[0]}` for every v"]
    edges += [
        f"`{band}` from {low} on" + (f" and below {limits[place + 1]}" if place + 1 < len(limits) else "")
        for place, (band, low) in enumerate(zip(bands[1:], limits, strict=True))
    ]
    return f"""\
{source.about} Let v be {source.unit}; its bands are {"; ".join(edges)}.

Write `{folder}/crosstab.json`: an object with `counts` (for each value of `{group}` an object with the number of rows
in each band, 0 included), `bands` (object with the number of rows in each band), `rows` (number of all rows) and
`chi_square` (number, correct to 4 decimals): the sum over all cells of (count - expected)^2 / expected, where expected
is the row's total times the band's total divided by the number of all rows.

Write `{folder}/shares.csv` with the header `{group},{",".join(bands)}`: for each value of `{group}`, in byte order, the
share of each band among its rows in whole thousandths, rounded down."""


def _steps(random: Random, folder: str, source: Input, limits: list[int], bands: tuple[str, ...]) -> tuple[Step, ...]:
    path = source.table.path
    look = step(
        random,
        (
            f"The columns {source.names[1]} and {source.names[2]} matter; values exactly on a limit belong to "
            "the upper band.",
            "Before counting I look at the rows and at the range of the number.",
        ),
        ("Show the table's head and sorted numbers.", "Look at some rows, then at the extremes."),
        run(f"head {path}"),
        run(f"tail -n +2 {path} | cut -d, -f{source.value + 1} | sort -n | uniq -c | tail"),
    )
    count = step(
        random,
        (
            "jq can split the CSV itself and group it; a filter file keeps the band rule in one function.",
            "The result is JSON anyhow, so I let jq do the counting and derive the shares from its output.",
        ),
        ("Write the jq filter and run it.", "Count with jq, save it, print it."),
        run(f"mkdir -p {folder}"),
        write("/tmp/crosstab.jq", _filter(source, limits, bands)),
        run(f"jq -R -s -f /tmp/crosstab.jq {path} > {folder}/crosstab.json"),
        run(f"cat {folder}/crosstab.json"),
    )
    cells = "".join(f",(1000 * .value.{band} / $all | floor)" for band in bands)
    shares = step(
        random,
        (
            "The shares follow from the counts; keys of jq objects built by group_by are in code point order.",
            "What is left is the table of shares, which I derive from the saved counts.",
        ),
        ("Write header and rows with jq, view them.", "Format the shares as CSV."),
        run(f"echo '{source.names[1]},{','.join(bands)}' > {folder}/shares.csv"),
        run(
            f"jq -r '.counts | to_entries | sort_by(.key)[] | ([.value[]] | add) as $all | [.key{cells}]"
            f' | map(tostring) | join(",")\' {folder}/crosstab.json >> {folder}/shares.csv'
        ),
        run(f"cat {folder}/shares.csv"),
    )
    return look, count, shares


def _filter(source: Input, limits: list[int], bands: tuple[str, ...]) -> str:
    tests = "".join(f'if . < {limit} then "{band}" else ' for limit, band in zip(limits, bands, strict=False))
    rule = f'{tests}"{bands[-1]}"{" end" * len(limits)}'
    number = "tonumber" if source.unit == f"`{source.names[2]}`" else 'sub("[.]"; "") | tonumber'
    zeros = ", ".join(f"{band}: 0" for band in bands)
    return f"""
def band: {rule};
def tally: reduce .[] as $b ({{{zeros}}}; .[$b] += 1);
split("\\n")[1:] | map(select(. != "") | split(",") | [.[{source.group}], (.[{source.value}] | {number} | band)])
| . as $rows | (map(.[1]) | tally) as $bands
| group_by(.[0]) | map({{(.[0][0]): (map(.[1]) | tally)}}) | add
| . as $counts | ($rows | length) as $all
| [$counts[] | ([.[]] | add) as $row | to_entries[] | ($row * $bands[.key] / $all) as $e
    | (.value - $e) * (.value - $e) / $e] | add
| {{counts: $counts, bands: $bands, rows: $all, chi_square: .}}
"""


def _checks(folder: str, group: str, bands: tuple[str, ...], counts: dict[str, dict[str, int]]) -> tuple[Check, ...]:
    totals = {band: sum(row[band] for row in counts.values()) for band in bands}
    rows = sum(totals.values())
    shares = [[name, *(str(1000 * row[band] // sum(row.values())) for band in bands)] for name, row in counts.items()]
    path = f"{folder}/crosstab.json"
    summary = {"bands": totals, "rows": rows}
    return (
        Check(
            "counts",
            f"found = document({path!r})\nassert isinstance(found, dict)\n"
            f"assert_same(found.get('counts'), {literal(counts)})",
            2.0,
        ),
        Check(
            "totals_and_chi_square",
            f"found = document({path!r})\nassert isinstance(found, dict)\n"
            f"assert {{key: found.get(key) for key in ('bands', 'rows')}} == {literal(summary)}\n"
            f"assert_same(found.get('chi_square'), {_chi_square(counts, totals)!r}, tolerance=0.0001)\n"
            "assert sorted(found) == ['bands', 'chi_square', 'counts', 'rows']",
            2.0,
        ),
        Check(
            "shares",
            f"rows = table({folder + '/shares.csv'!r})\nassert rows[1:] == {literal(shares)}\n"
            f"assert rows[0] == {[group, *bands]!r}",
        ),
    )


def _chi_square(counts: dict[str, dict[str, int]], totals: dict[str, int]) -> float:
    """N (sum of count^2 / (row total x band total) - 1)."""
    parts = [
        Fraction(count * count, sum(row.values()) * totals[band])
        for row in counts.values()
        for band, count in row.items()
    ]
    return round(float(sum(totals.values()) * (sum(parts) - 1)), 6)


SKILL = Skill(
    name="data-science/cross-tabulation",
    domain="data-science",
    folders=("crosstab", "contingency", "bands", "breakdown"),
    tools=("cat", "head", "tail", "cut", "sort", "uniq", "mkdir", "jq"),
    make=make,
    reads=Table,
)
