"""Software engineering: the next semantic version and a changelog from commit subjects that follow a convention."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SCOPES = ("api", "cli", "store", "parser", "cache", "docs")
STRAYS = (
    "Merge branch 'wip' into main",
    "WIP",
    "fixup! feat: never mind",
    "style: even out the tables",
    "Fix: count from one",
    "fix(API2): close the socket",
    "feat : print a summary",
)
"""Most of them nearly follow the convention."""
WORKS = {
    "feat": ("add a dry run", "accept several files", "read gzip input", "show progress", "support IPv6 hosts"),
    "fix": ("close the pool on exit", "keep empty lines", "round half up", "escape quotes", "retry on timeout"),
    "perf": ("avoid a copy", "cache the schema", "batch the writes"),
    "docs": ("say what ! does", "explain the ! before a pattern"),
    "chore": ("raise the linter's version", "sort imports", "drop a stale file"),
    "refactor": ("split the reader", "rename a module"),
}
SECTIONS = {"feat": "Features", "fix": "Fixes", "perf": "Performance"}


class Change(NamedTuple):
    name: str
    """Seven digits of its hash."""
    kind: str
    scope: str
    work: str
    breaking: bool

    @property
    def subject(self) -> str:
        return f"{self.kind}{f'({self.scope})' if self.scope else ''}{'!' if self.breaking else ''}: {self.work}"

    @property
    def entry(self) -> str:
        return f"- {f'**{self.scope}:** ' if self.scope else ''}{self.work} ({self.name})"


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    last = (random.randint(1, 4), random.randint(2, 11), random.randint(1, 9))
    changes = _drawn(random, setting.level)
    others = [*STRAYS, f"v{last[0]}.{last[1]} notes"]
    lines = [f"{change.name} {change.subject}" for change in changes]
    lines += [f"{random.randrange(16**6, 16**7):07x} {other}" for other in others]
    log = "".join(f"{line}\n" for line in random.sample(lines, len(lines)))
    order = [line.split(" ")[0] for line in log.splitlines()]
    changes.sort(key=lambda change: order.index(change.name))
    columns = (Column("commit", "key"), Column("type", "word"), Column("position", "whole"))
    rows = [(change.name, change.kind, str(order.index(change.name) + 1)) for change in changes]
    table = Table(f"{folder}/commits.csv", columns, tuple(rows))
    return Fragment(
        title="Next version and changelog",
        brief=_brief(folder),
        files=(
            text_file(f"{folder}/log.txt", log),
            text_file(f"{folder}/VERSION", ".".join(map(str, last)) + "\n"),
        ),
        steps=_steps(random, folder),
        checks=_checks(folder, changes, last, table),
        outputs=(f"{folder}/NEXT_VERSION", f"{folder}/CHANGELOG.md", table.path),
        offers=(table,),
    )


def _drawn(random: Random, level: int) -> list[Change]:
    """At least eight; which part of the version grows depends on the draw."""
    strongest = random.choice(("breaking", "feat", "fix"))
    kinds = [kind for kind in WORKS if strongest != "fix" or kind != "feat"]
    drawn = [*kinds, *random.choices(kinds, k=5 + 4 * level), "fix", "perf", "chore"]
    changes = []
    for number, kind in enumerate(drawn):
        name = f"{random.randrange(16**6, 16**7):07x}"
        scope = random.choice((*SCOPES, "", "")) if number > 1 else ("", "api")[number]
        breaking = strongest == "breaking" and number in (1, 4)
        changes.append(Change(name, kind, scope, random.choice(WORKS[kind]), breaking))
    return changes


def _next(changes: list[Change], last: tuple[int, int, int]) -> str:
    major, minor, patch = last
    if any(change.breaking for change in changes):
        return f"{major + 1}.0.0"
    if any(change.kind == "feat" for change in changes):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def _changelog(changes: list[Change], version: str) -> list[str]:
    found = [f"# {version}"]
    groups = {"Breaking": [change for change in changes if change.breaking]}
    groups |= {
        title: [change for change in changes if change.kind == kind and not change.breaking]
        for kind, title in SECTIONS.items()
    }
    for title, own in groups.items():
        if own:
            found += ["", f"## {title}", "", *(change.entry for change in own)]
    return found


def _brief(folder: str) -> str:
    return f"""\
`{folder}/log.txt` holds the commits since the release named in `{folder}/VERSION`: `<commit> <subject>`, newest first.
A subject counts if it is `<type>: <text>`, `<type>(<scope>): <text>`, or one of these with `!` right before the colon,
which marks a breaking change; types are {", ".join(f"`{kind}`" for kind in WORKS)}, scopes are small letters. Every
other line is left out. Write:
- `{folder}/NEXT_VERSION`: the next version as one line. A breaking change raises the first number and sets the others
  to 0; without one, a `feat` raises the second and sets the third to 0; otherwise the third is raised.
