"""Data science: label unknown items by a vote of their nearest neighbours under a weighted integer distance."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Command, Step

THEMES = (
    ("minerals", ("calcite", "dolomite", "gypsum", "quartz"), ("hardness", "density", "gloss", "streak")),
    ("wines", ("barolo", "chianti", "rioja", "syrah"), ("alcohol", "acid", "sugar", "phenols")),
    ("customers", ("frugal", "loyal", "seasonal", "wholesale"), ("visits", "basket", "returns", "tenure")),
    ("signals", ("bearing", "gear", "motor", "pump"), ("peak", "rms", "skew", "slope")),
)
Point = tuple[int, ...]


class Case(NamedTuple):
    name: str
    features: tuple[str, ...]
    weights: tuple[int, ...]
    squared: bool
    neighbours: int
    known: dict[str, tuple[str, Point]]
    asked: dict[str, Point]

    def distance(self, one: Point, other: Point) -> int:
        gaps = [abs(a - b) for a, b in zip(one, other, strict=True)]
        return sum(w * (gap * gap if self.squared else gap) for w, gap in zip(self.weights, gaps, strict=True))

    def nearest(self, point: Point) -> list[tuple[int, str]]:
        ranked = sorted((self.distance(point, other), item) for item, (_, other) in self.known.items())
        return ranked[: self.neighbours]

    def vote(self, nearest: list[tuple[int, str]]) -> tuple[str, int]:
        labels = [self.known[item][0] for _, item in nearest]
        winner = min(labels, key=lambda label: (-labels.count(label), label))
        return winner, labels.count(winner)


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    columns = ",".join(case.features)
    known = [f"{item},{label},{_cells(point)}" for item, (label, point) in case.known.items()]
    asked = [f"{item},{_cells(point)}" for item, point in case.asked.items()]
    return Fragment(
        title=f"Label {case.name} by their nearest neighbours",
        brief=_brief(folder, case),
        files=(
            text_file(f"{folder}/known.csv", "".join(f"{line}\n" for line in [f"item,label,{columns}", *known])),
            text_file(f"{folder}/unknown.csv", "".join(f"{line}\n" for line in [f"query,{columns}", *asked])),
        ),
        steps=_steps(random, folder, case),
        checks=_checks(folder, case),
        outputs=(f"{folder}/neighbours.csv", f"{folder}/votes.csv"),
    )


def _cells(point: Point) -> str:
    return ",".join(map(str, point))


def _drawn(random: Random, level: int) -> Case:
    """Small coordinates, so that distances and votes tie."""
    name, labels, known_features = random.choice(THEMES)
    features = tuple(random.sample(known_features, 1 + level))
    weights = tuple(random.sample(range(2, 7), len(features)))
    prefix = name[0]

    def point() -> Point:
        return tuple(random.randint(0, 9) for _ in features)

    known = {f"{prefix}{n}": (random.choice(labels), point()) for n in random.sample(range(10, 100), 14 + 8 * level)}
    asked = {f"q{number}": point() for number in random.sample(range(10, 100), 5 + 3 * level)}
    return Case(name, features, weights, random.random() < 0.5, random.choice((3, 4, 5)), known, asked)


def _brief(folder: str, case: Case) -> str:
    power = "squared difference" if case.squared else "absolute difference"
    weights = ", ".join(f"{name} {weight}" for name, weight in zip(case.features, case.weights, strict=True))
    return f"""\
`{folder}/known.csv` holds labelled {case.name}, `{folder}/unknown.csv` some without a label. The distance of two items
is the sum over the features of the {power} times the feature's weight ({weights}). The neighbours of a query are the
{case.neighbours} known items with the smallest distance; of equally distant ones that whose name comes first in byte
order is nearer.

- Write `{folder}/neighbours.csv` with the header `query,rank,item,distance`: the neighbours of each query, rank 1
  being the nearest, sorted by query in byte order and by rank.
