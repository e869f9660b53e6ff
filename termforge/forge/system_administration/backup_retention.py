"""System administration: which backups stay under a grandfather-father-son scheme, answered with SQL."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SOURCES = ("db", "home", "mail", "web", "git", "wiki")


class Backup(NamedTuple):
    name: str
    source: str
    day: date
    clock: str
    state: str
    megabytes: int

    def period(self, reason: str) -> date:
        """The first day of the day, week or month that it belongs to."""
        days = {"daily": 0, "weekly": self.day.weekday(), "monthly": self.day.day - 1}
        return self.day - timedelta(days=days[reason])


class Scheme(NamedTuple):
    backups: list[Backup]
    catalog: str
    """Name of the file that lists them."""
    daily: int
    weekly: int
    monthly: int

    def kept(self) -> dict[str, str]:
        """Reasons by name, joined as in the report."""
        reasons: dict[str, str] = {}
        for source in sorted({backup.source for backup in self.backups}):
            good = [b for b in self.backups if b.source == source and b.state == "ok"]
            good.sort(key=lambda backup: (backup.day, backup.clock), reverse=True)
            for reason, count in (("daily", self.daily), ("weekly", self.weekly), ("monthly", self.monthly)):
                newest: dict[date, str] = {}
                for backup in good:
                    newest.setdefault(backup.period(reason), backup.name)
                for name in list(newest.values())[:count]:
                    reasons[name] = f"{reasons[name]}+{reason}" if name in reasons else reason
        return dict(sorted(reasons.items()))

    def freed(self, kept: dict[str, str]) -> list[list[str]]:
        rows = []
        for source in sorted({backup.source for backup in self.backups}):
            gone = [b for b in self.backups if b.source == source and b.name not in kept]
            rows.append([source, str(len(gone)), str(sum(backup.megabytes for backup in gone))])
        return rows


def make(random: Random, setting: Setting) -> Fragment:
    scheme = _drawn(random, setting.level)
    folder = setting.folder
    rows = [f"{b.name},{b.source},{b.day} {b.clock},{b.state},{b.megabytes}\n" for b in scheme.backups]
    keep = Lines(f"{folder}/keep.txt", tuple(kept := scheme.kept()))
    return Fragment(
        title="Decide which backups stay",
        brief=_brief(folder, scheme),
        files=(text_file(f"{folder}/{scheme.catalog}", "name,source,taken,state,megabytes\n" + "".join(rows)),),
        steps=_steps(random, folder, scheme),
        checks=_checks(folder, scheme, kept),
        outputs=(keep.path, f"{folder}/reasons.csv", f"{folder}/freed.csv"),
        offers=(keep,),
    )


def _drawn(random: Random, level: int) -> Scheme:
    """Days around the turn of a year, some with two backups, some without a good one."""
    last = date(random.choice((2024, 2025)), 1, random.randint(3, 28))
    backups = []
    for source in random.sample(SOURCES, 1 + level):
        for age in sorted(random.sample(range(75), 18 + 2 * level)):
            for clock in random.sample(("01:30", "13:30", "22:00"), random.choice((1, 1, 1, 2))):
                day = last - timedelta(days=age)
                state = "failed" if random.random() < 0.15 else "ok"
                name = f"{source}-{day:%Y%m%d}-{clock.replace(':', '')}"
                backups.append(Backup(name, source, day, clock, state, random.randint(20, 900)))
    daily, weekly, monthly = random.randint(3, 6), random.randint(2, 5), random.choice((2, 3))
    return Scheme(
        random.sample(backups, len(backups)),
        random.choice(("catalog", "backups", "inventory")) + ".csv",
        daily,
        weekly,
        monthly,
    )


def _brief(folder: str, scheme: Scheme) -> str:
    return f"""\
`{folder}/{scheme.catalog}` lists backups: name, source, time taken, state, megabytes. For each source on its own, these
stay, only those in state `ok` being considered:
- `daily`: the newest backup of each of the {scheme.daily} latest days that have one;
- `weekly`: the newest of each of the {scheme.weekly} latest weeks (Monday to Sunday) that have one;
- `monthly`: the newest of each of the {scheme.monthly} latest calendar months that have one.

A backup may stay for several reasons. Write `{folder}/keep.txt` with the names of those that stay, one a line, sorted
in byte order; `{folder}/reasons.csv` with the header `name,reasons` and a row for each of them in the same order, its
reasons joined by `+` in the order daily, weekly, monthly; and `{folder}/freed.csv` with the header
`source,backups,megabytes`: per source, sorted, the number and size of all backups that do not stay, failed ones
included (0 if there are none)."""


def _queries(folder: str, scheme: Scheme) -> str:
    return f"""
