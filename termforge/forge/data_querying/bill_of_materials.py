"""Data querying: a parts list of several levels is exploded with recursive common table expressions (sqlite3)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.data_querying.dump import inserts
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = {
    "cargo bike": ("frame", "fork", "drive", "box", "wheel", "brake"),
    "loom": ("bed", "shaft", "beam", "treadle", "reed", "batten"),
    "telescope": ("mount", "tube", "cell", "focuser", "tripod", "finder"),
    "harmonium": ("case", "bellows", "keyboard", "reedbox", "pedal", "stop"),
}
PIECES = ("bolt", "nut", "washer", "spring", "bearing", "plate", "pin", "hinge", "clip", "strap", "rod", "cap", "shim")
MATERIALS = ("steel", "brass", "nylon", "felt")


class Machine(NamedTuple):
    name: str
    parts: dict[str, tuple[str, str | None, int | None]]
    """By id: name, material and cents; assemblies have neither of the last two."""
    uses: dict[str, dict[str, int]]
    """By assembly: how many of each part it contains directly."""
    asked: str
    """A piece that two neighbouring levels contain directly."""


def make(random: Random, setting: Setting) -> Fragment:
    machine = _draw(random, setting.level)
    dump = f"{setting.folder}/{random.choice(('parts', 'bom', 'assemblies'))}.sql"
    table = Table(
        f"{setting.folder}/needed.csv",
        (Column("part", "key"), Column("material", "word"), Column("pieces", "whole"), Column("cost", "money")),
        tuple(_needed(machine)),
    )
    return Fragment(
        title=f"Explode the parts list of the {machine.name}",
        brief=_brief(setting.folder, dump, table, machine),
        files=(text_file(dump, _dump(random, machine)),),
        steps=_steps(random, setting.folder, dump, table, machine.asked),
        checks=_checks(setting.folder, table, machine),
        outputs=(table.path, f"{setting.folder}/where_used.csv"),
        offers=(table,),
    )


def _draw(random: Random, level: int) -> Machine:
    """P1 is the machine; each assembly contains the next one and some pieces, so that pieces meet on several paths."""
    name = random.choice(sorted(THEMES))
    assemblies = [name, *random.sample(THEMES[name], 3 + level)]
    ids = [f"P{number}" for number in range(1, len(assemblies) + 1)]
    parts: dict[str, tuple[str, str | None, int | None]] = {
        part: (assembly, None, None) for part, assembly in zip(ids, assemblies, strict=True)
    }
    pieces = [f"P{number}" for number in random.sample(range(30, 99), 8 + level)]
    for part, piece in zip(pieces, random.sample(PIECES, len(pieces)), strict=True):
        parts[part] = (piece, random.choice(MATERIALS), random.randint(1, 900))
    uses: dict[str, dict[str, int]] = {part: {} for part in ids}
    for place in range(1, len(ids)):
        uses[ids[random.randint(max(0, place - 2), place - 1)]][ids[place]] = random.randint(1, 4)
    for place, part in enumerate([*pieces, *random.sample(pieces, 5)]):
        uses[ids[place % len(ids)]][part] = random.randint(1, 12)
    place = random.randrange(1, len(ids))
    above = next(part for part in ids if ids[place] in uses[part])
    uses[above][pieces[place]] = random.randint(1, 12)
    return Machine(name, parts, uses, pieces[place])


def _dump(random: Random, machine: Machine) -> str:
    """With an unused part and an unused assembly, which no answer may contain."""
    contains = [(parent, part, count) for parent, own in machine.uses.items() for part, count in own.items()]
    contains.append(("P28", machine.asked, 3))
    parts = [(part, *values) for part, values in machine.parts.items()]
    parts += [("P28", "old stand", None, None), ("P29", "sticker", "paper", 4)]
    return (
        "CREATE TABLE parts (id TEXT PRIMARY KEY, name TEXT NOT NULL, material TEXT, cents INTEGER);\n"
        "CREATE TABLE contains (parent TEXT NOT NULL, part TEXT NOT NULL, pieces INTEGER NOT NULL);\n"
        + inserts("parts", random.sample(parts, len(parts)))
        + inserts("contains", random.sample(contains, len(contains)))
    )


def _paths(machine: Machine, part: str = "P1", count: int = 1) -> list[tuple[str, int]]:
    """Every occurrence of every part below, with its number of pieces."""
    found = []
    for child, pieces in machine.uses.get(part, {}).items():
        found += [(child, count * pieces), *_paths(machine, child, count * pieces)]
    return found


def _needed(machine: Machine) -> list[tuple[str, ...]]:
    totals: dict[str, int] = {}
    for part, count in _paths(machine):
        totals[part] = totals.get(part, 0) + count
    rows: list[tuple[str, ...]] = []
    for part in sorted(totals):
        _, material, cents = machine.parts[part]
        if material is not None and cents is not None:
            rows.append((part, material, str(totals[part]), money(totals[part] * cents)))
    return rows


def _where_used(machine: Machine) -> list[list[str]]:
    """Every assembly on the way from the machine to the piece, and the shortest way down."""
    distances: dict[str, int] = {machine.asked: 0}
    for _ in machine.uses:
        for parent, own in machine.uses.items():
            below = [distances[part] + 1 for part in own if part in distances]
            if below:
                distances[parent] = min([*below, distances.get(parent, 99)])
    rows = [(machine.parts[part][0], distance) for part, distance in distances.items() if part != machine.asked]
    return [[name, str(distance)] for name, distance in sorted(rows, key=lambda row: (row[1], row[0]))]


def _brief(folder: str, dump: str, table: Table, machine: Machine) -> str:
    return f"""\
