"""Data querying: runs of days above a limit and days without a record, found with window functions (sqlite3)."""

from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.data_querying.dump import inserts
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step


class Theme(NamedTuple):
    table: str
    who: str
    names: tuple[str, ...]
    value: str


THEMES = (
    Theme("levels", "gauge", ("Weir", "Lock-2", "Old-Bridge", "Mouth", "Spring"), "cm"),
    Theme("steps", "walker", ("Aiko", "Ben", "Carla", "Deniz", "Edda"), "steps"),
    Theme("loads", "feeder", ("F-10", "F-12", "F-31", "F-47", "F-58"), "kw"),
    Theme("sales", "kiosk", ("Station", "Lido", "Zoo", "Theatre", "Pier"), "tickets"),
)


class Days(NamedTuple):
    first: date
    values: dict[str, list[int | None]]
    """For each name a value or a gap a day; the first and the last day have a value."""


def make(random: Random, setting: Setting) -> Fragment:
    theme, limit = random.choice(THEMES), random.randrange(50, 900, 10)
    days = _draw(random, theme, setting.level, limit)
    dump = f"{setting.folder}/{theme.table}.sql"
    table = _streak_table(setting.folder, theme, days, limit)
    return Fragment(
        title=f"Find streaks and gaps in the {theme.table}",
        brief=_brief(setting.folder, dump, table, theme, limit),
        files=(text_file(dump, _dump(random, theme, days)),),
        steps=_steps(random, setting.folder, dump, theme, limit),
        checks=_checks(setting.folder, theme, table, days, limit),
        outputs=tuple(f"{setting.folder}/{name}.csv" for name in ("streaks", "gaps", "longest")),
        offers=(table,),
    )


def _draw(random: Random, theme: Theme, level: int, limit: int) -> Days:
    """Values at the limit, one below it and far from it; months end within the days.

    Two have two equally long streaks, longer than anybody else's.
    """
    first = date(2024, random.choice((1, 2, 4, 10, 12)), random.randint(15, 25))
    values: dict[str, list[int | None]] = {}
    for name in sorted(random.sample(theme.names, 2 + level)):
        drawn: list[int | None] = []
        while len(drawn) < 20 + 6 * level:
            kind = random.choice(("high", "high", "low", "gap"))
            for _ in range(random.randint(1, 4)):
                high = random.choice((limit, limit + random.randint(1, 80)))
                drawn.append({"high": high, "low": limit - random.choice((1, 1, 30)), "gap": None}[kind])
        values[name] = [limit, None, limit + 1, limit - 1, limit, limit - 1, *drawn, limit, limit]
    days = Days(first, values)
    longest = max(int(streak[3]) for name in values for streak in _streaks(days, name, limit)) + 1
    for name in random.sample(sorted(values), 2):
        for _ in range(2):
            values[name] += [limit - 1, *(limit + random.randint(0, 80) for _ in range(longest))]
        values[name] += [limit - 1, limit]
    return days


def _dump(random: Random, theme: Theme, days: Days) -> str:
    rows = [
        (name, (days.first + timedelta(days=place)).isoformat(), value)
        for name, values in days.values.items()
        for place, value in enumerate(values)
        if value is not None
    ]
    columns = f"{theme.who} TEXT NOT NULL, day TEXT NOT NULL, {theme.value} INTEGER NOT NULL"
    return f"CREATE TABLE {theme.table} ({columns});\n" + inserts(theme.table, random.sample(rows, len(rows)))


def _brief(folder: str, dump: str, table: Table, theme: Theme, limit: int) -> str:
    return f"""\
`{dump}` is an SQLite dump of the table `{theme.table}` ({theme.who}, day, {theme.value}) with at most one row for each
{theme.who} and day (`YYYY-MM-DD`). A streak is a longest possible run of consecutive calendar days on which a
{theme.who} has a row with at least {limit} {theme.value}; a day without a row ends it.

- `{folder}/streaks.csv`, header `{",".join(table.header)}`: all streaks, also those of one day, with the sum of
`{theme.value}`; sorted by {theme.who}, then first day, and counted from 1 in the first column.
- `{folder}/gaps.csv`, header `{theme.who},after,before,missing`: wherever a {theme.who} has no row for one or more
days between two rows, the days of these two rows and the number of days missing; sorted by {theme.who}, then `after`.
- `{folder}/longest.csv`, header `{theme.who},first_day,days`: the longest streak of each {theme.who} (of equally long
ones the latest), longest first, equal ones by {theme.who}."""