.mode csv
.import {folder}/{scheme.catalog} catalog
CREATE TABLE good AS SELECT name, source, taken, date(taken) AS day, date(taken, '-6 days', 'weekday 1') AS week,
    strftime('%Y-%m', taken) AS month FROM catalog WHERE state = 'ok';
CREATE TABLE periods AS
    SELECT 1 AS place, 'daily' AS reason, {scheme.daily} AS most, name, source, taken, day AS period FROM good UNION ALL
    SELECT 2, 'weekly', {scheme.weekly}, name, source, taken, week FROM good UNION ALL
    SELECT 3, 'monthly', {scheme.monthly}, name, source, taken, month FROM good;
CREATE TABLE kept AS SELECT name, reason, place FROM (
    SELECT *, row_number() OVER (PARTITION BY reason, source, period ORDER BY taken DESC) AS within,
        dense_rank() OVER (PARTITION BY reason, source ORDER BY period DESC) AS latest FROM periods)
    WHERE within = 1 AND latest <= most;
.output {folder}/reasons.lines
SELECT name || ',' || group_concat(reason, '+') FROM (SELECT * FROM kept ORDER BY name, place)
    GROUP BY name ORDER BY name;
.output {folder}/freed.lines
SELECT source, sum(gone), sum(gone * megabytes) FROM (
    SELECT *, name NOT IN (SELECT name FROM kept) AS gone FROM catalog) GROUP BY source ORDER BY source;
"""


def _steps(random: Random, folder: str, scheme: Scheme) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "I look at the catalog: sources, states, and days with more than one backup.",
                "How many backups are there per source and state? That shows what the scheme will meet.",
            )
        ),
        plan=random.choice(("Show some rows and count by source and state.", "Print the head and the counts.")),
        commands=(
            run(f"head -n 5 {folder}/{scheme.catalog}"),
            run(f"tail -n +2 {folder}/{scheme.catalog} | cut -d, -f2,4 | sort | uniq -c"),
        ),
    )
    decide = Step(
        analysis=random.choice(
            (
                "Newest per period and latest periods are two window functions in SQL. The Monday of a week is "
                "date(taken, '-6 days', 'weekday 1').",
                "SQLite reads the CSV directly. row_number picks the newest of a period, dense_rank counts the periods "
                "back, and a week that spans the turn of the year needs its Monday as the key.",
            )
        ),
        plan=random.choice(("Save the queries and run them in memory.", "Write the SQL, run it, add the headers.")),
        commands=(
            write(f"{folder}/retention.sql", _queries(folder, scheme)),
            run(f"sqlite3 :memory: < {folder}/retention.sql", 1.0),
            run(f"echo name,reasons > {folder}/reasons.csv"),
            run(f"tr -d '\"\\r' < {folder}/reasons.lines >> {folder}/reasons.csv"),
            run(f"echo source,backups,megabytes > {folder}/freed.csv"),
            run(f"tr -d '\\r' < {folder}/freed.lines >> {folder}/freed.csv"),
            run(f"tail -n +2 {folder}/reasons.csv | cut -d, -f1 > {folder}/keep.txt"),
            run(f"rm {folder}/reasons.lines {folder}/freed.lines"),
        ),
    )
    check = Step(
        analysis=random.choice(("I read the results.", "The latest days of a source should all be there.")),
        plan="Print the three files and look for a failed backup among the kept ones.",
        commands=(
            run(f"cat {folder}/reasons.csv {folder}/freed.csv"),
            run(f"grep -F -f {folder}/keep.txt {folder}/{scheme.catalog} | cut -d, -f4 | sort | uniq -c"),
        ),
    )
    return look, decide, check


def _checks(folder: str, scheme: Scheme, kept: dict[str, str]) -> tuple[Check, ...]:
    return (
        Check("keep", f"keep = lines('{folder}/keep.txt')\nassert keep == {literal(list(kept))}", 2.0),
        Check(
            "reasons",
            f"reasons = {literal(kept)}\nfound = table('{folder}/reasons.csv')\n"
            "assert found == [['name', 'reasons'], *map(list, reasons.items())]",
            3.0,
        ),
        Check(
            "freed",
            f"freed = {literal(scheme.freed(kept))}\n"
            f"assert table('{folder}/freed.csv') == [['source', 'backups', 'megabytes'], *freed]",
        ),
    )


SKILL = Skill(
    name="system-administration/backup-retention",
    domain="system-administration",
    folders=("retention", "backups", "snapshots", "vault"),
    tools=("head", "tail", "cut", "sort", "uniq", "cat", "sqlite3", "tr", "rm", "grep"),
    make=make,
    offers=(Lines,),
)
