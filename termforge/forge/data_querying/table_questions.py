"""Data querying: a CSV table is imported into SQLite and answers questions by window functions (sqlite3)."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = {
    "auction": ("lot", ("furniture", "maps", "silver", "prints"), "hammer"),
    "races": ("bib", ("junior", "open", "veteran", "relay"), "seconds"),
    "harvest": ("row", ("apple", "pear", "quince", "plum"), "grams"),
    "tickets": ("ticket", ("network", "printer", "account", "phone"), "minutes"),
}


class Asked(NamedTuple):
    table: Table
    key: int
    word: int
    value: int
    top: int
    share: int
    """Percent."""


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _draw(random, setting)
    word, value = random.choice(table.places("word")), random.choice(table.places("money", "whole"))
    asked = Asked(table, table.places("key")[0], word, value, random.choice((2, 3)), _share(random, table, value))
    return Fragment(
        title=f"Rank the rows of {table.path.rsplit('/', 1)[1]}",
        brief=_brief(setting.folder, asked, given=given is not None),
        files=() if given else (text_file(table.path, table.text),),
        steps=_steps(random, setting.folder, asked),
        checks=_checks(setting.folder, asked),
        outputs=tuple(f"{setting.folder}/{name}.csv" for name in ("leaders", "core", "groups")),
    )


def _draw(random: Random, setting: Setting) -> Table:
    """With ties within groups."""
    name = random.choice(sorted(THEMES))
    key, groups, value = THEMES[name]
    values = [random.randint(20, 999) for _ in range(6 + 2 * setting.level)]
    rows = tuple(
        (f"{key[0]}{number}", random.choice(groups), str(random.choice(values)))
        for number in random.sample(range(100, 999), 14 + 8 * setting.level)
    )
    columns = (Column(key, "key"), Column("class", "word"), Column(value, "whole"))
    return Table(f"{setting.folder}/{name}.csv", columns, rows)


def _share(random: Random, table: Table, value: int) -> int:
    """Percent that some beginning just reaches, so that one percent more needs another row."""
    amounts = sorted((int(row[value].replace(".", "")) for row in table.rows), reverse=True)
    return sum(amounts[: random.randint(2, len(amounts) // 2)]) * 100 // sum(amounts)


def _brief(folder: str, asked: Asked, *, given: bool) -> str:
    names = asked.table.header
    key, word, value = names[asked.key], names[asked.word], names[asked.value]
    source = f"`{asked.table.path}`, which another part of this job produces," if given else f"`{asked.table.path}`"
    decimals = _is_money(asked)
    return f"""\
Answer from the table {source} with the columns {", ".join(f"`{name}`" for name in names)}. Sort texts in byte order and
write `{value}` and sums of it {"with exactly two decimals" if decimals else "as whole numbers"}.

- `{folder}/leaders.csv`, header `{word},rank,{key},{value}`: in each `{word}` the rows with one of its {asked.top}
greatest different `{value}`; equal values share a rank and ranks count up without holes (1, 1, 2). Sorted by `{word}`,
rank, `{key}`.
- `{folder}/core.csv`, header `{key},{value},running`: going through all rows from the greatest `{value}` down (equal
ones by `{key}`), the shortest beginning whose sum is at least {asked.share} percent of the sum of all rows, with the
running sum.
- `{folder}/groups.csv`, header `{word},rows,sum,permille`: for each `{word}` its number of rows, its sum, and its share
of the sum of all rows in thousandths, rounded down; sorted by sum, greatest first, equal ones by `{word}`."""


def _is_money(asked: Asked) -> bool:
    return asked.table.columns[asked.value].kind == "money"


def _steps(random: Random, folder: str, asked: Asked) -> tuple[Step, ...]:
    queries = f"{folder}/rank.sql"
    return (
        step(
            random,
            (
                "A look at the table tells which columns are text and which are numbers.",
                "First the header and a few rows, because imported columns are all text.",
            ),
            ("Show the first rows.", "Print the head of the table and count its rows."),
            run(f"head -n 6 {asked.table.path}"),
            run(f"wc -l {asked.table.path}"),
        ),
        step(
            random,
            (
                "The shell of SQLite can import CSV. I cast to whole units in a view, so that no rounding can creep "
                "in, and rank with window functions.",
                "Ranks, running sums and shares are window functions over a view with exact integers.",
            ),
            ("Write import, view and queries as one script; run it and read the results.", "One SQL script does it."),
            run(f"mkdir -p {folder}"),
            write(queries, _queries(folder, asked)),
            run(f"sqlite3 :memory: < {queries}", 1.0),
            run(f"head -n 8 {folder}/leaders.csv {folder}/core.csv {folder}/groups.csv"),
        ),
    )


def _queries(folder: str, asked: Asked) -> str:
    names = asked.table.header
    key, word, value = (f'"{names[place]}"' for place in (asked.key, asked.word, asked.value))
    shown = "printf('%d.%02d', {0} / 100, {0} % 100)" if _is_money(asked) else "{0}"
    return f"""