def _steps(random: Random, folder: str, dump: str, theme: Theme, limit: int) -> tuple[Step, ...]:
    views = f"{folder}/streaks.sql"
    runs = [
        f"sqlite3 -csv -header :memory: '.read {dump}' '.read {views}' '{query}' > {folder}/{name}.csv"
        for name, query in (
            ("streaks", "SELECT * FROM streaks ORDER BY streak"),
            ("gaps", f"SELECT * FROM gaps ORDER BY {theme.who}, after"),
            (
                "longest",
                f"SELECT {theme.who}, first_day, days FROM longest WHERE place = 1 ORDER BY days DESC, {theme.who}",
            ),
        )
    ]
    return (
        step(
            random,
            ("Let me look at the dump: its schema and a few rows.", "First the table's definition and its size."),
            ("Show the head of the dump and count the rows.", "Print the first lines and the number of inserts."),
            run(f"head {dump}"),
            run(f"grep -c INSERT {dump}"),
        ),
        step(
            random,
            (
                "Runs of days are islands: the day number less the row number is constant within one. Gaps show where "
                "the next day is more than one away.",
                "The classic for islands: julianday minus row_number() names the run; lead() finds the gaps.",
            ),
            ("Put views for streaks, gaps and the longest streak into a file.", "Write the three views."),
            write(views, _views(theme, limit)),
        ),
        step(
            random,
            ("With the views in place each file is one query.", "The views do the work, so I only select and sort."),
            ("Run the three queries on a database in memory and show the results.", "Query and read all files."),
            *(run(line, 0.7) for line in runs),
            run(f"head {folder}/*.csv"),
        ),
    )


def _views(theme: Theme, limit: int) -> str:
    return f"""
CREATE VIEW high AS
SELECT {theme.who}, day, {theme.value},
    julianday(day) - row_number() OVER (PARTITION BY {theme.who} ORDER BY day) AS island
FROM {theme.table} WHERE {theme.value} >= {limit};

CREATE VIEW streaks AS
SELECT row_number() OVER (ORDER BY {theme.who}, min(day)) AS streak,
    {theme.who}, min(day) AS first_day, max(day) AS last_day, count(*) AS days, sum({theme.value}) AS total
FROM high GROUP BY {theme.who}, island;

CREATE VIEW gaps AS
SELECT {theme.who}, after, before, CAST(julianday(before) - julianday(after) AS INTEGER) - 1 AS missing
FROM (SELECT {theme.who}, day AS after, lead(day) OVER (PARTITION BY {theme.who} ORDER BY day) AS before
    FROM {theme.table})
WHERE julianday(before) - julianday(after) > 1;

CREATE VIEW longest AS
SELECT *, rank() OVER (PARTITION BY {theme.who} ORDER BY days DESC, first_day DESC) AS place FROM streaks;
"""


def _streak_table(folder: str, theme: Theme, days: Days, limit: int) -> Table:
    rows = [row for name in days.values for row in _streaks(days, name, limit)]
    columns = (
        Column("streak", "key"),
        Column(theme.who, "word"),
        Column("first_day", "date"),
        Column("last_day", "date"),
        Column("days", "whole"),
        Column("total", "whole"),
    )
    return Table(f"{folder}/streaks.csv", columns, tuple((str(place), *row) for place, row in enumerate(rows, 1)))


def _checks(folder: str, theme: Theme, table: Table, days: Days, limit: int) -> tuple[Check, ...]:
    longest = []
    for name in days.values:
        best = max(_streaks(days, name, limit), key=lambda row: (int(row[3]), row[1]))
        longest.append([name, best[1], best[3]])
    longest.sort(key=lambda row: (-int(row[2]), row[0]))
    gaps = [theme.who, "after", "before", "missing"]
    return (
        Check("streaks", f"assert table({table.path!r}) == {literal([table.header, *map(list, table.rows)])}", 2.0),
        Check("gaps", f"assert table({folder + '/gaps.csv'!r}) == {literal([gaps, *_gaps(days)])}", 2.0),
        Check(
            "longest",
            f"header, *rows = table({folder + '/longest.csv'!r})\n"
            f"assert header == {[theme.who, 'first_day', 'days']}\nassert rows == {literal(longest)}",
            2.0,
        ),
    )


def _gaps(days: Days) -> list[list[str]]:
    found = []
    for name, values in days.values.items():
        seen = [place for place, value in enumerate(values) if value is not None]
        found += [
            [name, _day(days, before), _day(days, after), str(after - before - 1)]
            for before, after in pairwise(seen)
            if after - before > 1
        ]
    return found


def _streaks(days: Days, name: str, limit: int) -> list[list[str]]:
    rows, start = [], 0
    values = [*days.values[name], None]
    for place, value in enumerate(values):
        if value is None or value < limit:
            if start < place:
                total = sum(value or 0 for value in values[start:place])
                rows.append([name, _day(days, start), _day(days, place - 1), str(place - start), str(total)])
            start = place + 1
    return rows


def _day(days: Days, place: int) -> str:
    return (days.first + timedelta(days=place)).isoformat()


SKILL = Skill(
    name="data-querying/streaks",
    domain="data-querying",
    folders=("streaks", "gauges", "daily", "series"),
    tools=("sqlite3", "head", "grep", "cat"),
    make=make,
    offers=(Table,),
)
