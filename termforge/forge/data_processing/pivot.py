"""Data processing: a long table becomes a wide one with totals, and a ranking of its cells (awk, sort, paste)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Kind, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = {
    "meters": ("reading", ("north hall", "south hall", "annex", "yard"), "kwh"),
    "donations": ("receipt", ("appeal", "gala", "web", "legacy"), "gift"),
    "fares": ("trip", ("red line", "blue line", "tram 4", "night bus"), "fare"),
    "expenses": ("voucher", ("travel", "books", "repairs", "food"), "cost"),
}


class Pivot(NamedTuple):
    """Which columns of the table go where."""

    table: Table
    row: int
    column: int
    length: int
    """Of the column's text, how many characters count."""
    value: int

    @property
    def is_money(self) -> bool:
        return self.table.columns[self.value].kind == "money"

    def shown(self, amount: int) -> str:
        return money(amount) if self.is_money else str(amount)


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _draw(random, setting)
    pivot = _choose(random, table)
    return Fragment(
        title=f"Pivot {table.path.rsplit('/', 1)[1]}",
        brief=_brief(setting.folder, pivot, given=given is not None),
        files=() if given else (text_file(table.path, table.text),),
        steps=_steps(random, setting.folder, pivot),
        checks=_checks(setting.folder, pivot),
        outputs=(f"{setting.folder}/wide.csv", f"{setting.folder}/cells.csv"),
    )


def _draw(random: Random, setting: Setting) -> Table:
    """Three cells have the same sum, and the table mentions them against the order that they are ranked in."""
    name = random.choice(sorted(THEMES))
    key, groups, value = THEMES[name]
    kind: Kind = random.choice(("whole", "money"))
    drawn = [
        (random.randint(3, 4 + setting.level), random.choice(groups), random.randint(1, 40_000))
        for _ in range(14 + 10 * setting.level)
    ]
    (first, second), amount = sorted(random.sample(groups, 2)), random.randint(1, 40_000)
    tied = [(1, second, amount), (2, first, amount), (1, first, amount)]
    for place, row in zip(sorted(random.sample(range(len(drawn)), 3)), tied, strict=True):
        drawn[place] = row
    rows = []
    for number, (month, group, amount) in enumerate(drawn, 100):
        date = f"2025-{month:02d}-{random.randint(1, 28):02d}"
        rows.append((f"{key[0].upper()}{number}", date, group, money(amount) if kind == "money" else str(amount)))
    columns = (Column(key, "key"), Column("date", "date"), Column("group", "word"), Column(value, kind))
    return Table(f"{setting.folder}/{name}.csv", columns, tuple(rows))


def _choose(random: Random, table: Table) -> Pivot:
    """Months go across if there are dates, else another word, else the key's first character."""
    row = random.choice(table.places("word"))
    value = random.choice(table.places("money", "whole"))
    words = [place for place in table.places("word") if place != row]
    if dates := table.places("date"):
        return Pivot(table, row, random.choice(dates), 7, value)
    if words:
        place = random.choice(words)
        return Pivot(table, row, place, max(len(cells[place]) for cells in table.rows), value)
    return Pivot(table, row, table.places("key")[0], 1, value)


def _brief(folder: str, pivot: Pivot, *, given: bool) -> str:
    table, names = pivot.table, pivot.table.header
    source = f"`{table.path}`, which another part of this job produces," if given else f"`{table.path}`"
    across = {
        "date": f"month (`YYYY-MM`) of `{names[pivot.column]}`",
        "word": f"value of `{names[pivot.column]}`",
        "key": f"first character of `{names[pivot.column]}`",
    }[table.columns[pivot.column].kind]
    zero = pivot.shown(0)
    return f"""\
The table {source} has the columns {", ".join(f"`{name}`" for name in names)}. Sum `{names[pivot.value]}` for each
value of `{names[pivot.row]}` and each {across}, in these two forms. Names are sorted in byte order; sums
{"have exactly two decimals" if pivot.is_money else "are whole numbers"}.

- `{folder}/wide.csv`: the header is `{names[pivot.row]}`, then each {across} that occurs, sorted, then `total`. Then
one row for each value of `{names[pivot.row]}`, sorted, with `{zero}` where there is nothing, and a last row `total`
with the sums of the columns.
- `{folder}/cells.csv`: header `place,{names[pivot.row]},column,rows,sum`; a row for each combination that occurs, with
how many rows of the table it has and their sum. The greatest sum comes first and has the place 1, equal ones are
sorted by the second, then the third column; places just count up."""


