"""Data science: cells of a data set were damaged in transfer; its data sheet has rules that tell what they were."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

THEMES = (
    ("leaves", ("oak", "maple", "birch", "alder"), ("healthy", "rust", "mildew")),
    ("scans", ("Bern", "Graz", "Lyon", "Turin"), ("benign", "malignant", "unclear")),
    ("reviews", ("books", "games", "music", "tools"), ("positive", "negative", "neutral")),
    ("bearings", ("press", "lathe", "mill", "saw"), ("intact", "worn", "broken")),
)


class Case(NamedTuple):
    name: str
    labels: tuple[str, ...]
    folds: int
    rows: list[list[str]]
    """Id, group, fold, size, label."""


class Spoiled(NamedTuple):
    row: str
    column: str
    wrong: str
    right: str
    old: str
    new: str
    """Whole lines."""
    cause: str


HEADER = "id,group,fold,size,label"


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    path = f"{folder}/{case.name}.csv"
    healthy = text_file(path, _text(case.rows))
    spoiled = _spoiled(random, case, setting.level)
    return Fragment(
        title=f"Mend the {case.name} data set",
        brief=_brief(folder, path, len(spoiled)),
        files=(
            *damaged([healthy], [Damage(path, f"\n{s.new}\n", f"\n{s.old}\n", s.cause) for s in spoiled]),
            text_file(f"{folder}/DATASHEET.md", _datasheet(case)),
            text_file(f"{folder}/totals.csv", _totals(case)),
        ),
        steps=_steps(random, folder, path, case, spoiled),
        checks=_checks(folder, path, case, spoiled),
        outputs=(path, f"{folder}/corrections.csv"),
    )


def _drawn(random: Random, level: int) -> Case:
    name, groups, labels = random.choice(THEMES)
    folds = random.choice((3, 4, 5))
    rows = [
        [
            f"{name[0]}{number}",
            groups[place % 4],
            str(number % folds),
            str(random.randint(100, 499)),
            random.choice(labels),
        ]
        for place, number in enumerate(sorted(random.sample(range(100, 1000), 14 + 8 * level)))
    ]
    return Case(name, labels, folds, rows)


def _text(rows: list[list[str]]) -> str:
    return "".join(f"{line}\n" for line in [HEADER, *(",".join(row) for row in rows)])


def _spoiled(random: Random, case: Case, level: int) -> list[Spoiled]:
    """One size at most, since a group's total tells one unknown."""
    rows = [case.rows[place] for place in sorted(random.sample(range(len(case.rows)), level))]
    columns = random.sample(("size", "fold", "label"), level)
    return [_spoil(random, case, row, column) for row, column in zip(rows, columns, strict=True)]


def _spoil(random: Random, case: Case, row: list[str], column: str) -> Spoiled:
    place = HEADER.split(",").index(column)
    right = row[place]
    if column == "size":
        wrong, cause = str(int(right) * 10 + random.randint(0, 9)), f"the total of {row[1]} tells its true size"
    elif column == "fold":
        wrong, cause = str((int(right) + 1) % case.folds), "its fold does not follow from its number"
    else:
        at = random.randrange(len(right) - 1)
        twisted = right[:at] + right[at + 1] + right[at] + right[at + 2 :]
        wrong = twisted if twisted != right else right[:-1]
        cause = "its label is not one of the data sheet"
    spoiled = [*row[:place], wrong, *row[place + 1 :]]
    return Spoiled(row[0], column, wrong, right, ",".join(spoiled), ",".join(row), f"{row[0]}: {cause}")


def _datasheet(case: Case) -> str:
    return f"""\
# {case.name}

- `id`: `{case.name[0]}` and a number, never wrong so far; rows are sorted by it.
- `group`: never wrong so far; `totals.csv` was made from the sound data and holds rows and sum of sizes of each group.
- `fold`: the remainder of the id's number divided by {case.folds}.
- `size`: integer from 100 to 499.
- `label`: one of {", ".join(case.labels)}. Labels were typed by hand; a misspelt one has letters of the right one
  swapped or lost.
"""


