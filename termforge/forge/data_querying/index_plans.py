"""Data querying: a few indexes are to turn the scans of some queries into searches (sqlite3, EXPLAIN QUERY PLAN)."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step


class Theme(NamedTuple):
    rows: str
    owners: str
    code: str
    columns: tuple[str, ...]


THEMES = (
    Theme("tickets", "teams", "badge", ("queue", "state", "opened", "reporter", "building", "severity")),
    Theme("parcels", "drivers", "licence", ("depot", "status", "weighed", "sender", "route", "shelf")),
    Theme("loans", "members", "card", ("branch", "kind", "due", "title", "genre", "copy")),
    Theme("visits", "doctors", "room", ("clinic", "reason", "day", "patient", "insurer", "ward")),
)


class Query(NamedTuple):
    name: str
    sql: str
    plan: tuple[str, ...]
    """What the plan has to say."""
    indexes: tuple[str, ...]
    """What it needs: table and columns."""


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(THEMES)
    columns = random.sample(theme.columns, len(theme.columns))
    queries = random.sample(_queries(theme, columns)[: 3 + setting.level], 3 + setting.level - (setting.level == 3))
    wanted = list(dict.fromkeys(index for query in queries for index in query.indexes))
    schema, answer = f"{setting.folder}/schema.sql", f"{setting.folder}/indexes.sql"
    defined = text_file(schema, _schema(random, theme, columns))
    asked = text_file(f"{setting.folder}/queries.sql", "".join(_commented(query) for query in queries))
    return Fragment(
        title=f"Index the table {theme.rows}",
        brief=_brief(setting.folder, theme, schema, answer, len(wanted)),
        files=(defined, asked),
        steps=_steps(random, setting.folder, schema, answer, queries, wanted),
        checks=_checks(defined, asked, answer, queries, len(wanted)),
        outputs=(answer,),
    )


def _queries(theme: Theme, columns: list[str]) -> list[Query]:
    """The first two share an index, which must have its columns in the right order."""
    a, b, c, d, e, f = columns
    rows, owners, code = theme.rows, theme.owners, theme.code
    shared = f"{rows} ({a}, {b}, {c})"
    return [
        Query(
            "newest",
            f"SELECT * FROM {rows} WHERE {a} = 'x' AND {b} = 'y' ORDER BY {c} DESC",
            (f"({a}=? AND {b}=?)",),
            (shared,),
        ),
        Query(
            "since",
            f"SELECT * FROM {rows} WHERE {b} = 'y' AND {c} >= 'z' AND {a} = 'x'",
            (f"({a}=? AND {b}=? AND {c}>?)",),
            (shared,),
        ),
        Query("any_case", f"SELECT id FROM {rows} WHERE lower({d}) = 'q'", ("(<expr>=?)",), (f"{rows} (lower({d}))",)),
        Query(
            "owned",
            f"SELECT {rows}.id FROM {owners} JOIN {rows} ON {rows}.owner = {owners}.id WHERE {owners}.{code} = 'k'",
            (f"({code}=?)", "(owner=?)"),
            (f"{owners} ({code})", f"{rows} (owner)"),
        ),
        Query(
            "narrow", f"SELECT {f} FROM {rows} WHERE {e} = 'v'", ("COVERING INDEX", f"({e}=?)"), (f"{rows} ({e}, {f})",)
        ),
        Query(
            "smallest",
            f"SELECT min({f}) FROM {rows} WHERE {d} = 'u'",
            ("COVERING INDEX", f"({d}=?)"),
            (f"{rows} ({d}, {f})",),
        ),
    ]


def _schema(random: Random, theme: Theme, columns: list[str]) -> str:
    listed = ", ".join(f"{column} TEXT NOT NULL" for column in random.sample(columns, len(columns)))
    return f"""\
CREATE TABLE {theme.owners} (id INTEGER PRIMARY KEY, {theme.code} TEXT NOT NULL, phone TEXT);
CREATE TABLE {theme.rows} (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, {listed}, note TEXT);
"""


def _commented(query: Query) -> str:
    return f"-- {query.name}: {' and '.join(query.plan)}\n{query.sql};\n"


def _brief(folder: str, theme: Theme, schema: str, answer: str, count: int) -> str:
    return f"""\