def _steps(random: Random, folder: str, pivot: Pivot) -> tuple[Step, ...]:
    table, script = pivot.table, f"{folder}/pivot.sh"
    return (
        step(
            random,
            (
                "The numbers of the columns matter for awk, so I number the header first.",
                "Before pivoting I look at the header and at how many groups there are.",
            ),
            ("Number the header's columns and count the groups.", "Show header and groups."),
            run(f"head -n 1 {table.path} | tr , '\\n' | nl"),
            run(f"tail -n +2 {table.path} | cut -d , -f {pivot.row + 1} | sort | uniq -c"),
        ),
        step(
            random,
            (
                "Without the decimal point amounts are whole numbers that add up exactly. One awk pass makes the "
                "cells, a second spreads them.",
                "I sum in the smallest unit to avoid rounding. The sorted cells serve both files.",
            ),
            ("Write both passes as a script and run it.", "Save the pipeline, run it, and look at both tables."),
            run(f"mkdir -p {folder}"),
            write(script, _script(folder, pivot)),
            run(f"bash {script}", 1.0),
            run(f"cat {folder}/wide.csv; head {folder}/cells.csv"),
        ),
    )


def _script(folder: str, pivot: Pivot) -> str:
    names = pivot.table.header
    unit = 'sprintf("%d.%02d", sum / 100, sum % 100)' if pivot.is_money else "sum"
    return f"""
export LC_ALL=C
cd {folder}
awk -F, -v OFS=, 'NR > 1 {{
    cell = ${pivot.row + 1} "," substr(${pivot.column + 1}, 1, {pivot.length})
    sub(/[.]/, "", ${pivot.value + 1})
    count[cell]++
    sum[cell] += ${pivot.value + 1}
}}
END {{ for (cell in sum) print cell, count[cell], sum[cell] }}' {pivot.table.path} |
    sort -t, -k4,4nr -k1,1 -k2,2 > sums.tmp

function shown() {{ awk -F, -v OFS=, '{{ for (i = NF; i > 0; i--) if ($i ~ /^=/) {{
    sum = substr($i, 2); $i = {unit} }} print }}'; }}

echo place,{names[pivot.row]},column,rows,sum > cells.csv
awk -F, -v OFS=, '{{ print NR, $1, $2, $3, "=" $4 }}' sums.tmp | shown >> cells.csv

across=$(cut -d, -f2 sums.tmp | sort -u | paste -s -d,)
echo "{names[pivot.row]},$across,total" > wide.csv
cut -d, -f1 sums.tmp | sort -u | awk -F, -v across="$across" '
    NR == FNR {{ sum[$1, $2] = $4; sum[$1, "total"] += $4; sum["total", $2] += $4; sum["total", "total"] += $4; next }}
    FNR == 1 {{ columns = split(across ",total", name, ",") }}
    {{ line($1) }}
    END {{ line("total") }}
    function line(row) {{
        out = row
        for (i = 1; i <= columns; i++) out = out ",=" sum[row, name[i]] + 0
        print out
    }}' sums.tmp - | shown >> wide.csv
rm sums.tmp
"""


def _checks(folder: str, pivot: Pivot) -> tuple[Check, ...]:
    cells: dict[tuple[str, str], list[int]] = {}
    for row in pivot.table.rows:
        name = row[pivot.row], row[pivot.column][: pivot.length]
        cells.setdefault(name, []).append(int(row[pivot.value].replace(".", "")))
    sums = {name: sum(amounts) for name, amounts in cells.items()}
    ranked = sorted(cells, key=lambda name: (-sums[name], name))
    listed = [
        [str(place), *name, str(len(cells[name])), pivot.shown(sums[name])] for place, name in enumerate(ranked, 1)
    ]
    across = sorted({column for _, column in sums})
    wide = {row: [sums.get((row, column), 0) for column in across] for row in sorted({row for row, _ in sums})}
    wide["total"] = [sum(amounts) for amounts in zip(*wide.values(), strict=True)]
    shown = [[name, *map(pivot.shown, amounts), pivot.shown(sum(amounts))] for name, amounts in wide.items()]
    names = pivot.table.header
    return (
        Check(
            "wide_margins",
            f"rows = table({folder + '/wide.csv'!r})\nassert rows[0] == {[names[pivot.row], *across, 'total']!r}\n"
            f"assert [[row[0], row[-1]] for row in rows[1:]] == {literal([[row[0], row[-1]] for row in shown])}",
        ),
        Check("wide_sums", f"assert table({folder + '/wide.csv'!r})[1:] == {literal(shown)}", 2.0),
        Check(
            "ranked_cells",
            f"header, *rows = table({folder + '/cells.csv'!r})\nassert rows == {literal(listed)}\n"
            f"assert header == {['place', names[pivot.row], 'column', 'rows', 'sum']!r}",
            2.0,
        ),
    )


SKILL = Skill(
    name="data-processing/pivot",
    domain="data-processing",
    folders=("pivot", "crosstab", "wide", "matrix"),
    tools=("bash", "mkdir", "awk", "sort", "paste", "cut", "tr", "nl", "head", "tail", "uniq", "cat", "rm", "echo"),
    make=make,
    reads=Table,
)
