"""Software engineering: pin every package to the highest version that all manifests allow, and report who disagrees."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

PACKAGES = ("amber", "birch", "clay", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "kelp", "loam")
APPS = ("api", "batch", "console", "worker", "mailer")
Version = tuple[int, int, int]


class Constraint(NamedTuple):
    package: str
    operator: str
    bound: Version

    def allows(self, version: Version) -> bool:
        order = (version > self.bound) - (version < self.bound)
        return {">=": order >= 0, "<": order < 0, "!=": order != 0, "==": order == 0}[self.operator]


class Market(NamedTuple):
    available: dict[str, list[Version]]
    """Ascending."""
    wants: dict[str, list[Constraint]]
    """By application; several of one package make a line."""


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    market = _drawn(random, setting.level)
    index = [f"{name} {_text(version)}" for name, versions in market.available.items() for version in versions]
    pins, conflicts = _resolved(market)
    columns = (Column("pin", "key"), Column("newest", "word"), Column("manifests", "whole"))
    lock = Table(f"{folder}/lock.csv", columns, tuple(pins))
    return Fragment(
        title="A lock file for all applications",
        brief=_brief(folder),
        files=(
            text_file(f"{folder}/index.txt", "".join(f"{line}\n" for line in random.sample(index, len(index)))),
            *(text_file(f"{folder}/manifests/{app}.req", _manifest(app, wants)) for app, wants in market.wants.items()),
        ),
        steps=_steps(random, folder),
        checks=_checks(folder, lock, conflicts),
        outputs=(lock.path, f"{folder}/conflicts.txt"),
        offers=(lock,),
    )


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _drawn(random: Random, level: int) -> Market:
    """Bounds are available versions, so that every comparison is met with equality; two packages cannot be had."""
    names = random.sample(PACKAGES, 10 + level // 2)
    available = {name: sorted({_version(random) for _ in range(7)}) for name in names}
    wants: dict[str, list[Constraint]] = {app: [] for app in random.sample(APPS, 2 + level)}
    apps = list(wants)
    for place, name in enumerate(names):
        versions = available[name]
        first, last = versions[1], versions[-1 - place % 2]
        for app in random.sample(apps, random.randint(1, len(apps) - 1)) or apps[:1]:
            wants[app].append(Constraint(name, ">=", first))
        wants[apps[place % len(apps)]] += [
            Constraint(name, "<", last),
            Constraint(name, "!=", versions[-2 - place % 2]),
        ]
    for name, app in zip(names[:2], apps, strict=False):
        wants[app].append(Constraint(name, "==", available[name][0]))
    return Market(available, {app: sorted(own, key=lambda want: want.package) for app, own in wants.items()})


def _version(random: Random) -> Version:
    return random.randint(0, 3), random.choice((0, 2, 9, 10, 11)), random.choice((0, 1, 9, 12))


def _manifest(app: str, wants: list[Constraint]) -> str:
    lines = [f"# what {app} needs"]
    for name in dict.fromkeys(want.package for want in wants):
        own = [f"{want.operator}{_text(want.bound)}" for want in wants if want.package == name]
        lines.append(f"{name} {','.join(own)}")
    return "".join(f"{line}\n" for line in lines)


def _resolved(market: Market) -> tuple[list[tuple[str, str, str]], list[str]]:
    pins, conflicts = [], []
    for name in sorted(market.available):
        asking = {app: [want for want in own if want.package == name] for app, own in market.wants.items()}
        asking = {app: own for app, own in sorted(asking.items()) if own}
        wants = [want for own in asking.values() for want in own]
        fitting = [one for one in market.available[name] if all(want.allows(one) for want in wants)]
        if fitting:
            newest = "yes" if fitting[-1] == market.available[name][-1] else "no"
            pins.append((f"{name}=={_text(fitting[-1])}", newest, str(len(asking))))
        else:
            conflicts.append(f"{name}: {' '.join(asking)}")
    return pins, conflicts


def _brief(folder: str) -> str:
    return f"""\
`{folder}/index.txt` lists what can be installed as `<package> <version>`, in no order. Each `{folder}/manifests/*.req`
is an application's list of lines `<package> <constraint>,<constraint>...`; lines that start with `#` do not count. A
constraint is `>=`, `<`, `!=` or `==` and a version. Versions have three whole numbers, compared one after the other as
numbers (1.10.0 is above 1.9.12). Every package of the index is needed by at least one manifest. Write:
- `{folder}/lock.csv`, header `pin,newest,manifests`: for each package that has a version which all constraints of all
  manifests allow, `<package>==<version>` with the highest such version, `yes` or `no` for whether the index has no
  higher version of it, and the number of manifests that name the package. Sorted by package.