`{schema}` defines the tables `{theme.rows}` and `{theme.owners}` of an SQLite database that has grown slow. The queries
in `{folder}/queries.sql` are those that matter. Write `{answer}`: `CREATE INDEX` statements, at most {count} of them
and nothing else, each index with a name that begins with `ix_`.

When an empty database has been given the schema and then your indexes, `EXPLAIN QUERY PLAN` must show for each query:
- no step that begins with `SCAN`, and no `TEMP B-TREE`;
- each of the texts in the comment above the query, literally as SQLite prints them.

`ANALYZE` is not run, and the queries stay as they are."""


def _steps(
    random: Random, folder: str, schema: str, answer: str, queries: list[Query], wanted: list[str]
) -> tuple[Step, ...]:
    shared = len(wanted) < sum(len(query.indexes) for query in queries)
    thought = (
        "two of the queries can share one index if equality columns come first" if shared else "each needs its own"
    )
    text = "\n".join(f"CREATE INDEX ix_{place} ON {index};" for place, index in enumerate(wanted))
    return (
        step(
            random,
            (
                "Which columns do the queries search, and what indexes are there already? I read both files.",
                "I start with the schema and the queries, comments included.",
            ),
            ("Print schema and queries.", "Show both files."),
            run(f"cat {schema}"),
            run(f"cat {folder}/queries.sql"),
        ),
        step(
            random,
            (
                f"Equality columns go first, then the column of the range or of the order; {thought}.",
                f"An index serves a query if its first columns are compared for equality: {thought}.",
            ),
            ("Write the indexes and let SQLite explain all queries.", "Create them and read the plans."),
            write(answer, text),
            run(
                f"sed 's/^SELECT/EXPLAIN QUERY PLAN SELECT/' {folder}/queries.sql | "
                f"cat {schema} {answer} - | sqlite3 :memory:",
                1.0,
            ),
        ),
    )


EXPLAIN = """
import json
import sqlite3
import sys

schema, indexes, query = json.load(sys.stdin)
database = sqlite3.connect(':memory:')
database.executescript(schema)
database.executescript(indexes)
names = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
print(json.dumps([names, [detail for *_, detail in database.execute('EXPLAIN QUERY PLAN ' + query)]]))
"""
"""As a library SQLite prints nothing that the indexes' file has it say."""


def _checks(schema: File, asked: File, answer: str, queries: list[Query], count: int) -> tuple[Check, ...]:
    """One for each query; the first also looks at what else was written or changed."""
    only = f"""
import re
bare = re.sub(r'--.*|/\\*(?s:.*?)\\*/', '', content({answer!r}))
for statement in filter(None, map(str.strip, bare.split(';'))):
    assert re.match(r'CREATE\\s+(UNIQUE\\s+)?INDEX\\s', statement, re.I), f'{{statement}} creates no index'
assert content({asked.path!r}) == {asked.content.decode()!r}, 'the queries have changed'"""
    return tuple(
        Check(
            query.name,
            f"""from termforge_grader import run_agent
given = [{schema.content.decode()!r}, content({answer!r}), {query.sql!r}]
explained = run_agent(['python3', '-c', {EXPLAIN!r}], stdin=json.dumps(given))
assert explained.returncode == 0, explained.stderr[-500:]
names, plan = json.loads(explained.stdout)
assert 0 < len(names) <= {count} and all(name.startswith('ix_') for name in names), names
for text in {literal(list(query.plan))}:
    assert any(text in line for line in plan), (text, plan)
assert not any('TEMP B-TREE' in line or line.startswith('SCAN') for line in plan), plan"""
            + (only if query is queries[0] else ""),
            2.0,
        )
        for query in queries
    )


SKILL = Skill(
    name="data-querying/index-plans",
    domain="data-querying",
    folders=("slow-queries", "indexing", "tuning", "plans"),
    tools=("sqlite3", "sed", "cat"),
    make=make,
)
