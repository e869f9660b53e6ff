"""Data querying: some of a folder's queries give wrong answers on odd rows; the mended ones are run on another dump."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged, mend
from termforge.forge.data_querying.dump import inserts
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

NAMES = ("Ada", "Bram", "Chloe", "Dai", "Ewa", "Finn", "Gita", "Hugo", "Ines", "Jan")
COURSES = ("pottery", "chess", "sailing", "yoga", "bookbinding")
SCHEMA = """\
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, sponsor INTEGER);
CREATE TABLE courses (id INTEGER PRIMARY KEY, title TEXT NOT NULL, seats INTEGER NOT NULL, fee INTEGER);
CREATE TABLE seats_taken (person INTEGER, course INTEGER NOT NULL, day TEXT NOT NULL, paid INTEGER NOT NULL);
"""


class Rows(NamedTuple):
    people: list[tuple[int, str, int | None]]
    courses: list[tuple[int, str, int, int | None]]
    taken: list[tuple[int | None, int, str, int]]
    """Without a person the seat is taken by a guest."""


class Query(NamedTuple):
    promise: str
    right: str
    part: str
    wrong: str
    """Takes the place of `part`."""
    cause: str
    answer: Callable[[Rows], list[list[str]]]


def _absent(rows: Rows) -> list[list[str]]:
    present = {person for person, *_ in rows.taken}
    return [[name] for number, name, _ in sorted(rows.people, key=lambda one: one[1]) if number not in present]


def _income(rows: Rows) -> list[list[str]]:
    return [
        [
            title,
            str(sum(one[1] == number for one in rows.taken)),
            str(sum(one[3] for one in rows.taken if one[1] == number)),
        ]
        for number, title, _, _ in sorted(rows.courses, key=lambda one: one[1])
    ]


def _full(rows: Rows) -> list[list[str]]:
    counts = [(title, seats, sum(one[1] == number for one in rows.taken)) for number, title, seats, _ in rows.courses]
    return [[title] for title, seats, count in sorted(counts) if count >= seats]


def _sponsors(rows: Rows) -> list[list[str]]:
    names = {number: name for number, name, _ in rows.people}
    ordered = sorted(rows.people, key=lambda one: one[1])
    return [[name, names[sponsor] if sponsor is not None else "-"] for _, name, sponsor in ordered]


def _spring(rows: Rows) -> list[list[str]]:
    days = sorted(day for _, _, day, _ in rows.taken if "2025-03-01" <= day < "2025-06-01")
    return [[month, str(sum(day[:7] == month for day in days))] for month in sorted({day[:7] for day in days})]


def _unpaid(rows: Rows) -> list[list[str]]:
    fees = {number: fee or 0 for number, _, _, fee in rows.courses}
    owing: dict[int, int] = {}
    for person, course, _, paid in rows.taken:
        if person is not None and paid < fees[course]:
            owing[person] = owing.get(person, 0) + fees[course] - paid
    names = {number: name for number, name, _ in rows.people}
    return [[names[person], str(owing[person])] for person in sorted(owing, key=lambda one: names[one])]


QUERIES = {
    "absent": Query(
        "names of the people without a taken seat",
        "SELECT name FROM people\nWHERE NOT EXISTS (SELECT * FROM seats_taken WHERE person = people.id)\n"
        "ORDER BY name;\n",
        "NOT EXISTS (SELECT * FROM seats_taken WHERE person = people.id)",
        "id NOT IN (SELECT person FROM seats_taken)",
        "NOT IN finds nothing as soon as one person is NULL",
        _absent,
    ),
    "income": Query(
        "for every course, also an empty one, its title, how many seats are taken and the sum paid (0 if none)",
        "SELECT title, count(course), coalesce(sum(paid), 0)\n"
        "FROM courses LEFT JOIN seats_taken ON course = courses.id\n"
        "GROUP BY courses.id\nORDER BY title;\n",
        "count(course)",
        "count(*)",
        "count(*) gives an empty course a seat",
        _income,
    ),
    "full": Query(
        "titles of the courses with as many taken seats as they have seats, or more",
        "SELECT title FROM courses\nWHERE seats <= (SELECT count(*) FROM seats_taken WHERE course = courses.id)\n"
        "ORDER BY title;\n",
        "seats <=",
        "seats <",
        "a course is only called full when it is overbooked",
        _full,
    ),
    "sponsors": Query(
        "every person with the name of their sponsor, or `-`",
        "SELECT people.name, coalesce(other.name, '-')\n"
        "FROM people LEFT JOIN people AS other ON other.id = people.sponsor\n"
        "ORDER BY people.name;\n",
        "ON other.id = people.sponsor",
        "ON other.sponsor = people.id",
        "the self-join goes from the sponsor to the sponsored",
        _sponsors,
    ),
    "spring": Query(
        "for each month (`YYYY-MM`) from March to May 2025 with taken seats, their number",
        "SELECT substr(day, 1, 7), count(*) FROM seats_taken\nWHERE day >= '2025-03-01' AND day < '2025-06-01'\n"
        "GROUP BY 1 ORDER BY 1;\n",
        "day < '2025-06-01'",
        "day < '2025-05-31'",
        "the last day of May is left out",
        _spring,
    ),
    "unpaid": Query(
        "people who have paid less than the fee for a seat of theirs (no fee means 0), with all that they still owe; "
        "what somebody paid too much for one seat does not count for another",
        "SELECT name, sum(fee - paid)\n"
        "FROM seats_taken JOIN people ON people.id = person JOIN courses ON courses.id = course\n"
        "WHERE paid < fee\nGROUP BY people.id\nORDER BY name;\n",
        "WHERE paid < fee\nGROUP BY people.id",
        "GROUP BY people.id\nHAVING sum(paid) < sum(fee)",
        "what was paid too much for one seat is set off against another",
        _unpaid,
    ),
}


def make(random: Random, setting: Setting) -> Fragment:
    folder = f"{setting.folder}/queries"
    rows = _draw(random)
    broken = sorted(random.sample(sorted(QUERIES), 2 + setting.level))
    damages = [
        Damage(f"{folder}/{name}.sql", QUERIES[name].part, QUERIES[name].wrong, QUERIES[name].cause) for name in broken
    ]
    healthy = [text_file(f"{folder}/{name}.sql", query.right) for name, query in QUERIES.items()]
    return Fragment(
        title="Mend the course office's queries",
        brief=_brief(setting.folder, folder),
        files=(*damaged(healthy, damages), text_file(f"{setting.folder}/office.sql", _dump(rows))),
        steps=_steps(random, setting.folder, folder, damages),
        checks=_checks(random, folder, broken),
        outputs=tuple(damage.path for damage in damages),
    )


def _draw(random: Random) -> Rows:
    """Every query has a row at its limit: a guest, an empty course, one that is just full or free, both ends of May.

    Names fall while ids rise, so that no order comes by itself.
    """
    names = sorted(random.sample(NAMES, 7), reverse=True)
    numbers = sorted(random.sample(range(10, 90), 7))
    people = [
        (number, name, None if place < 3 else numbers[place - 3])
        for place, (number, name) in enumerate(zip(numbers, names, strict=True))
    ]
    fees = random.sample(range(40, 200, 5), 4)
    taken: list[tuple[int | None, int, str, int]] = []
    days = ["2025-05-31", "2025-06-01", "2025-03-01", "2025-02-28"]
    days += [f"2025-{random.randint(1, 7):02d}-{random.randint(1, 28):02d}" for _ in range(8)]
    for place, day in enumerate(days):
        person, course = numbers[place % 5], 1 + place % 3
        taken.append((person, course, day, random.choice((0, fees[course - 1], fees[course - 1] // 2))))
    taken += [(None, 1, "2025-01-09", fees[0]), (numbers[0], 1, "2025-04-01", 900), (numbers[0], 2, "2025-04-02", 0)]
    taken.append((numbers[1], 4, "2025-04-09", 0))
    titles = sorted(COURSES, reverse=True)
    counts = [sum(course == number for _, course, _, _ in taken) for number in range(1, 6)]
    seats = [counts[0], counts[1] + 1, counts[2] - 1, 4, 9]
    asked = [*fees[:3], None, fees[3]]
    courses = [(number, titles[number - 1], seats[number - 1], asked[number - 1]) for number in range(1, 6)]
    return Rows(people, courses, random.sample(taken, len(taken)))


def _dump(rows: Rows) -> str:
    return (
        SCHEMA + inserts("people", rows.people) + inserts("courses", rows.courses) + inserts("seats_taken", rows.taken)
    )


def _brief(folder: str, queries: str) -> str:
    promises = "\n".join(f"- `{name}.sql`: {query.promise}" for name, query in QUERIES.items())
    return f"""\