- `{folder}/conflicts.txt`: for each other package `<package>: <application> <application>...`, the manifests (without
  `.req`), in byte order, that name it. Sorted by package."""


def _steps(random: Random, folder: str) -> tuple[Step, ...]:
    program = """
function value(version,  part) {
    split(version, part, ".")
    return part[1] * 1000000 + part[2] * 1000 + part[3]
}
function allowed(version, constraint,  operator, bound) {
    operator = constraint
    sub(/[0-9.]+$/, "", operator)
    bound = value(substr(constraint, length(operator) + 1))
    if (operator == ">=") return value(version) >= bound
    if (operator == "<") return value(version) < bound
    if (operator == "!=") return value(version) != bound
    return value(version) == bound
}
/^#/ { next }
FILENAME ~ /[.]req$/ {
    app = FILENAME
    gsub(/.*[/]|[.]req$/, "", app)
    apps[$1] = apps[$1] " " app
    wanted[$1] = wanted[$1] "," $2
    next
}
{
    if (!($1 in newest) || value($2) > value(newest[$1])) newest[$1] = $2
    count = split(substr(wanted[$1], 2), constraints, ",")
    fits = count
    for (i in constraints) fits -= allowed($2, constraints[i])
    if (fits == 0 && (!($1 in best) || value($2) > value(best[$1]))) best[$1] = $2
}
END {
    for (name in newest) {
        if (name in best) {
            state = best[name] == newest[name] ? "yes" : "no"
            print name "==" best[name] "," state "," split(apps[name], ignored, " ") | "sort -t = -k 1,1 >> lock.csv"
        } else {
            print name ":" apps[name] | "sort > conflicts.txt"
        }
    }
}
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "I want to see one manifest and the versions of a package in their true order.",
                    "Before resolving anything I look at the constraints, and at how sort -V orders versions.",
                )
            ),
            plan=random.choice(("Print the manifests, sort the index.", "cat manifests, sort -V the index.")),
            commands=(
                run(f"head -n 4 {folder}/manifests/*.req"),
                run(f"sort -V {folder}/index.txt | head -n 12"),
                run(f"cut -d ' ' -f 1 {folder}/index.txt | sort | uniq -c"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "With versions turned into one number each, awk can test every constraint: manifests first, in "
                    "byte order of their names, then the index.",
                    "Reading the manifests before the index lets awk judge each version as it comes; the highest "
                    "that fits stays.",
                )
            ),
            plan=random.choice(
                ("Type resolve.awk, run it over all files, read the lock.", "Write, run, and look at both reports.")
            ),
            commands=(
                write(f"{folder}/resolve.awk", program),
                run(f"cd {folder} && echo pin,newest,manifests > lock.csv"),
                run("awk -f resolve.awk manifests/*.req index.txt; cd /app", 1.0),
                run(f"cat {folder}/lock.csv {folder}/conflicts.txt"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Pins and conflicts together must be as many as packages in the index.",
                    "Each package of the index has to be in exactly one of the two files.",
                )
            ),
            plan=random.choice(("Compare the names of both with comm.", "Join both lists against the index.")),
            commands=(
                run(
                    f"comm -23 <(cut -d ' ' -f 1 {folder}/index.txt | sort -u) "
                    f"<(tail -n +2 {folder}/lock.csv | sed 's/=.*//' | sort)"
                ),
            ),
        ),
    )


def _checks(folder: str, lock: Table, conflicts: list[str]) -> tuple[Check, ...]:
    pins = [row[0] for row in lock.rows]
    counts = {row[0].partition("=")[0]: row[2] for row in lock.rows}
    return (
        Check("lock", f"assert table({lock.path!r}) == {literal([lock.header, *map(list, lock.rows)])}", 2.0),
        Check("pins", f"assert sorted(row[0] for row in table({lock.path!r})[1:]) == {literal(pins)}", 2.0),
        Check(
            "manifests",
            f"rows = table({lock.path!r})[1:]\n"
            f"assert {{row[0].partition('=')[0]: row[-1] for row in rows}} == {literal(counts)}",
        ),
        Check("conflicts", f"assert lines({folder + '/conflicts.txt'!r}) == {conflicts!r}", 2.0),
    )


SKILL = Skill(
    name="software-engineering/lock-versions",
    domain="software-engineering",
    folders=("lockfile", "resolver", "pins", "constraints"),
    tools=("head", "sort", "cut", "uniq", "awk", "cat", "tail", "sed", "comm"),
    make=make,
    offers=(Table,),
)
