"""Data science: an A/B test is summarised exactly: clean cohorts, rates as fractions, differences to the control."""

from collections import Counter
from fractions import Fraction
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("checkout", "u", ("control", "one-page", "express", "guest")),
    ("newsletter", "s", ("plain", "emoji", "question", "personal")),
    ("onboarding", "m", ("tour", "checklist", "video", "none")),
    ("pricing", "c", ("monthly", "anchor", "yearly", "bundle")),
)


class Case(NamedTuple):
    name: str
    variants: tuple[str, ...]
    """The control first."""
    exposures: list[tuple[str, str]]
    """User and variant, with repeats."""
    conversions: list[str]

    @property
    def mixed(self) -> list[str]:
        variants = Counter(user for user, _ in set(self.exposures))
        return sorted(user for user, count in variants.items() if count > 1)

    def cohort(self, variant: str) -> list[str]:
        return sorted({user for user, shown in self.exposures if shown == variant} - set(self.mixed))

    def rate(self, variant: str) -> Fraction:
        cohort = self.cohort(variant)
        return Fraction(sum(user in self.conversions for user in cohort), len(cohort))


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    mixed = Lines(f"{folder}/mixed.txt", tuple(case.mixed))
    shown = "".join(f"{user},{variant}\n" for user, variant in case.exposures)
    return Fragment(
        title=f"Summarise the {case.name} experiment",
        brief=_brief(folder, case),
        files=(
            text_file(f"{folder}/exposures.csv", f"user,variant\n{shown}"),
            text_file(f"{folder}/conversions.txt", "".join(f"{user}\n" for user in case.conversions)),
        ),
        steps=_steps(random, folder, case),
        checks=_checks(folder, case, mixed),
        outputs=(mixed.path, f"{folder}/summary.csv"),
        offers=(mixed,),
    )


def _drawn(random: Random, level: int) -> Case:
    """Users of several variants, repeated exposures and conversions, and conversions of nobody who was exposed."""
    name, prefix, arms = random.choice(THEMES)
    variants = (arms[0], *random.sample(arms[1:], level))
    users = [f"{prefix}{number}" for number in random.sample(range(1000, 10000), 36 + 20 * level)]
    mixed, clean = users[: 8 + level], users[8 + level :]
    exposures = [(user, variants[place % len(variants)]) for place, user in enumerate(clean)]
    exposures += random.sample(exposures, 6)
    exposures += [(user, variant) for user in mixed for variant in random.sample(variants, 2)]
    chances = {variant: random.randint(20, 70) for variant in variants}
    conversions = [user for user, variant in exposures[: len(clean)] if random.randint(1, 100) <= chances[variant]]
    conversions += random.sample(conversions, 4) + mixed[:3]
    conversions += [f"{prefix}{number}" for number in random.sample(range(100, 1000), 3)]
    return Case(name, variants, random.sample(exposures, len(exposures)), random.sample(conversions, len(conversions)))


def _brief(folder: str, case: Case) -> str:
    return f"""\
`{folder}/exposures.csv` (`user,variant`) says which variant of the {case.name} test a user was shown,
`{folder}/conversions.txt` who converted, a user a line; both may repeat themselves. Users who were shown more than one
variant take no part in the summary.

- Write `{folder}/mixed.txt`: the users who were shown more than one variant, each once, one a line, in byte order.
- Write `{folder}/summary.csv` with the header `variant,users,converted,rate,difference`, a row for each variant in byte
  order. `users` are the different users of the variant who take part, `converted` those of them who converted, `rate`
  is converted/users as a fraction in lowest terms such as `3/8`, and `difference` is the rate minus that of
  `{case.variants[0]}`, again in lowest terms with a positive denominator (`-1/12`; zero is `0/1`)."""


