"""Data processing: an export was damaged on its way; the healthy file is restored in place (tr, awk, sed, sort)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

CLIENTS = ("Acme", "Borealis", "Cobalt Ltd", "Dune Works", "Elm and Sons", "Ferro")
REMARKS = ("paid in advance", "call before delivery", "second reminder sent", "see contract 7 of May", "none so far")
THEMES = {"invoices": "INV", "policies": "POL", "rentals": "RNT", "permits": "PRM"}


class Harm(NamedTuple):
    cause: str
    """What a reader of the file would say: a clause without a full stop."""
    mends: str
    """What puts it right, for PATH and PREFIX."""


HARMS = {
    "controls": Harm(
        "carriage returns and NUL bytes stand between the text",
        r"tr -d '\r\000' < PATH > PATH.new && mv PATH.new PATH",
    ),
    "wrapped": Harm(
        "some records go on in the next line",
        r"""awk 'NR > 1 {printf "%s", /^PREFIX-/ ? "\n" : " "} {printf "%s", $0} END {print ""}' PATH > PATH.new """
        "&& mv PATH.new PATH",
    ),
    "commas": Harm(
        "some amounts have a decimal comma and so a field too many",
        r"sed -i -E 's/^(([^,]*,){3}[0-9]+),([0-9]{2},)/\1.\3/' PATH",
    ),
    "order": Harm(
        "blocks of records stand twice or in the wrong place",
        "(head -n 1 PATH; tail -n +2 PATH | LC_ALL=C sort -u) > PATH.new && mv PATH.new PATH",
    ),
}
"""In the order in which they can be mended."""


def make(random: Random, setting: Setting) -> Fragment:
    name = random.choice(sorted(THEMES))
    table = _draw(random, f"{setting.folder}/{name}.csv", THEMES[name], 12 + 8 * setting.level)
    drawn = random.sample(sorted(HARMS), min(1 + setting.level, 3))
    harms = [harm for harm in HARMS if harm in drawn]
    return Fragment(
        title=f"Restore the damaged export {name}.csv",
        brief=_brief(setting.folder, table, THEMES[name]),
        files=(text_file(table.path, _harmed(random, table, harms)),),
        steps=_steps(random, setting.folder, table, THEMES[name], [HARMS[harm] for harm in harms]),
        checks=_checks(setting.folder, table),
        outputs=(table.path, f"{setting.folder}/months.csv", f"{setting.folder}/clients.csv"),
        offers=(table,),
    )


def _draw(random: Random, path: str, prefix: str, count: int) -> Table:
    clients = random.sample(CLIENTS, 4)
    number, rows = random.randint(100, 3000), []
    for _ in range(count):
        number += random.randint(1, 5)
        date = f"2024-{random.randint(9, 12):02d}-{random.randint(1, 28):02d}"
        cells = (f"{prefix}-{number:05d}", date, random.choice(clients), money(random.randint(1, 90_000)))
        rows.append((*cells, random.choice(REMARKS)))
    kinds = (Column("id", "key"), Column("date", "date"), Column("client", "word"), Column("amount", "money"))
    return Table(path, (*kinds, Column("remark", "word")), tuple(rows))


def _harmed(random: Random, table: Table, harms: list[str]) -> str:
    """The reverse of the mending, in reverse order."""
    header, *records = table.text.splitlines()
    if "order" in harms:
        cut, size = random.randint(3, len(records) - 4), random.randint(2, 3)
        records = [*records[cut:], *records[:cut], *records[cut - size : cut]]
    if "commas" in harms:
        for place in random.sample(range(len(records)), 3):
            records[place] = records[place].replace(".", ",")
    if "wrapped" in harms:
        for place in random.sample(range(len(records)), 3):
            start, _, end = records[place].rpartition(" ")
            records[place] = f"{start}\n{end}"
    if "controls" in harms:
        records = [f"{record}\r" if place % 3 == 0 else record for place, record in enumerate(records)]
        records[random.randrange(len(records))] += "\0\0"
    return "\n".join([header, *records]) + "\n"


def _brief(folder: str, table: Table, prefix: str) -> str:
    return f"""\