- Write `{folder}/votes.csv` with the header `query,label,votes`: the label that most of the query's neighbours have
  (of equally frequent ones the first in byte order) and how many have it, sorted by query in byte order."""


def _steps(random: Random, folder: str, case: Case) -> tuple[Step, ...]:
    look = step(
        random,
        (
            "Both tables should have the same features in the same order; I check that first.",
            "I want to see the features and the balance of the labels.",
        ),
        ("Print the heads and count labels.", "Look at the first rows and the label counts."),
        run(f"head {folder}/known.csv {folder}/unknown.csv"),
        run(f"cut -d, -f2 {folder}/known.csv | sort | uniq -c"),
    )
    query = step(
        random,
        (
            "Distances are integers, so SQLite does it exactly: a cross join, ranked by a window function.",
            "A cross join of a few hundred pairs is nothing. ROW_NUMBER with the tie rule as second key gives "
            "ranks, a second window picks the label with most votes.",
        ),
        (
            "Import both files into an in-memory database and write the two results with .once.",
            "Run one sqlite3 session that imports, ranks, votes and writes.",
        ),
        _query(folder, case),
        run(f"head {folder}/neighbours.csv"),
        run(f"cat {folder}/votes.csv"),
    )
    return look, query


def _query(folder: str, case: Case) -> Command:
    terms = [
        f"{weight} * (k.{name} - u.{name}) * (k.{name} - u.{name})"
        if case.squared
        else f"{weight} * abs(k.{name} - u.{name})"
        for name, weight in zip(case.features, case.weights, strict=True)
    ]
    total = "\n        + ".join(terms)
    return Command(
        keystrokes=f"""sqlite3 <<'SQL'
.import --csv {folder}/known.csv known
.import --csv {folder}/unknown.csv unknown
CREATE TABLE pair AS
    SELECT query, item, label, {total} AS distance
    FROM known AS k CROSS JOIN unknown AS u;
CREATE VIEW neighbour AS SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY query ORDER BY distance, item) AS rank FROM pair
) WHERE rank <= {case.neighbours};
CREATE VIEW vote AS SELECT *, row_number() OVER (PARTITION BY query ORDER BY votes DESC, label) AS place FROM (
    SELECT query, label, count(*) AS votes FROM neighbour GROUP BY query, label
);
.headers on
.mode list
.separator ,
.once {folder}/neighbours.csv
SELECT query, rank, item, distance FROM neighbour ORDER BY query, rank;
.once {folder}/votes.csv
SELECT query, label, votes FROM vote WHERE place = 1 ORDER BY query;
SQL
""",
        duration_s=1.0,
    )


def _checks(folder: str, case: Case) -> tuple[Check, ...]:
    neighbours = [["query", "rank", "item", "distance"]]
    votes = [["query", "label", "votes"]]
    for query, point in sorted(case.asked.items()):
        nearest = case.nearest(point)
        neighbours += [[query, str(rank), item, str(far)] for rank, (far, item) in enumerate(nearest, 1)]
        label, count = case.vote(nearest)
        votes.append([query, label, str(count)])
    nearest_only = [row for row in neighbours if row[1] in ("rank", "1")]
    path = f"{folder}/neighbours.csv"
    return (
        Check(
            "nearest",
            f"found = [row for row in table({path!r}) if row[1:2] in (['rank'], ['1'])]\n"
            f"assert found == {literal(nearest_only)}",
        ),
        Check("neighbours", f"assert table({path!r}) == {literal(neighbours)}", 2.0),
        Check("votes", f"assert table({folder + '/votes.csv'!r}) == {literal(votes)}", 2.0),
    )


SKILL = Skill(
    name="data-science/nearest-neighbours",
    domain="data-science",
    folders=("neighbours", "similarity", "lookalikes", "reference-set"),
    tools=("cat", "head", "cut", "sort", "uniq", "sqlite3"),
    make=make,
)
