"""Data querying: views and triggers of an SQL schema no longer keep their promises; the mended ones meet new rows."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged, mend
from termforge.forge.data_querying.dump import inserts
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step


class Words(NamedTuple):
    things: str
    moves: str
    amount: str
    names: tuple[str, ...]


WORDS = (
    Words("items", "moves", "pieces", ("bolt", "hinge", "rail", "crate", "lamp", "valve")),
    Words("tanks", "flows", "litres", ("north", "tower", "cellar", "roof", "yard", "reserve")),
    Words("purses", "bookings", "cents", ("canteen", "travel", "books", "garden", "choir", "repairs")),
)
SCHEMA = """\
CREATE TABLE THINGS (name TEXT PRIMARY KEY, minimum INTEGER NOT NULL);
CREATE TABLE MOVES (id INTEGER PRIMARY KEY, name TEXT NOT NULL, day TEXT NOT NULL, AMOUNT INTEGER NOT NULL);
CREATE TABLE warnings (move INTEGER NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL);

CREATE VIEW levels AS
SELECT THINGS.name, minimum, coalesce(sum(AMOUNT), 0) AS level
FROM THINGS LEFT JOIN MOVES ON MOVES.name = THINGS.name
GROUP BY THINGS.name
ORDER BY THINGS.name;

CREATE VIEW shortages AS
SELECT name, minimum - level AS lacking
FROM levels
WHERE level < minimum
ORDER BY lacking DESC, name;

CREATE VIEW monthly AS
SELECT substr(day, 1, 7) AS month, name,
    sum(CASE WHEN AMOUNT > 0 THEN AMOUNT ELSE 0 END) AS came,
    sum(CASE WHEN AMOUNT < 0 THEN -AMOUNT ELSE 0 END) AS went
FROM MOVES
GROUP BY month, name
ORDER BY month, name;

CREATE TRIGGER not_below_zero BEFORE INSERT ON MOVES
WHEN (SELECT level FROM levels WHERE name = new.name) + new.AMOUNT < 0
BEGIN
    SELECT raise(IGNORE);
END;

CREATE TRIGGER warn AFTER INSERT ON MOVES
WHEN new.AMOUNT < 0 AND (SELECT level < minimum FROM levels WHERE name = new.name)
BEGIN
    INSERT INTO warnings SELECT new.id, new.name, level FROM levels WHERE name = new.name;
END;
"""
FAULTS = (
    ("coalesce(sum(AMOUNT), 0)", "total(AMOUNT)", "the view levels gives real numbers instead of whole ones"),
    ("LEFT JOIN", "INNER JOIN", "the view levels loses names without a row"),
    ("WHERE level < minimum", "WHERE level <= minimum", "a level that equals the minimum is called a shortage"),
    ("substr(day, 1, 7)", "substr(day, 6, 2)", "months of different years fall together"),
    ("ELSE 0 END) AS went", "ELSE AMOUNT END) AS went", "incoming amounts are counted as outgoing, too"),
    ("+ new.AMOUNT < 0", "+ new.AMOUNT <= 0", "a level of exactly zero is refused"),
    ("raise(IGNORE)", "raise(ABORT, 'too little')", "a refused row undoes its whole statement"),
    ("WHEN new.AMOUNT < 0 AND", "WHEN new.AMOUNT <> 0 AND", "warnings are written for incoming amounts as well"),
)
"""What is right, what replaces it, and the cause; AMOUNT and the tables still have no names."""
VIEWS = {
    "levels": ["name", "minimum", "level"],
    "shortages": ["name", "lacking"],
    "monthly": ["month", "name", "came", "went"],
    "warnings": ["move", "name", "level"],
}
"""Their columns."""
Move = tuple[int, str, str, int]


def make(random: Random, setting: Setting) -> Fragment:
    words = random.choice(WORDS)
    schema = f"{setting.folder}/{words.things}.sql"
    faults = random.sample(FAULTS, min(1 + setting.level, 3))
    damages = [Damage(schema, _named(right, words), _named(wrong, words), cause) for right, wrong, cause in faults]
    minima, moves = _draw(random, words)
    rows = _rows(words, minima, moves)
    return Fragment(
        title=f"Mend the views of {words.things}.sql",
        brief=_brief(setting.folder, schema, words),
        files=(
            *damaged([text_file(schema, _named(SCHEMA, words))], damages),
            text_file(f"{setting.folder}/rows.sql", rows),
        ),
        steps=_steps(random, setting.folder, schema, damages),
        checks=_checks(random, setting.folder, schema, words, minima, moves),
        outputs=(schema, *(f"{setting.folder}/{view}.csv" for view in VIEWS)),
    )


def _named(text: str, words: Words) -> str:
    return text.replace("THINGS", words.things).replace("MOVES", words.moves).replace("AMOUNT", words.amount)


def _draw(random: Random, words: Words) -> tuple[dict[str, int], list[Move]]:
    """Rows that meet every rule at its limit, for four names each in another way, and others between."""
    names = random.sample(words.names, 5)
    minima = {name: random.randint(20, 60) for name in names}
    exact, low, empty, twice, _ = names
    fixed = [
        (exact, "2024-03-02", minima[exact] + 7),
        (exact, "2025-03-09", -7),
        (low, "2024-03-11", 12),
        (low, "2024-04-01", 0),
        (empty, "2024-05-20", 30),
        (empty, "2024-05-21", -30),
        (twice, "2024-06-02", 90),
        (twice, "2024-06-05", -91),
        (low, "2025-03-17", -random.randint(1, 9)),
    ]
    for _ in range(random.randint(3, 6)):
        fixed.append((twice, f"2025-{random.randint(1, 9):02d}-{random.randint(10, 28)}", random.randint(-60, 40)))
    return minima, [(number, *move) for number, move in enumerate(fixed, 1)]


def _rows(words: Words, minima: dict[str, int], moves: list[Move]) -> str:
    """All moves in one statement, which a refused row must not undo."""
    values = ",\n".join(map(str, moves))
    return f"{inserts(words.things, minima.items())}INSERT INTO {words.moves} VALUES\n{values};\n"


def _answers(minima: dict[str, int], moves: list[Move]) -> dict[str, list[list[str]]]:
    levels = dict.fromkeys(minima, 0)
    months: dict[tuple[str, str], list[int]] = {}
    warnings = []
    for number, name, day, amount in moves:
        if levels[name] + amount < 0:
            continue
        levels[name] += amount
        month = months.setdefault((day[:7], name), [0, 0])
        month[amount < 0] += abs(amount)
        if amount < 0 and levels[name] < minima[name]:
            warnings.append([str(number), name, str(levels[name])])
    lacking = sorted((levels[name] - minima[name], name) for name in minima if levels[name] < minima[name])
    return {
        "levels": [[name, str(minima[name]), str(levels[name])] for name in sorted(minima)],
        "shortages": [[name, str(-less)] for less, name in lacking],
        "monthly": [[*key, *map(str, months[key])] for key in sorted(months)],
        "warnings": warnings,
    }


def _brief(folder: str, schema: str, words: Words) -> str:
    amount = words.amount
    return f"""\
