"""Debugging: a shell pipeline that totals a table has stages that drop, mistake or misorder rows."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

WORDS = {
    "depot": ("Bergen", "Cadiz", "Dover", "Esbjerg", "Faro"),
    "status": ("open", "paid", "lost", "held", "void"),
    "crew": ("amber", "blue", "coral", "dusk", "ember"),
    "format": ("poster", "sleeve", "banner", "card", "label"),
}
IDS = {"depot": "parcel", "status": "claim", "crew": "shift", "format": "job"}


class Shape(NamedTuple):
    """Which columns are totalled."""

    table: Table
    word: int
    amount: int

    @property
    def decimals(self) -> int:
        return 2 if self.table.columns[self.amount].kind == "money" else 0


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _drawn(random, f"{setting.folder}/{random.choice(('export', 'rows', 'dump'))}.csv", setting.level)
    shape = Shape(table, random.choice(table.places("word")), random.choice(table.places("whole", "money")))
    folder = setting.folder
    script = text_file(f"{folder}/{random.choice(('totals', 'summary', 'overview'))}.sh", _source(shape))
    drawn = random.sample(_damages(shape, script.path), min(3, setting.level + 1))
    files = damaged([script], drawn)
    return Fragment(
        title="A summary that does not add up",
        brief=_brief(folder, script.path, shape, produced=given is not None),
        files=files if given else (*files, text_file(table.path, table.text)),
        steps=_steps(random, script.path, shape, drawn),
        checks=_checks(random, script.path, shape, f"{folder}/totals.txt"),
        outputs=(script.path, f"{folder}/totals.txt"),
    )


def _drawn(random: Random, path: str, level: int) -> Table:
    word = random.choice(sorted(WORDS))
    columns = (Column(IDS[word], "key"), Column("units", "whole"), Column(word, "word"), Column("cost", "money"))
    words = WORDS[word][: 3 + level // 2]
    rows = [
        (
            f"{IDS[word][0].upper()}{number}",
            str(random.randint(1, 120)),
            random.choice(words) if number >= 100 + len(words) else words[number - 100],
            f"{random.randint(0, 250)}.{random.randint(0, 99):02d}",
        )
        for number in range(100, 112 + 8 * level)
    ]
    return Table(path, columns, tuple(random.sample(rows, len(rows))))


def _source(shape: Shape) -> str:
    """The columns after the cut keep the order that they have in the table."""
    first, second = sorted((shape.word, shape.amount))
    word, amount = (1, 2) if shape.word < shape.amount else (2, 1)
    names = shape.table.header
    return f"""\
#!/bin/bash
# usage: NAME.sh TABLE.csv
# For each {names[shape.word]}: rows, total and largest {names[shape.amount]}; largest total first.
export LC_ALL=C
tail -n +2 "$1" |
    cut -d , -f {first + 1},{second + 1} |
    sort -t , -k {amount}nr |
    awk -F , -v OFS=';' '
        !(${word} in rows) {{ largest[${word}] = ${amount} }}
        {{ rows[${word}]++; total[${word}] += ${amount} }}
        END {{ for (name in rows) print name, rows[name], sprintf("%.{shape.decimals}f", total[name]), largest[name] }}
    ' |
    sort -t ';' -k 3nr
"""


def _damages(shape: Shape, path: str) -> list[Damage]:
    word, amount = (1, 2) if shape.word < shape.amount else (2, 1)
    return [
        Damage(path, "tail -n +2", "tail -n 2", "tail keeps the last two lines instead of leaving out the header"),
        Damage(
            path,
            f"sort -t , -k {amount}nr |",
            f"sort -t , -k {amount}n |",
            "amounts are sorted upwards, so the first of a group is its smallest",
        ),
        Damage(
            path,
            f"total[${word}] += ${amount}",
            f"total[${word}] = ${amount}",
            "the total is overwritten instead of added to",
        ),
        Damage(path, "-k 3nr", "-k 1,1 -k 3n", "groups are sorted by name before their totals"),
        Damage(path, "awk -F , -v", "awk -F ' ' -v", "awk splits at blanks, so a whole line is taken for the name"),
    ]


def _brief(folder: str, script: str, shape: Shape, *, produced: bool) -> str:
    names, path = shape.table.header, shape.table.path
    whence = f"`{path}`, which another part of this job produces" if produced else f"`{path}`"
    amount = "two decimals" if shape.decimals else "no decimals"
    return f"""\
