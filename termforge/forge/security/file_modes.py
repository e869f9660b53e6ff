"""Security: find files whose modes break a policy, report them, and take away what is too much."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

SITES = {
    "srv": ("bin", "etc", "data", "data/export"),
    "site": ("cgi", "conf", "uploads", "uploads/cache"),
    "app-home": ("tools", "settings", "spool", "spool/out"),
}
PLAIN = ("notes.txt", "index.html", "readme.md", "figures.csv", "labels.tsv", "menu.html", "plan.txt", "terms.txt")
PROGRAMS = ("report.sh", "rotate.sh", "deploy.sh", "import.sh", "poll.sh", "clean.sh")
SECRETS = ("db.key", "tls.key", "api.env", "mail.env", "ssh.key", "prod.env")


class Rule(NamedTuple):
    name: str
    told: str
    finds: str
    """Options of `find`."""
    mask: int
    """What a finding loses."""
    symbolic: str

    def breaks(self, name: str, mode: int) -> bool:
        if self.name == "secret":
            return name.endswith((".key", ".env")) and bool(mode & self.mask)
        return bool(mode & self.mask) and (self.name != "script" or name.endswith(".sh"))


RULES = (
    Rule(
        "secret",
        "a file whose name ends in `.key` or `.env` gives no right at all to group or others",
        r"\( -name '*.key' -o -name '*.env' \) -perm /077",
        0o077,
        "go=",
    ),
    Rule("world", "no file may be written by others", "-perm -002", 0o002, "o-w"),
    Rule(
        "script",
        "a file whose name ends in `.sh` may not be written by its group",
        "-name '*.sh' -perm -020",
        0o020,
        "g-w",
    ),
    Rule("setid", "no file has the set-user-id or set-group-id bit", "-perm /6000", 0o6000, "ug-s"),
)


class Held(NamedTuple):
    path: str
    """Relative to the root."""
    mode: int
    text: str

    def broken(self, rules: tuple[Rule, ...]) -> list[Rule]:
        return [rule for rule in rules if rule.breaks(self.path, self.mode)]

    def mended(self, rules: tuple[Rule, ...]) -> int:
        mode = self.mode
        for rule in self.broken(rules):
            mode &= ~rule.mask
        return mode


def make(random: Random, setting: Setting) -> Fragment:
    site = random.choice(sorted(SITES))
    root = f"{setting.folder}/{site}"
    rules = RULES[: 1 + setting.level]
    held = _drawn(random, SITES[site], setting.level)
    return Fragment(
        title="Audit and tighten file modes",
        brief=_brief(setting.folder, root, rules),
        files=tuple(text_file(f"{root}/{one.path}", one.text, one.mode) for one in held),
        steps=_steps(random, setting.folder, root, rules),
        checks=_checks(setting.folder, root, held, rules),
        outputs=(
            f"{setting.folder}/findings.csv",
            f"{setting.folder}/after.csv",
            *(f"{root}/{one.path}" for one in held if one.mended(rules) != one.mode),
        ),
    )


def _drawn(random: Random, folders: tuple[str, ...], level: int) -> list[Held]:
    """In byte order; each rule's bits occur alone, and in files that the rule does not mean."""
    modes = {
        SECRETS: [0o640, 0o604, 0o610, 0o600, 0o400, 0o666],
        PROGRAMS: [0o775, 0o755, 0o757, 0o4755, 0o2755, 0o6777],
        PLAIN: [0o664, 0o644, 0o646, 0o2644, 0o602, 0o620, 0o444, 0o666],
    }
    held = {}
    for names, kinds in modes.items():
        for name, mode in zip(random.sample(names, len(names)), random.sample(kinds, len(kinds)), strict=True):
            path = f"{random.choice(folders)}/{name}"
            held[path] = Held(path, mode, f"{name} {random.randrange(10**8)}\n")
    for number in range(4 * level):
        path = f"{random.choice(folders)}/part-{number}.{random.choice(('txt', 'sh', 'env'))}"
        held[path] = Held(path, random.choice((0o600, 0o640, 0o664, 0o755, 0o666)), f"{random.randrange(10**8)}\n")
    return [held[path] for path in sorted(held)]


