"""Data querying: a table is compared with another office's list by key: missing, unknown and differing (join, comm)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step

THEMES = {
    "payments": ("receipt", "PAY", ("card", "cash", "transfer")),
    "stock": ("lot", "LOT", ("north", "south", "transit")),
    "grants": ("grant", "GR", ("arts", "sport", "health")),
    "returns": ("case", "RMA", ("damaged", "late", "wrong item")),
}


class Both(NamedTuple):
    """Values by key: of the table, and of the other list."""

    ours: dict[str, str]
    theirs: dict[str, str]


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _draw(random, setting)
    key, value = table.places("key")[0], random.choice(table.places("money", "whole"))
    ours = {row[key]: row[value] for row in table.rows}
    both = Both(ours, _other(random, ours))
    other = f"{setting.folder}/{random.choice(('partner', 'head_office', 'bank', 'auditor'))}.txt"
    files = (_listed(random, other, both.theirs), *(() if given else (text_file(table.path, table.text),)))
    return Fragment(
        title=f"Reconcile {table.path.rsplit('/', 1)[1]} with another list",
        brief=_brief(setting.folder, table, other, key, value, given=given is not None),
        files=files,
        steps=_steps(random, setting.folder, table, other, key, value),
        checks=_checks(setting.folder, both),
        outputs=tuple(
            f"{setting.folder}/{name}" for name in ("missing.txt", "unknown.txt", "differing.txt", "count.txt")
        ),
    )


def _draw(random: Random, setting: Setting) -> Table:
    name = random.choice(sorted(THEMES))
    key, prefix, words = THEMES[name]
    numbers = random.sample(range(100, 4000), 10 + 8 * setting.level)
    rows = tuple(
        (
            f"{prefix}{number}",
            f"2025-06-{random.randint(1, 30):02d}",
            random.choice(words),
            money(random.randint(5, 80_000)),
        )
        for number in numbers
    )
    columns = (Column(key, "key"), Column("date", "date"), Column("kind", "word"), Column("amount", "money"))
    return Table(f"{setting.folder}/{name}.csv", columns, rows)


def _other(random: Random, ours: dict[str, str]) -> dict[str, str]:
    """Some keys are gone, others are new, and some of the rest have another value."""
    keys = list(ours)
    some = max(2, len(keys) // 6)
    gone = random.sample(keys, some)
    theirs = {key: value for key, value in ours.items() if key not in gone}
    for key in random.sample(sorted(theirs), some):
        last = theirs[key][-1]
        theirs[key] = theirs[key][:-1] + str((int(last) + random.randint(1, 9)) % 10)
    for key in random.sample(keys, some):
        theirs[f"{key}{random.choice('ABX')}"] = ours[key]
    return theirs


def _listed(random: Random, path: str, theirs: dict[str, str]) -> File:
    """Two columns, the value first, framed by blanks and in no order."""
    rows = random.sample(sorted(theirs), len(theirs))
    return text_file(path, "".join(f" {theirs[key]:>12} | {key}\n" for key in rows))


def _brief(folder: str, table: Table, other: str, key: int, value: int, *, given: bool) -> str:
    names = table.header
    source = f"`{table.path}`, which another part of this job produces," if given else f"`{table.path}`"
    return f"""\
The table {source} has the columns {", ".join(f"`{name}`" for name in names)}. `{other}` is another office's list of the
same things, in no order: on each line the `{names[value]}`, a `|` and the `{names[key]}`, with blanks around. Compare
the two by `{names[key]}`; each of the following files is sorted by it in byte order:

- `{folder}/missing.txt`: each `{names[key]}` of the table that the other list lacks, one a line.
- `{folder}/unknown.txt`: each `{names[key]}` that only the other list has, one a line.
- `{folder}/differing.txt`: for each `{names[key]}` with different `{names[value]}` on both sides a line with it, the
table's value and the other list's, separated by single blanks, values written as they are in the inputs.
- `{folder}/count.txt`: a single line with the number of those that agree on both sides."""


def _steps(random: Random, folder: str, table: Table, other: str, key: int, value: int) -> tuple[Step, ...]:
    script = f"{folder}/reconcile.sh"
    return (
        step(
            random,
            (
                "Both sides need the same form first: key and value, sorted by key. How do they look now?",
                "I look at the two inputs side by side.",
            ),
            ("Show the beginning of both.", "Print some lines of the table and of the list."),
            run(f"head -n 5 {table.path} {other}"),
            run(f"wc -l {table.path} {other}"),
        ),
        step(
            random,
            (
                "join pairs equal keys and comm compares the key columns; both want input sorted in the C locale.",
                "With two sorted files of key and value, comm gives the one-sided keys and join the pairs.",
            ),
            ("Write it as a script, run it, look at every result.", "Normalise, compare, and print the results."),
            write(script, _script(folder, table, other, key, value)),
            run(f"bash {script}", 1.0),
            run(f"head -n 20 {folder}/*.txt"),
        ),
    )


def _script(folder: str, table: Table, other: str, key: int, value: int) -> str:
    return f"""
export LC_ALL=C
cd {folder}
tail -n +2 {table.path} | awk -F, '{{ print ${key + 1} "|" ${value + 1} }}' | sort -t '|' -k 1,1 > ours.tmp
sed -E 's/^ *([^ ]+) [|] (.*)$/\\2|\\1/' {other} | sort -t '|' -k 1,1 > theirs.tmp
comm -23 <(cut -d '|' -f 1 ours.tmp) <(cut -d '|' -f 1 theirs.tmp) > missing.txt
comm -13 <(cut -d '|' -f 1 ours.tmp) <(cut -d '|' -f 1 theirs.tmp) > unknown.txt
join -t '|' ours.tmp theirs.tmp > pairs.tmp
awk -F '|' '$2 != $3 {{ print $1, $2, $3 }}' pairs.tmp > differing.txt
awk -F '|' '$2 == $3' pairs.tmp | wc -l > count.txt
rm ours.tmp theirs.tmp pairs.tmp
"""


def _checks(folder: str, both: Both) -> tuple[Check, ...]:
    shared = sorted(set(both.ours) & set(both.theirs))
    differing = [f"{key} {both.ours[key]} {both.theirs[key]}" for key in shared if both.ours[key] != both.theirs[key]]
    return (
        Check(
            "one_sided",
            f"assert lines({folder + '/missing.txt'!r}) == {literal(sorted(set(both.ours) - set(both.theirs)))}\n"
            f"assert lines({folder + '/unknown.txt'!r}) == {literal(sorted(set(both.theirs) - set(both.ours)))}",
            2.0,
        ),
        Check("differing", f"assert lines({folder + '/differing.txt'!r}) == {literal(differing)}", 2.0),
        Check(
            "agreeing", f"assert content({folder + '/count.txt'!r}).strip() == {str(len(shared) - len(differing))!r}"
        ),
    )


SKILL = Skill(
    name="data-querying/reconcile",
    domain="data-querying",
    folders=("reconcile", "compare", "two-lists", "matching"),
    tools=("bash", "join", "comm", "sort", "awk", "sed", "cut", "tail", "head", "wc", "rm"),
    make=make,
    reads=Table,
)