`{dump}` is an SQLite dump. `parts` has all parts: those with a `material` and a price in `cents` are bought, the
others are assemblies. `contains` says how many `pieces` of a part an assembly contains directly; assemblies contain
assemblies.

- `{table.path}`, header `{",".join(table.header)}`: each bought part that one {machine.name} (part `P1`) needs on any
level, how many pieces in all, and what these cost in full units with exactly two decimals. Rows are sorted by the
part's id as text.
- `{folder}/where_used.csv`, header `assembly,levels`: the names of all assemblies of the {machine.name}, itself
included, that contain part `{machine.asked}` directly or through others, with the least number of steps down to it
(1 if it is contained directly). Sorted by levels, then by name in byte order. Assemblies that no {machine.name}
contains do not count."""


def _steps(random: Random, folder: str, dump: str, table: Table, piece: str) -> tuple[Step, ...]:
    explode, used = f"{folder}/explode.sql", f"{folder}/used.sql"
    return (
        step(
            random,
            (
                "A parts list of unknown depth asks for a recursive query. First the schema and some rows.",
                "I check the tables before I write a recursive common table expression.",
            ),
            ("Grep the schema and look at the direct contents.", "Print the tables and the rows of P1."),
            run(f"grep TABLE {dump}"),
            run(f"grep -F \"contains VALUES ('P1',\" {dump}"),
        ),
        step(
            random,
            (
                "Walking down, the number of pieces multiplies along each path; UNION ALL keeps equal paths apart.",
                "Each step down multiplies by the pieces. Summing over all paths gives what is needed.",
            ),
            ("Write the query, run it on a database in memory, and read the rows.", "Explode P1 and show the result."),
            write(explode, EXPLODE),
            run(f"sqlite3 -csv -header :memory: '.read {dump}' '.read {explode}' > {table.path}", 1.0),
            run(f"cat {table.path}"),
        ),
        step(
            random,
            (
                f"Going up from {piece} is the same recursion the other way round. Only assemblies that are also below "
                "P1 may stay.",
                "For where_used I climb from the part with a step counter and keep what belongs to P1.",
            ),
            ("Write the second query, run it and look at it.", "Query upward and intersect with what P1 contains."),
            write(used, USED.replace("PIECE", piece)),
            run(f"sqlite3 -csv -header :memory: '.read {dump}' '.read {used}' > {folder}/where_used.csv", 1.0),
            run(f"cat {folder}/where_used.csv"),
        ),
    )


EXPLODE = """
WITH RECURSIVE below(part, count) AS (
    SELECT 'P1', 1
    UNION ALL
    SELECT contains.part, below.count * contains.pieces
    FROM below JOIN contains ON contains.parent = below.part
)
SELECT part, material, SUM(count) AS pieces,
    printf('%d.%02d', SUM(count) * cents / 100, SUM(count) * cents % 100) AS cost
FROM below JOIN parts ON parts.id = below.part
WHERE material IS NOT NULL
GROUP BY part
ORDER BY part;
"""
USED = """
WITH RECURSIVE above(part, levels) AS (
    SELECT 'PIECE', 0
    UNION
    SELECT contains.parent, above.levels + 1
    FROM above JOIN contains ON contains.part = above.part
), below(part) AS (
    SELECT 'P1'
    UNION
    SELECT contains.part FROM below JOIN contains ON contains.parent = below.part
)
SELECT name AS assembly, MIN(levels) AS levels
FROM above JOIN parts ON parts.id = above.part
WHERE levels > 0 AND part IN (SELECT part FROM below)
GROUP BY part
ORDER BY MIN(levels), name;
"""


def _checks(folder: str, table: Table, machine: Machine) -> tuple[Check, ...]:
    pieces = {row[0]: row[2] for row in table.rows}
    return (
        Check(
            "pieces",
            f"rows = table({table.path!r})\nassert all(len(row) == 4 for row in rows)\n"
            f"assert {{row[0]: row[2] for row in rows[1:]}} == {literal(pieces)}",
            2.0,
        ),
        Check("needed", f"assert table({table.path!r}) == {literal([table.header, *map(list, table.rows)])}", 2.0),
        Check(
            "where_used",
            f"assert table({folder + '/where_used.csv'!r}) == "
            f"{literal([['assembly', 'levels'], *_where_used(machine)])}",
            2.0,
        ),
    )


SKILL = Skill(
    name="data-querying/bill-of-materials",
    domain="data-querying",
    folders=("bom", "parts-list", "assembly", "workshop-db"),
    tools=("sqlite3", "grep", "cat"),
    make=make,
    offers=(Table,),
)
