"""Data science: a preprocessing script lets the test rows leak into training and breaks its own rules; mend it."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged, mend
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step


class Rules(NamedTuple):
    name: str
    key: str
    category: str
    number: str
    modulus: int
    """Rows whose key's number it divides are test rows."""
    rare: int
    """A category with fewer training rows becomes `other`."""


class Row(NamedTuple):
    key: int
    category: str
    number: int | None


THEMES = (
    ("prepare", "sample", "reagent", "dose", ("acid", "base", "salt", "sugar", "ester")),
    ("features", "client", "channel", "spend", ("web", "phone", "store", "fair", "agent")),
    ("preprocess", "trip", "zone", "fare", ("inner", "outer", "port", "airport", "night")),
)


def _source(rules: Rules) -> str:
    return f'''"""Prepare {rules.key} data for the model. The rules are in RULES.md."""

import csv
import sys


def is_test(row):
    return int(row["{rules.key}"]) % {rules.modulus} == 0


def deduplicated(rows):
    kept = {{}}
    for row in rows:
        kept.setdefault(row["{rules.key}"], row)
    return sorted(kept.values(), key=lambda row: int(row["{rules.key}"]))


def fitted(known_rows):
    """What the model may know: the training rows alone."""
    numbers = sorted(int(row["{rules.number}"]) for row in known_rows if row["{rules.number}"])
    names = [row["{rules.category}"] for row in known_rows]
    known = [name for name in sorted(set(names)) if names.count(name) >= {rules.rare}]
    return numbers[0], numbers[-1], numbers[(len(numbers) - 1) // 2], known


def main():
    rows = deduplicated(csv.DictReader(sys.stdin))
    low, high, middle, known = fitted([row for row in rows if not is_test(row)])
    for row in rows:
        number = int(row["{rules.number}"]) if row["{rules.number}"] else middle
        scaled = max(0, min(1000, 1000 * (number - low) // (high - low)))
        name = row["{rules.category}"] if row["{rules.category}"] in known else "other"
        print(row["{rules.key}"], "test" if is_test(row) else "train", scaled, name, sep=",")


main()
'''


def _damages(rules: Rules, path: str) -> tuple[Damage, ...]:
    return (
        Damage(
            path,
            "fitted([row for row in rows if not is_test(row)])",
            "fitted(rows)",
            "minimum, maximum, median and categories are fitted on all rows, so the test rows leak into them",
        ),
        Damage(
            path,
            f'kept.setdefault(row["{rules.key}"], row)',
            f'kept[row["{rules.key}"]] = row',
            "a repeated key overwrites the earlier row where the first one must stay",
        ),
        Damage(
            path,
            f"names.count(name) >= {rules.rare}]",
            f"names.count(name) > {rules.rare}]",
            "the threshold for rare categories is off by one",
        ),
        Damage(
            path,
            "else middle\n",
            "else 0\n",
            "missing numbers become 0 instead of the median",
        ),
        Damage(
            path,
            "max(0, min(1000, 1000 * (number - low) // (high - low)))",
            "max(0, 1000 * (number - low) // (high - low))",
            "scaled values of test rows above the training range are not clipped",
        ),
        Damage(
            path,
            f'key=lambda row: int(row["{rules.key}"]))',
            f'key=lambda row: row["{rules.key}"])',
            "keys are sorted as text, so 100 comes before 20",
        ),
        Damage(
            path,
            "(len(numbers) - 1) // 2]",
            "len(numbers) // 2]",
            "of two middle numbers the greater is taken as median",
        ),
    )


def make(random: Random, setting: Setting) -> Fragment:
    name, key, category, number, names = random.choice(THEMES)
    rules = Rules(name, key, category, number, random.choice((3, 4, 5)), random.choice((2, 3)))
    path, folder = f"{setting.folder}/{name}.py", setting.folder
    damages = random.sample(_damages(rules, path), setting.level)
    sample = _drawn(random, rules, names, 2)
    return Fragment(
        title=f"Repair the leaky {name}.py",
        brief=_brief(folder, path),
        files=(
            *damaged([text_file(path, _source(rules))], damages),
            text_file(f"{folder}/RULES.md", _manual(rules)),
            text_file(f"{folder}/example.csv", "".join(f"{line}\n" for line in _csv(rules, sample))),
            text_file(f"{folder}/example.out", "".join(f"{line}\n" for line in _prepared(rules, sample))),
        ),
        steps=_steps(random, folder, path, damages),
        checks=tuple(
            _check(f"unseen_rows_{place}", path, rules, [_drawn(random, rules, names, spare) for spare in (2, 3)])
            for place in (1, 2, 3)
        ),
        outputs=(path,),
    )