def _steps(random: Random, folder: str, case: Case) -> tuple[Step, ...]:
    look = step(
        random,
        (
            "Rates are worthless if cohorts overlap, so I look at the variants and at repeats first.",
            "How large are the cohorts, and how often is the same user listed?",
        ),
        ("Count exposures by variant and look at both files.", "Tabulate, then peek at the files."),
        run(f"head {folder}/exposures.csv {folder}/conversions.txt"),
        run(f"tail -n +2 {folder}/exposures.csv | cut -d, -f2 | sort | uniq -c"),
    )
    clean = step(
        random,
        (
            "After removing repeated lines, a user that still occurs twice was shown two variants. join -v then "
            "leaves the clean cohorts.",
            "sort -u makes exposures distinct; uniq -d on the users finds the mixed ones, join -v 1 drops them.",
        ),
        ("Build the distinct sets, list mixed users, take them out.", "Find mixed users and make clean cohorts."),
        run(f"tail -n +2 {folder}/exposures.csv | sort -u > /tmp/shown"),
        run(f"cut -d, -f1 /tmp/shown | uniq -d > {folder}/mixed.txt"),
        run(f"join -t, -v 1 /tmp/shown {folder}/mixed.txt > /tmp/cohorts"),
        run(f"sort -u {folder}/conversions.txt > /tmp/converted"),
        run(f"wc -l /tmp/shown /tmp/cohorts {folder}/mixed.txt"),
    )
    summarise = step(
        random,
        (
            "Converted users are an intersection for each variant, which comm gives. bc reduces the fractions.",
            "comm -12 counts who converted; exact fractions need a greatest common divisor, short in bc.",
        ),
        ("Write the loop over variants as a script, run it, read the table.", "Script it with comm and bc."),
        write("/tmp/summary.sh", _script(folder, case)),
        run("bash /tmp/summary.sh", 1.0),
        run(f"cat {folder}/summary.csv"),
    )
    return look, clean, summarise


def _script(folder: str, case: Case) -> str:
    return f"""
cohort() {{ awk -F, -v v="$1" '$2 == v {{print $1}}' /tmp/cohorts; }}
converted() {{ cohort "$1" | comm -12 - /tmp/converted | wc -l; }}
lowest() {{
    echo "define g(a, b) {{ if (b == 0) return a; return g(b, a % b); }}
    n = $1; d = $2; c = g(n, d); if (c < 0) c = -c; n / c; d / c" | bc | paste -s -d /
}}
base={case.variants[0]}
users=$(cohort $base | wc -l)
hits=$(converted $base)
echo variant,users,converted,rate,difference > {folder}/summary.csv
for variant in $(cut -d, -f2 /tmp/cohorts | sort -u); do
    n=$(cohort $variant | wc -l)
    k=$(converted $variant)
    gap=$(lowest $((k * users - hits * n)) $((n * users)))
    echo "$variant,$n,$k,$(lowest $k $n),$gap" >> {folder}/summary.csv
done
"""


def _checks(folder: str, case: Case, mixed: Lines) -> tuple[Check, ...]:
    rows, control = [], case.rate(case.variants[0])
    for variant in sorted(case.variants):
        cohort = case.cohort(variant)
        converted = sum(user in case.conversions for user in cohort)
        fractions = [case.rate(variant), case.rate(variant) - control]
        shown = [f"{value.numerator}/{value.denominator}" for value in fractions]
        rows.append([variant, str(len(cohort)), str(converted), *shown])
    header = ["variant", "users", "converted", "rate", "difference"]
    path = f"{folder}/summary.csv"
    return (
        Check("mixed_users", f"assert lines({mixed.path!r}) == {literal(list(mixed.lines))}"),
        Check(
            "cohorts", f"assert [row[:3] for row in table({path!r})] == {literal([header[:3], *(r[:3] for r in rows)])}"
        ),
        Check("summary", f"assert table({path!r}) == {literal([header, *rows])}", 2.0),
    )


SKILL = Skill(
    name="data-science/experiment-summary",
    domain="data-science",
    folders=("experiment", "ab-test", "variants", "conversion"),
    tools=("cat", "head", "tail", "cut", "sort", "uniq", "join", "comm", "wc", "awk", "bc", "paste", "bash"),
    make=make,
    offers=(Lines,),
)