`{script} TABLE` (started with `bash`) prints totals that nobody believes any more. Mend it in place. For a CSV file
with the columns `{",".join(names)}` it has to print a line `<{names[shape.word]}>;<rows>;<total>;<largest>` for each
value of `{names[shape.word]}`: the number of its rows, the sum of `{names[shape.amount]}` with {amount}, and the
largest `{names[shape.amount]}` as it is written in the table; largest total first, equal totals by name in byte order.
No cell holds a comma or a quote. Then write what it prints for {whence}, to `{folder}/totals.txt`. The script will be
run on other tables with these columns. It takes the name of the table as its one argument; the table may also be a
pipe such as `/dev/stdin`, so it can be read only once."""


def _steps(random: Random, script: str, shape: Shape, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    broken = damaged([text_file(script, _source(shape))], damages)[0].content.decode().splitlines()
    pairs = zip(broken, _source(shape).splitlines(), strict=True)
    numbers = [(number, right) for number, (wrong, right) in enumerate(pairs, 1) if wrong != right]
    totals = f"{script.rpartition('/')[0]}/totals.txt"
    return (
        Step(
            analysis=random.choice(
                (
                    "A pipeline is read stage by stage. I look at the script and at the table's columns.",
                    "First the source, with numbers of lines, then the table that it is about.",
                )
            ),
            plan=random.choice(("Print the script and the table's start.", "Read the script, look at a few rows.")),
            commands=(
                run(f"cat -n {script}"),
                run(f"head -n 5 {shape.table.path}"),
            ),
        ),
        Step(
            analysis=random.choice((f"Stage by stage: {causes}.", f"These stages are wrong: {causes}.")),
            plan=random.choice(
                (
                    "Change those lines with sed and print the result.",
                    "Rewrite the lines by number, run the script and save its output.",
                )
            ),
            commands=(
                *(run(f"sed -i {_changed(number, right)} {script}") for number, right in numbers),
                run(f"bash {script} {shape.table.path} > {totals}"),
                run(f"cat {totals}"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "The rows of all groups must add up to the lines of the table less its header.",
                    "A control sum: rows over all groups against the length of the table.",
                )
            ),
            plan=random.choice(("Add the second column, count the lines.", "Compare both counts.")),
            commands=(
                run(f"awk -F ';' '{{ rows += $2 }} END {{ print rows }}' {totals}"),
                run(f"wc -l {shape.table.path}"),
            ),
        ),
    )


def _changed(number: int, line: str) -> str:
    """A quoted sed command that replaces a line."""
    quoted = line.replace("'", "'\\''")
    return f"'{number}c\\{quoted}'"


def _totals(shape: Shape, rows: list[tuple[str, ...]]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row[shape.word], []).append(row[shape.amount])
    scale = 10**shape.decimals
    sums = {name: sum(int(cell.replace(".", "")) for cell in cells) for name, cells in groups.items()}
    return [
        f"{name};{len(groups[name])};{_written(sums[name], scale)};{max(groups[name], key=_size)}"
        for name in sorted(groups, key=lambda name: (-sums[name], name))
    ]


def _size(cell: str) -> int:
    return int(cell.replace(".", ""))


def _written(amount: int, scale: int) -> str:
    return f"{amount // scale}.{amount % scale:02d}" if scale > 1 else str(amount)


def _checks(random: Random, script: str, shape: Shape, totals: str) -> tuple[Check, ...]:
    words = sorted({row[shape.word] for row in shape.table.rows})
    amounts = random.sample(range(101, 3000), 4)
    apart = [(word, amount) for word in words for amount in random.sample(amounts, 2)]
    tied = [(word, amount) for word in words for amount in amounts]
    largest = [(words[-1], amount) for amount in amounts]
    shown = _totals(shape, list(shape.table.rows))
    return (
        Check(
            "totals",
            f"assert lines({totals!r}) == {literal(shown)}\n"
            f"assert output_of({script!r}, arguments=[{shape.table.path!r}]) == lines({totals!r})",
            2.0,
        ),
        _check("other_rows", script, shape, _rows(random, shape, apart + largest)),
        _check("equal_totals", script, shape, _rows(random, shape, tied + largest)),
    )


def _rows(random: Random, shape: Shape, pairs: list[tuple[str, int]]) -> list[tuple[str, ...]]:
    """Rows of the table with other words and amounts, the latter in hundredths or whole."""
    rows = []
    for number, (word, amount) in enumerate(random.sample(pairs, len(pairs))):
        row = list(shape.table.rows[number % len(shape.table.rows)])
        row[shape.word], row[shape.amount] = word, _written(amount, 10**shape.decimals)
        rows.append(tuple(row))
    return rows


def _check(name: str, script: str, shape: Shape, rows: list[tuple[str, ...]]) -> Check:
    given = [",".join(row) for row in (tuple(shape.table.header), *rows)]
    return Check(
        name,
        f"given = {literal(given)}\n"
        f"found = output_of({script!r}, ''.join(line + '\\n' for line in given), ['/dev/stdin'])\n"
        f"assert found == {literal(_totals(shape, rows))}",
        2.0,
    )


SKILL = Skill(
    name="debugging/report-pipeline",
    domain="debugging",
    folders=("pipeline", "totals", "nightly-report", "rollups"),
    tools=("cat", "head", "bash", "sed", "awk", "wc"),
    make=make,
    reads=Table,
    repairs=True,
)