def _totals(case: Case) -> str:
    groups = sorted({row[1] for row in case.rows})
    own = {group: [int(row[3]) for row in case.rows if row[1] == group] for group in groups}
    return "group,rows,size\n" + "".join(f"{group},{len(sizes)},{sum(sizes)}\n" for group, sizes in own.items())


def _brief(folder: str, path: str, count: int) -> str:
    cells = "one cell was" if count == 1 else f"{count} cells were"
    return f"""\
In `{path}` {cells} damaged in transfer. `{folder}/DATASHEET.md` describes the sound data, `{folder}/totals.csv` was
made from it. Restore the damaged content in place, so that the file is byte by byte what it was; everything else stays
as it is. Write `{folder}/corrections.csv` with the header `id,column,wrong,right`: a line for each damaged cell, in the
order of the rows."""


def _steps(random: Random, folder: str, path: str, case: Case, spoiled: list[Spoiled]) -> tuple[Step, ...]:
    labels = "|".join(case.labels)
    rules = f"$3 != substr($1, 2) % {case.folds} || $4 < 100 || $4 > 499 || ! ($5 ~ /^({labels})$/)"
    sums = f"awk -F, 'NR > 1 {{n[$2]++; s[$2] += $4}} END {{for (g in n) print g FS n[g] FS s[g]}}' {path} | sort"
    look = step(
        random,
        (
            "The data sheet states rules that can be tested row by row, and totals to check the sums.",
            "I read the data sheet first; its rules should single the damaged cells out.",
        ),
        ("Read the sheet and the totals.", "Print the data sheet, the totals and some rows."),
        run(f"cat {folder}/DATASHEET.md {folder}/totals.csv"),
        run(f"head {path}"),
    )
    find = step(
        random,
        (
            "One awk condition covers fold, range and label; a second command gives the sums by group.",
            "Now the rules as an awk filter, and the sums of today to hold against the totals.",
        ),
        ("List offending rows, then the sums.", "Filter rows that break a rule; sum by group."),
        run(f"awk -F, 'NR > 1 && ({rules})' {path}"),
        run(sums),
    )
    causes = "; ".join(item.cause for item in spoiled)
    edits = " ".join(f"-e 's/^{item.old}$/{item.new}/'" for item in spoiled)
    listed = "".join(f" '{item.row},{item.column},{item.wrong},{item.right}'" for item in spoiled)
    fix = step(
        random,
        (f"What is damaged: {causes}.", f"All damage is accounted for. {causes}."),
        ("Replace these lines with sed, record the cells, and sum again.", "Edit in place, write corrections.csv."),
        run(f"sed -i {edits} {path}"),
        run(f"printf '%s\\n' id,column,wrong,right{listed} > {folder}/corrections.csv"),
        run(f"{sums} | diff - <(tail -n +2 {folder}/totals.csv)"),
    )
    return look, find, fix


def _checks(folder: str, path: str, case: Case, spoiled: list[Spoiled]) -> tuple[Check, ...]:
    rows = [HEADER.split(","), *case.rows]
    fixed = {item.row: item.new.split(",") for item in spoiled}
    log = [["id", "column", "wrong", "right"], *([s.row, s.column, s.wrong, s.right] for s in spoiled)]
    return (
        Check(
            "restored_rows",
            f"rows = {{row[0]: row for row in table({path!r})}}\n"
            f"for key, row in {literal(fixed)}.items():\n    assert rows.get(key) == row, f'{{key}} is not restored'",
            2.0,
        ),
        Check(
            "whole_file",
            f"rows = {literal(rows)}\nassert content({path!r}) == ''.join(','.join(row) + '\\n' for row in rows)",
            2.0,
        ),
        Check("corrections", f"assert table({folder + '/corrections.csv'!r}) == {literal(log)}"),
    )


SKILL = Skill(
    name="data-science/mend-dataset",
    domain="data-science",
    folders=("dataset", "transfer", "datasheet", "annotated"),
    tools=("cat", "head", "tail", "awk", "sort", "sed", "diff"),
    make=make,
    repairs=True,
)