The course office answers questions with the files in `{queries}`, one query each for an SQLite database like the one in
the dump `{folder}/office.sql`. A seat taken without a person is a guest's. Some of the queries give wrong answers for
some data. Mend those in place. Each file must hold a single query and give:
{promises}

Columns come in the order in which they are named here, without further ones; rows are sorted by the first column. The
queries will be run on other rows in the same tables."""


def _steps(random: Random, folder: str, queries: str, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(f"{damage.path.rsplit('/', 1)[1]}: {damage.cause}" for damage in damages)
    return (
        step(
            random,
            (
                "I read the queries against their descriptions, and the rows for odd cases: NULLs, empty courses.",
                "What a query gets wrong shows in the odd rows, so I look at data and queries together.",
            ),
            ("Print the dump and every query.", "Show the tables, then all queries."),
            run(f"cat {folder}/office.sql"),
            run(f"tail -n +1 {queries}/*.sql"),
        ),
        step(
            random,
            (f"These are wrong. {causes}.", f"Comparing with the promises: {causes}. The others are right."),
            ("Correct each and run all queries on the dump.", "Mend them, then read all answers."),
            mend(damages),
            run(
                f"for q in {queries}/*.sql; do echo $q; "
                f"sqlite3 -csv :memory: '.read {folder}/office.sql' \".read $q\"; done",
                1.0,
            ),
        ),
    )


def _checks(random: Random, queries: str, broken: list[str]) -> tuple[Check, ...]:
    """One for each broken query; the first also runs those that were right all the time."""
    sound = [name for name in QUERIES if name not in broken]
    return tuple(_on_new_rows(_draw(random), queries, [name, *(sound if name == broken[0] else ())]) for name in broken)


def _on_new_rows(rows: Rows, queries: str, names: list[str]) -> Check:
    answers = {f"{queries}/{name}.sql": [",".join(row) for row in QUERIES[name].answer(rows)] for name in names}
    return Check(
        names[0],
        f"""import re
from termforge_grader import run_agent
dump = {_dump(rows)!r}
for path, rows in {literal(answers)}.items():
    bare = re.sub(r'--.*|/\\*(?s:.*?)\\*/', '', content(path)).strip()
    assert ';' not in bare.removesuffix(';'), f'{{path}} holds more than one statement'
    answer = run_agent(['sqlite3', '-batch', '-csv', ':memory:'], stdin=dump + content(path)).stdout.splitlines()
    assert answer == rows, path""",
        2.0,
    )


SKILL = Skill(
    name="data-querying/repair-queries",
    domain="data-querying",
    folders=("office", "course-db", "answers", "query-book"),
    tools=("sqlite3", "python3", "cat", "tail", "echo"),
    make=make,
    repairs=True,
)