- `{folder}/CHANGELOG.md`: the line `# <next version>`; then for each of the sections `Breaking`, `Features` (type
  `feat`), `Fixes` (`fix`) and `Performance` (`perf`), in this order and only where it has entries: an empty line,
  `## <section>`, an empty line, and a line `- <text> (<commit>)` or `- **<scope>:** <text> (<commit>)` for each of its
  commits, newest first. Breaking changes of whatever type are listed only under `Breaking`; commits of
  other types are not listed.
- `{folder}/commits.csv`, header `commit,type,position`: each commit that counts, newest first, with the number of its
  line in the log, from 1."""


def _steps(random: Random, folder: str) -> tuple[Step, ...]:
    parse = rf"s/^(\w+) ({'|'.join(WORKS)})(\(([a-z]+)\))?(!?): (.*)$/\1|\2|\4|\5|\6/p"
    script = f"""
cd {folder}
IFS=. read -r major minor patch < VERSION
sed -nE '{parse}' log.txt > /tmp/parsed
if cut -d '|' -f 4 /tmp/parsed | grep -q '!'; then
    echo "$((major + 1)).0.0"
elif cut -d '|' -f 2 /tmp/parsed | grep -qx feat; then
    echo "$major.$((minor + 1)).0"
else
    echo "$major.$minor.$((patch + 1))"
fi > NEXT_VERSION
section() {{
    awk -F '|' -v title="$1" -v type="$2" -v mark="$3" '
        $4 != mark || $2 !~ type {{ next }}
        shown++ == 0 {{ print "\\n## " title "\\n" }}
        {{ print "- " ($3 == "" ? "" : "**" $3 ":** ") $5 " (" $1 ")" }}
    ' /tmp/parsed
}}
{{
    sed 's/^/# /' NEXT_VERSION
    section Breaking . '!'
    section Features feat ''
    section Fixes fix ''
    section Performance perf ''
}} > CHANGELOG.md
echo commit,type,position > commits.csv
awk -F '|' 'NR == FNR {{ type[$1] = $2; next }} {{ split($0, part, " ") }}
    part[1] in type {{ print part[1] "," type[part[1]] "," FNR }}' /tmp/parsed log.txt >> commits.csv
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "The log mixes subjects that follow the convention with some that do not. I look at both kinds.",
                    "First I see which words come before the colon, and what version we start from.",
                )
            ),
            plan=random.choice(("Print version and log.", "Show the log, and how often each type occurs.")),
            commands=(
                run(f"cat {folder}/VERSION"),
                run(f"head -n 30 {folder}/log.txt"),
                run(f"cut -d ' ' -f 2- {folder}/log.txt | grep -oE '^[a-z]+' | sort | uniq -c"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "One sed expression splits the subjects that count into fields; the rest is choosing by field.",
                    "With commit, type, scope, mark and text apart, version and sections are simple filters.",
                )
            ),
            plan=random.choice(
                ("Write release.sh, run it, read its three files.", "Script it in bash with sed and awk, then look.")
            ),
            commands=(
                write(f"{folder}/release.sh", script),
                run(f"bash {folder}/release.sh", 1.0),
                run(f"cat {folder}/NEXT_VERSION {folder}/CHANGELOG.md"),
                run(f"wc -l {folder}/commits.csv {folder}/log.txt"),
            ),
        ),
    )


def _checks(folder: str, changes: list[Change], last: tuple[int, int, int], table: Table) -> tuple[Check, ...]:
    version = _next(changes, last)
    wanted = _changelog(changes, version)
    path = f"{folder}/CHANGELOG.md"
    entries = sorted(line for line in wanted if line.startswith("- "))
    return (
        Check("version", f"assert lines({folder + '/NEXT_VERSION'!r}) == [{version!r}]", 2.0),
        Check("changelog", f"assert lines({path!r}) == {literal(wanted)}", 3.0),
        Check(
            "entries", f"assert sorted(line for line in lines({path!r}) if line.startswith('- ')) == {literal(entries)}"
        ),
        Check("commits", f"assert table({table.path!r}) == {literal([table.header, *map(list, table.rows)])}", 2.0),
    )


SKILL = Skill(
    name="software-engineering/changelog",
    domain="software-engineering",
    folders=("release-notes", "changelog", "next-release", "versioning"),
    tools=("cat", "head", "cut", "grep", "sort", "uniq", "sed", "awk", "bash", "wc"),
    make=make,
    offers=(Table,),
)