def _drawn(random: Random, rules: Rules, names: tuple[str, ...], spare: int) -> list[Row]:
    """Each rule decides something: extremes and a category only among test rows, as many training numbers as make
    the median a matter of the rule (even for a spare of 2, odd for 3),
    a category just frequent enough, a key that occurs again, keys with two and three digits."""
    numbers = random.sample(range(20, 160), 16)
    tests = [rules.modulus * (place + 7) for place in range(5)]
    tests.append(rules.modulus * 40)
    trains = [number for number in numbers if number % rules.modulus] + [161, 11]
    trains = [number for number in dict.fromkeys(trains) if number % rules.modulus]
    frequent, edge, rare, unseen, _ = random.sample(names, 5)
    values = random.sample(range(200, 800), len(trains))
    rows = [Row(key, frequent, value) for key, value in zip(trains, values, strict=True)]
    for place in range(rules.rare):
        rows[place] = rows[place]._replace(category=edge)
    rows[rules.rare] = rows[rules.rare]._replace(category=rare)
    present = len(rows) - len(rows) % 2 - spare
    rows = [row if place < present else row._replace(number=None) for place, row in enumerate(rows)]
    extremes = (random.randint(10, 150), random.randint(850, 990), None)
    rows += [Row(key, rare, number) for key, number in zip(tests[:3], extremes, strict=True)]
    rows += [Row(key, unseen, random.randint(300, 700)) for key in tests[3:]]
    rows = random.sample(rows, len(rows))
    again = rows[random.randint(0, 3)]
    return [*rows, again._replace(category=frequent if again.category != frequent else edge, number=500)]


def _csv(rules: Rules, rows: list[Row]) -> list[str]:
    cells = [f"{row.key},{row.category},{'' if row.number is None else row.number}" for row in rows]
    return [f"{rules.key},{rules.category},{rules.number}", *cells]


def _prepared(rules: Rules, rows: list[Row]) -> list[str]:
    first: dict[int, Row] = {}
    for row in rows:
        first.setdefault(row.key, row)
    train = [row for row in first.values() if row.key % rules.modulus]
    numbers = sorted(row.number for row in train if row.number is not None)
    names = [row.category for row in train]
    low, high, middle = numbers[0], numbers[-1], numbers[(len(numbers) - 1) // 2]
    lines = []
    for key in sorted(first):
        row = first[key]
        value = middle if row.number is None else row.number
        scaled = max(0, min(1000, 1000 * (value - low) // (high - low)))
        name = row.category if names.count(row.category) >= rules.rare else "other"
        lines.append(f"{key},{'train' if key % rules.modulus else 'test'},{scaled},{name}")
    return lines


def _manual(rules: Rules) -> str:
    return f"""\
# {rules.name}.py

Reads CSV with the header `{rules.key},{rules.category},{rules.number}` from standard input. `{rules.key}` is a positive
integer, `{rules.number}` an integer or empty.

1. Of rows with the same `{rules.key}` the first stays. Rows are put in numerical order of `{rules.key}`.
2. A row is a test row if `{rules.key}` is divisible by {rules.modulus}, else a training row.
3. Whatever is learnt is learnt from the training rows alone: the lowest, the highest and the median `{rules.number}`
   (of two middle ones the smaller; missing ones left out) and the known categories, which are those that at least
   {rules.rare} training rows have.
4. Each row is printed as `{rules.key},part,scaled,category` without a header: part is `test` or `train`; scaled is
   1000 x ({rules.number} - lowest) / (highest - lowest), rounded down and then clipped to 0 to 1000, a missing
   `{rules.number}` being replaced by the median; a category that is not known is printed as `other`.
"""


def _brief(folder: str, path: str) -> str:
    return f"""\
A model did far better in the evaluation than it does now, and `{path}`, which prepares its data, is suspected:
somebody changed it and it no longer follows `{folder}/RULES.md`. Find out where and repair the script in place.
`{folder}/example.csv` is an input, `{folder}/example.out` what has to come out for it. It will be run with `python3` on
standard input that is not shown here."""


def _steps(random: Random, folder: str, path: str, damages: list[Damage]) -> tuple[Step, ...]:
    compare = run(f"python3 {path} < {folder}/example.csv | diff {folder}/example.out -", 1.0)
    causes = "; ".join(damage.cause for damage in damages)
    read = step(
        random,
        (
            "Leakage shows where something is fitted, so I read the rules and then the script with that in mind.",
            "I read rules and code side by side before I run anything.",
        ),
        ("Print rules and script.", "Read both files."),
        run(f"cat {folder}/RULES.md"),
        run(f"cat {path}"),
    )
    fix = step(
        random,
        (f"Against the rules I find: {causes}.", f"The code departs from RULES.md: {causes}."),
        ("Show it on the example, mend it, and compare again.", "Diff the example, mend, and repeat the diff."),
        compare,
        mend(damages),
        compare,
    )
    return read, fix


def _check(name: str, path: str, rules: Rules, inputs: list[list[Row]]) -> Check:
    pairs = [(_csv(rules, rows), _prepared(rules, rows)) for rows in inputs]
    return Check(
        name,
        f"for rows, prepared in {literal(pairs)}:\n"
        f"    assert output_of({path!r}, '\\n'.join(rows) + '\\n') == prepared",
    )


SKILL = Skill(
    name="data-science/leaky-pipeline",
    domain="data-science",
    folders=("pipeline", "preprocessing", "leakage", "holdout"),
    tools=("cat", "python3", "diff"),
    make=make,
    repairs=True,
)