`{table.path}` was damaged when it was transferred. Restore it in place. This holds for the healthy export:
- the first line is `{",".join(table.header)}`, each other line one whole record with these five fields;
- lines end in `\\n`, and there are no control characters besides;
- ids are `{prefix}-` and five digits, and a record begins with its id; amounts have a decimal point and two decimals;
- remarks contain no comma, and where a line break was put into a remark it replaced a blank;
- each record is there once, in ascending order of the ids.

Nothing else may change, and no record is lost. Then write two summaries of the healthy records, sorted by the first
column: `{folder}/months.csv` with the header `month,records,amount` (month as `YYYY-MM`) and `{folder}/clients.csv`
with the header `client,records,amount`; amounts are sums with exactly two decimals."""


def _steps(random: Random, folder: str, table: Table, prefix: str, harms: list[Harm]) -> tuple[Step, ...]:
    causes = "; ".join(harm.cause for harm in harms)
    mends = [harm.mends.replace("PATH", table.path).replace("PREFIX", prefix) for harm in harms]
    return (
        step(
            random,
            (
                "I have to find what is wrong before I mend anything: control characters, field counts and order.",
                "The description of the healthy file tells me what to test: bytes, fields, ids.",
            ),
            (
                "Show control characters, count fields a line, and look at the order of ids.",
                "Use cat -A for odd bytes, awk for field counts, sort -c for the order.",
            ),
            run(f"cat -A {table.path} | head -n 30"),
            run(f"awk -F, '{{print NF}}' {table.path} | sort | uniq -c"),
            run(f"tail -n +2 {table.path} | LC_ALL=C sort -c -u"),
        ),
        step(
            random,
            (f"So this is what happened: {causes}.", f"The diagnosis is clear now: {causes}. The rest is in order."),
            ("Mend one fault after the other, then run the same tests again.", "Undo the damage and check again."),
            *(run(mend) for mend in mends),
            run(f"awk -F, '{{print NF}}' {table.path} | sort | uniq -c; head {table.path}"),
        ),
        step(
            random,
            (
                "With a healthy file the summaries are sums by month and by client; I add cents to stay exact.",
                "Both summaries are the same sum over another column.",
            ),
            ("Write both with one shell function and read them.", "Sum with awk, sort, and show the results."),
            run(
                'sums() { awk -F, -v name=$1 \'NR > 1 {key = (name == "month") ? substr($2, 1, 7) : $3; n[key]++; '
                'sub(/[.]/, "", $4); s[key] += $4} END {for (key in n) '
                'printf "%s,%d,%d.%02d\\n", key, n[key], s[key] / 100, s[key] % 100}\' '
                f"{table.path} | LC_ALL=C sort; }}"
            ),
            run(f"(echo month,records,amount; sums month) > {folder}/months.csv"),
            run(f"(echo client,records,amount; sums client) > {folder}/clients.csv"),
            run(f"cat {folder}/months.csv {folder}/clients.csv"),
        ),
    )


def _checks(folder: str, table: Table) -> tuple[Check, ...]:
    return (
        Check("restored", f"found = content({table.path!r})\nassert found.split('\\n') == {_listed(table)}", 4.0),
        Check("months", f"assert table({folder + '/months.csv'!r}) == {_sums(table, 'month', 1, 7)}", 2.0),
        Check("clients", f"assert table({folder + '/clients.csv'!r}) == {_sums(table, 'client', 2, 99)}", 2.0),
    )


def _listed(table: Table) -> str:
    return literal(table.text.split("\n"))


def _sums(table: Table, name: str, place: int, length: int) -> str:
    groups: dict[str, list[int]] = {}
    for row in table.rows:
        groups.setdefault(row[place][:length], []).append(int(row[3].replace(".", "")))
    rows = [[group, str(len(groups[group])), money(sum(groups[group]))] for group in sorted(groups)]
    return literal([[name, "records", "amount"], *rows])


SKILL = Skill(
    name="data-processing/repair-export",
    domain="data-processing",
    folders=("restore", "damaged", "rescue", "salvage"),
    tools=("tr", "awk", "sed", "sort", "uniq", "head", "tail", "cat", "mv", "echo"),
    make=make,
    offers=(Table,),
    repairs=True,
)