`{schema}` defines tables, views and triggers for SQLite, but after careless edits not all of them do what they should.
Mend the file in place; names and columns of tables, views and triggers stay. What they should do:

- `levels`: every name in `{words.things}` with its minimum and its level, a whole number: the sum of its `{amount}`
in `{words.moves}` (0 if there is no row), by name.
- `shortages`: the names whose level is below the minimum, with how much is lacking; the most lacking first, equal ones
by name.
- `monthly`: for each month (`YYYY-MM`) and name with rows, the sum of positive `{amount}` as `came` and the sum of
negative ones, without sign, as `went`; by month, then name.
- A new row of `{words.moves}` that would bring a level below 0 is silently skipped; all other rows of the same
statement or script are kept.
- After a new row with negative `{amount}`, if the level is then below the minimum, the table `warnings` gets the row's
id, the name and the level.

Then load the mended schema and after it `{folder}/rows.sql` into a new database and write its `levels`, `shortages`,
`monthly` and `warnings` (the last by `move`) as `{folder}/levels.csv` and so on, each with a header line of its column
names. The mended schema will also be loaded with rows that are not shown here."""


def _steps(random: Random, folder: str, schema: str, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    return (
        step(
            random,
            (
                "Each promise has to be compared with the SQL that should keep it, so I read the schema.",
                "I read views and triggers with the list of promises beside me.",
            ),
            ("Print the schema and the rows.", "Show both files."),
            run(f"cat {schema}"),
            run(f"head -n 30 {folder}/rows.sql"),
        ),
        step(
            random,
            (f"This does not fit: {causes}.", f"Going through the promises one by one I find: {causes}."),
            ("Put these places right and nothing else.", "Replace each of them, then look at the result."),
            mend(damages),
            run(f"grep -n -A 6 -E 'VIEW|TRIGGER' {schema}"),
        ),
        step(
            random,
            (
                "Now the schema can be loaded with the rows and every result saved.",
                "With the mended schema the four results follow from one load each.",
            ),
            ("Load into memory once for each result and show the files.", "Run sqlite3 for each result."),
            run(
                f"for t in {' '.join(VIEWS)}; do sqlite3 -csv -header :memory: '.read {schema}' "
                f"'.read {folder}/rows.sql' \"SELECT * FROM $t\" > {folder}/$t.csv; done",
                1.0,
            ),
            run(f"head -n 20 {folder}/*.csv"),
        ),
    )


def _checks(
    random: Random, folder: str, schema: str, words: Words, minima: dict[str, int], moves: list[Move]
) -> tuple[Check, ...]:
    told = {view: [VIEWS[view], *rows] for view, rows in _answers(minima, moves).items()}
    return (
        Check(
            "saved_results",
            f"for name, rows in {literal(told)}.items():\n    assert table(f'{folder}/{{name}}.csv') == rows, name",
            2.0,
        ),
        _with_new_rows("new_rows", random, schema, words),
        _with_new_rows("more_new_rows", random, schema, words),
    )


def _with_new_rows(name: str, random: Random, schema: str, words: Words) -> Check:
    minima, moves = _draw(random, words)
    rows = _rows(words, minima, moves)
    queries = "".join(f"SELECT '{view}', * FROM {view};\n" for view in VIEWS)
    expected = [",".join((view, *row)) for view, own in _answers(minima, moves).items() for row in own]
    return Check(
        name,
        f"from termforge_grader import run_agent\n"
        f"script = content({schema!r}) + {(chr(10) + rows + queries)!r}\n"
        f"finished = run_agent(['sqlite3', '-batch', '-csv', ':memory:'], stdin=script)\n"
        f"assert finished.stdout.splitlines() == {literal(expected)}",
        3.0,
    )


SKILL = Skill(
    name="data-querying/repair-views",
    domain="data-querying",
    folders=("schema", "views", "ledger-db", "triggers"),
    tools=("sqlite3", "python3", "cat", "head", "grep"),
    make=make,
    repairs=True,
)