.import --csv {asked.table.path} given
CREATE VIEW rows AS
SELECT {key} AS key, {word} AS word, CAST(replace({value}, '.', '') AS INTEGER) AS units FROM given;
.mode csv
.headers on
.once {folder}/leaders.csv
SELECT word AS {word}, place AS rank, key AS {key}, {shown.format("units")} AS {value}
FROM (SELECT *, dense_rank() OVER (PARTITION BY word ORDER BY units DESC) AS place FROM rows)
WHERE place <= {asked.top} ORDER BY word, place, key;
.once {folder}/core.csv
SELECT key AS {key}, {shown.format("units")} AS {value}, {shown.format("running")} AS running
FROM (SELECT *, sum(units) OVER (ORDER BY units DESC, key ROWS UNBOUNDED PRECEDING) AS running FROM rows)
WHERE (running - units) * 100 < {asked.share} * (SELECT sum(units) FROM rows) ORDER BY units DESC, key;
.once {folder}/groups.csv
SELECT word AS {word}, count(*) AS rows, {shown.format("sum(units)")} AS sum,
    sum(units) * 1000 / (SELECT sum(units) FROM rows) AS permille
FROM rows GROUP BY word ORDER BY sum(units) DESC, word;
"""


def _checks(folder: str, asked: Asked) -> tuple[Check, ...]:
    rows = [(row[asked.word], row[asked.key], int(row[asked.value].replace(".", ""))) for row in asked.table.rows]
    names = asked.table.header
    key, word, value = names[asked.key], names[asked.word], names[asked.value]
    answers = {
        "leaders": ([word, "rank", key, value], _leaders(asked, rows)),
        "core": ([key, value, "running"], _core(asked, rows)),
        "groups": ([word, "rows", "sum", "permille"], _groups(asked, rows)),
    }
    return tuple(
        Check(
            name,
            f"found = table({f'{folder}/{name}.csv'!r})\nassert found[0] == {header!r}, found[0]\n"
            f"assert found[1:] == {literal(expected)}",
            2.0,
        )
        for name, (header, expected) in answers.items()
    )


def _shown(asked: Asked, units: int) -> str:
    return money(units) if _is_money(asked) else str(units)


def _leaders(asked: Asked, rows: list[tuple[str, str, int]]) -> list[list[str]]:
    found = []
    for word in sorted({row[0] for row in rows}):
        best = sorted({units for own, _, units in rows if own == word}, reverse=True)[: asked.top]
        ranked = sorted(
            (best.index(units) + 1, key, units) for own, key, units in rows if own == word and units in best
        )
        found += [[word, str(rank), key, _shown(asked, units)] for rank, key, units in ranked]
    return found


def _core(asked: Asked, rows: list[tuple[str, str, int]]) -> list[list[str]]:
    total, running, found = sum(row[2] for row in rows), 0, []
    for _, key, units in sorted(rows, key=lambda row: (-row[2], row[1])):
        if running * 100 >= asked.share * total:
            break
        running += units
        found.append([key, _shown(asked, units), _shown(asked, running)])
    return found


def _groups(asked: Asked, rows: list[tuple[str, str, int]]) -> list[list[str]]:
    total = sum(row[2] for row in rows)
    sums: dict[str, list[int]] = {}
    for word, _, units in rows:
        sums.setdefault(word, []).append(units)
    ranked = sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [[word, str(len(own)), _shown(asked, sum(own)), str(sum(own) * 1000 // total)] for word, own in ranked]


SKILL = Skill(
    name="data-querying/table-questions",
    domain="data-querying",
    folders=("ranking", "leaders", "standings", "top-rows"),
    tools=("sqlite3", "mkdir", "head", "wc", "cat"),
    make=make,
    reads=Table,
)
