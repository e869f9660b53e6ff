"""Data processing: a table is cut into pages, group by group, with a manifest of the parts (awk, md5sum)."""

import hashlib
import re
from random import Random

from termforge.forge.artifacts import Column, Table, Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import File, Step

THEMES = {
    "parcels": ("parcel", ("Lyon Sud", "Lille", "Nice/Cannes", "Brest"), "grams"),
    "samples": ("sample", ("River A", "River B", "Lake", "Spring #2"), "ppm"),
    "members": ("member", ("Gold", "Silver", "Junior (U18)", "Guest"), "points"),
    "assets": ("asset", ("Room 1.04", "Room 2.11", "Van", "Workshop"), "value"),
}


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _draw(random, setting)
    place = random.choice(table.places("word"))
    size = random.randint(2, max(2, len(table.rows) // 6))
    parts = Tree(f"{setting.folder}/parts", tuple(_parts(setting.folder, table, place, size)))
    return Fragment(
        title=f"Cut {table.path.rsplit('/', 1)[1]} into parts",
        brief=_brief(setting.folder, table, place, size, given=given is not None),
        files=() if given else (text_file(table.path, table.text),),
        steps=_steps(random, setting.folder, table, place, size),
        checks=_checks(setting.folder, parts),
        outputs=(f"{setting.folder}/manifest.csv", *(file.path for file in parts.files)),
        offers=(parts,),
    )


def _draw(random: Random, setting: Setting) -> Table:
    name = random.choice(sorted(THEMES))
    key, groups, value = THEMES[name]
    rows = tuple(
        (f"{key[:2].upper()}-{1000 + 7 * number}", random.choice(groups), str(random.randint(1, 5000)))
        for number in range(12 + 8 * setting.level)
    )
    columns = (Column(key, "key"), Column("category", "word"), Column(value, "whole"))
    return Table(f"{setting.folder}/{name}.csv", columns, rows)


def _parts(folder: str, table: Table, place: int, size: int) -> list[File]:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in table.rows:
        groups.setdefault(re.sub("[^a-z0-9]+", "-", row[place].lower()), []).append(row)
    return [
        text_file(
            f"{folder}/parts/{name}_{number:02d}.csv", table._replace(rows=tuple(rows[start : start + size])).text
        )
        for name, rows in sorted(groups.items())
        for number, start in enumerate(range(0, len(rows), size), 1)
    ]


def _brief(folder: str, table: Table, place: int, size: int, *, given: bool) -> str:
    source = f"`{table.path}`, which another part of this job produces," if given else f"`{table.path}`"
    return f"""\
The table {source} is too long for those who get it. Cut it by the column `{table.header[place]}` (number {place + 1})
into CSV files of at most {size} rows below `{folder}/parts`: `<group>_<NN>.csv`, where the group is the column's value
in lower case, each run of characters other than letters and digits replaced by one `-`, and NN counts the group's
files from 01. Every file starts with the table's header line, and each of its lines, the last one too, ends in `\\n`;
rows keep their order and are not changed, and all files of a group but the last are full. No other files may be in
that folder.

Write `{folder}/manifest.csv` with the header `file,rows,md5` and a line for each of the files, sorted by name in byte
order: the name without folder, the number of rows without the header, and the MD5 sum of the file in hex."""


def _steps(random: Random, folder: str, table: Table, place: int, size: int) -> tuple[Step, ...]:
    return (
        step(
            random,
            (
                f"How large are the groups of column {place + 1}?",
                "The values of the column become file names, so I look for odd characters among them.",
            ),
            ("Tabulate the column.", "Count the rows of each value."),
            run(f"tail -n +2 {table.path} | cut -d , -f {place + 1} | sort | uniq -c"),
        ),
        step(
            random,
            (
                "awk can write to many files: a counter for each group gives the number of the page, and the header "
                "goes in whenever a page begins.",
                "One pass is enough if awk counts rows for each group and opens a new file at every full page.",
            ),
            ("Make the folder, cut the table, list the parts.", "Run awk once and look at what it wrote."),
            run(f"mkdir -p {folder}/parts"),
            run(
                "awk -F, 'NR == 1 {header = $0; next} "
                f'{{name = tolower(${place + 1}); gsub(/[^a-z0-9]+/, "-", name); '
                f'file = sprintf("{folder}/parts/%s_%02d.csv", name, int(seen[name] / {size}) + 1); '
                f"if (seen[name]++ % {size} == 0) print header > file; print > file}}' {table.path}"
            ),
            run(f"wc -l {folder}/parts/*"),
        ),
        step(
            random,
            (
                "Now the manifest: sums with md5sum, rows are lines less the header.",
                "The parts look right. The manifest follows from the files themselves.",
            ),
            ("Write the manifest in a loop over the sorted names and show it.", "Hash and count every part."),
            run(f"cd {folder}/parts; echo file,rows,md5 > ../manifest.csv"),
            run(
                "for f in $(LC_ALL=C ls); do echo $f,$(tail -n +2 ./$f | wc -l),$(md5sum < $f | cut -c -32); done "
                ">> ../manifest.csv"
            ),
            run("cat ../manifest.csv; cd /app"),
        ),
    )


def _checks(folder: str, parts: Tree) -> tuple[Check, ...]:
    contents = {name: content.decode() for name, content in parts.contents.items()}
    manifest = [
        [name, str(len(text.splitlines()) - 1), hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()]
        for name, text in contents.items()
    ]
    keys = {name: [line.split(",")[0] for line in text.splitlines()[1:]] for name, text in contents.items()}
    rows = [row for text in contents.values() for row in text.splitlines()[1:]]
    return (
        Check(
            "names",
            f"names = sorted(path.name for path in Path({parts.path!r}).glob('*'))\n"
            f"assert names == {literal(sorted(contents))}\n"
            f"rows = [row for name in names for row in lines(f'{parts.path}/{{name}}')[1:]]\n"
            f"assert (len(rows), len(set(rows))) == {(len(rows), len(set(rows)))}, 'rows are missing or repeated'",
        ),
        Check(
            "first_column",
            f"for name, keys in {literal(keys)}.items():\n"
            f"    assert [row[0] for row in table(f'{parts.path}/{{name}}')[1:]] == keys, name",
            2.0,
        ),
        Check(
            "parts",
            f"for name, text in {literal(contents)}.items():\n"
            f"    assert content(f'{parts.path}/{{name}}') == text, name",
            2.0,
        ),
        Check(
            "manifest",
            f"assert table({folder + '/manifest.csv'!r}) == {literal([['file', 'rows', 'md5'], *manifest])}",
            2.0,
        ),
    )


SKILL = Skill(
    name="data-processing/partition",
    domain="data-processing",
    folders=("partition", "shards", "pages", "cut"),
    tools=("awk", "md5sum", "mkdir", "tail", "cut", "sort", "uniq", "wc", "ls", "cat", "echo"),
    make=make,
    reads=Table,
    offers=(Tree,),
)