def _brief(folder: str, root: str, rules: tuple[Rule, ...]) -> str:
    told = "\n".join(f"- `{rule.name}`: {rule.told}." for rule in rules)
    return f"""\
The regular files below `{root}` have to obey these rules on their modes:
{told}

Write `{folder}/findings.csv` with the header `path,mode,rule`: one row for each rule that a file breaks as it is now,
with the path relative to `{root}` and the mode in octal as `stat -c %a` prints it (`640`, `4755`), the rows sorted as
whole lines in byte order. Then change the modes so that no rule is broken: take away exactly the bits that the broken
rules name, and nothing else. Contents stay as they are.

Finally, write `{folder}/after.csv` with the header `path,mode`: one row for each of the files, with its mode as it is
then, in the same form and order."""


def _steps(random: Random, folder: str, root: str, rules: tuple[Rule, ...]) -> tuple[Step, ...]:
    rows, findings = f"{folder}/rows", f"{folder}/findings.csv"
    look = step(
        random,
        (
            "The report has to show the modes before any change, so I look at them all and report first.",
            "A listing of modes and names tells me how much is wrong and what else lies there.",
        ),
        ("Print mode and path of every file, and count the modes.",),
        run(f"find {root} -type f -printf '%m %P\\n' | sort -k 2 | head -n 60"),
        run(f"find {root} -type f | xargs stat -c %a | sort | uniq -c | sort -rn"),
    )
    report = step(
        random,
        (
            "Each rule is one expression of find: `-perm /bits` matches if any of the bits is set, `-perm -bits` if "
            "all are. The modes are printed by find itself.",
            "find can test names and bits and print the rows, one call a rule. Nothing is changed before all of them "
            "have run.",
        ),
        ("One find per rule into a file of rows, then the header and the sorted rows.",),
        *(
            run(f"find {root} -type f {rule.finds} -printf '%P,%m,{rule.name}\\n' {'>>' if place else '>'} {rows}")
            for place, rule in enumerate(rules)
        ),
        run(f"LC_ALL=C sort {rows} | sed '1i path,mode,rule' > {findings}; rm {rows}; cat {findings}"),
    )
    tighten = step(
        random,
        (
            "The report is written. The same expressions with chmod in place of the print take the bits away.",
            "Symbolic modes remove only what a rule forbids, so a script keeps its execute bits.",
        ),
        ("Apply chmod per rule, then list the modes as they are now.",),
        *(run(f"find {root} -type f {rule.finds} -exec chmod {rule.symbolic} {{}} +") for rule in rules),
        run(f"find {root} -type f -printf '%P,%m\\n' | LC_ALL=C sort | sed '1i path,mode' > {folder}/after.csv"),
        run(f"cat {folder}/after.csv"),
    )
    return look, report, tighten


def _checks(folder: str, root: str, held: list[Held], rules: tuple[Rule, ...]) -> tuple[Check, ...]:
    rows = sorted(f"{one.path},{one.mode:o},{rule.name}" for one in held for rule in one.broken(rules))
    findings = f"{folder}/findings.csv"
    after = sorted(f"{one.path},{one.mended(rules):o}" for one in held)
    # Graded files have lost their write bits: only the listing tells of these.
    left = {f"{root}/{one.path}": oct(one.mended(rules) & 0o7555) for one in held}
    texts = {f"{root}/{one.path}": one.text for one in held}
    names = [rule.name for rule in rules]
    return (
        Check(
            "broken_rules",
            f"named = [line.rpartition(',')[2] for line in lines({findings!r})[1:]]\n"
            f"assert {{name: named.count(name) for name in {names!r}}} == "
            f"{ {name: sum(row.endswith(f',{name}') for row in rows) for name in names}!r}",
        ),
        Check("findings", f"assert lines({findings!r}) == {literal(['path,mode,rule', *rows])}", 3.0),
        Check(
            "modes",
            f"assert lines({f'{folder}/after.csv'!r}) == {literal(['path,mode', *after])}\n"
            f"expected = {literal(left)}\n"
            "found = {path: oct(Path(path).stat().st_mode & 0o7555) for path in expected if Path(path).is_file()}\n"
            "assert found == expected",
            2.0,
        ),
        Check(
            "report_and_contents",
            f"for path, text in {literal(texts)}.items():\n    assert content(path) == text, f'{{path}} has changed'\n"
            f"assert len(lines({findings!r})) == {len(rows) + 1}",
        ),
    )


SKILL = Skill(
    name="security/file-modes",
    domain="security",
    folders=("hardening", "permissions", "mode-review", "lockdown"),
    tools=("cat", "chmod", "find", "head", "rm", "sed", "sort", "stat", "uniq", "xargs"),
    make=make,
    repairs=True,
)
