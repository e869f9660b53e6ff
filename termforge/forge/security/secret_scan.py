"""Security: find secrets in a source tree by stated rules, with allowed test values, and write a redacted copy.

The formats are invented: no real credential pattern enters a task.
"""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
HEX = "0123456789abcdef"
PATHS = (
    "app/settings.py",
    "app/mailer.py",
    "config/production.ini",
    "config/staging.ini",
    "deploy/values.yaml",
    "deploy/cron/nightly.sh",
    "docs/setup.md",
    "scripts/migrate.sh",
    "tests/fixtures.py",
)
FILLERS = (
    "# keep this in step with the runbook",
    "retries = 3",
    "log_level = info",
    "timeout_s = 30",
    "region = eu-central",
    "password_min_length = 12",
    "see VK-README for key rotation",
    "cache_dir = /var/cache/app",
    "token_lifetime_h = 24",
    "feature_flags = st_beta,st_search",
)


class Rule(NamedTuple):
    name: str
    told: str
    pattern: str
    """The secret itself is group 1. No look-around: a `!` at a prompt asks for history."""


RULES = (
    Rule(
        "vendor-key",
        "`VK` followed directly by 16 characters out of `A-Z` and `0-9`; the character before and the one after, if "
        "any, are neither letter nor digit",
        r"(?:^|[^A-Za-z0-9])(VK[A-Z0-9]{16})(?:$|[^A-Za-z0-9])",
    ),
    Rule(
        "session-token",
        "`st_` followed directly by 24 characters out of `0-9` and `a-f`; the character before and the one after, if "
        "any, are no letter, digit or `_`",
        r"(?:^|[^A-Za-z0-9_])(st_[0-9a-f]{24})(?:$|[^A-Za-z0-9_])",
    ),
    Rule(
        "password",
        "a line of the form `password = value`, with any blanks at its start and around `=`; the secret is the "
        "value, which reaches to the end of the "
        "line and contains no blank; a value that begins with `${` is a reference, no secret",
        r"^\s*password\s*=\s*([^\s$]\S*|\$[^\s{]\S*|\$)$",
    ),
)


class Line(NamedTuple):
    text: str
    rule: str = ""
    secret: str = ""
    """Empty on a harmless line, an allowed value included."""


def make(random: Random, setting: Setting) -> Fragment:
    rules = RULES if setting.level > 1 else tuple(random.sample(RULES, 2))
    allowed = [secret for rule in rules for secret in (_secret(random, rule),)][: setting.level]
    tree = _tree(random, setting.level, rules, allowed)
    root = f"{setting.folder}/source"
    files = {f"{root}/{path}": "".join(f"{line.text}\n" for line in lines) for path, lines in tree.items()}
    allow_list = f"{setting.folder}/allowed.txt"
    return Fragment(
        title="Scan the sources for secrets",
        brief=_brief(setting.folder, root, rules),
        files=(
            *(text_file(path, text) for path, text in files.items()),
            text_file(allow_list, "".join(f"{value}\n" for value in allowed)),
        ),
        steps=_steps(random, setting.folder, root, rules, allow_list),
        checks=_checks(setting.folder, tree, files),
        outputs=(f"{setting.folder}/findings.csv", *(f"{setting.folder}/redacted/{path}" for path in tree)),
    )


def _secret(random: Random, rule: Rule) -> str:
    if rule.name == "vendor-key":
        return "VK" + "".join(random.choice(UPPER) for _ in range(16))
    if rule.name == "session-token":
        return "st_" + "".join(random.choice(HEX) for _ in range(24))
    return "".join(random.choice("bcdfghjkmnpqrstvwxz23456789") for _ in range(random.randint(9, 14)))


def _line(random: Random, rule: Rule, secret: str) -> str:
    if rule.name == "password":
        return random.choice(("password = {}", "  password={}", "password  =  {}")).format(secret)
    forms = ("api_key: {}", 'KEY = "{}"', "curl -H 'X-Auth: {}' https://intranet.example", "# old value {} (rotate)")
    return random.choice(forms).format(secret)


def _decoy(random: Random, rule: Rule) -> str:
    """Nearly a secret."""
    secret = _secret(random, rule)
    if rule.name == "password":
        return random.choice(
            (f"password = ${{{secret[:5].upper()}}}", f"old_password = {secret}", f"password: {secret}")
        )
    return _line(random, rule, random.choice((secret[:-1], f"{secret}7", f"x{secret}")))


def _between_underscores(random: Random, rule: Rule) -> Line:
    """Where a vendor key counts and a token does not."""
    secret = _secret(random, rule)
    text = f"mv backup_{secret}_old /srv/archive"
    return Line(text, rule.name, secret) if rule.name == "vendor-key" else Line(text)


def _tree(random: Random, level: int, rules: tuple[Rule, ...], allowed: list[str]) -> dict[str, list[Line]]:
    tree = {
        path: [Line(text) for text in random.sample(FILLERS, random.randint(3, 6))]
        for path in random.sample(PATHS, 3 + 2 * level)
    }
    paths = sorted(tree)
    planted = [
        Line(_line(random, rule, secret), rule.name, secret)
        for rule in rules
        for _ in range(1 + level)
        for secret in (_secret(random, rule),)
    ]
    harmless = [Line(_decoy(random, rule)) for rule in rules for _ in range(1 + level)]
    harmless += [Line(_line(random, rule, value)) for rule, value in zip(rules, allowed, strict=False)]
    framed = [_between_underscores(random, rule) for rule in rules if rule.name != "password"]
    for line in planted + harmless + framed:
        lines = tree[random.choice(paths)]
        lines.insert(random.randint(0, len(lines)), line)
    return {path: tree[path] for path in paths}


def _brief(folder: str, root: str, rules: tuple[Rule, ...]) -> str:
    told = "\n".join(f"- `{rule.name}`: {rule.told}." for rule in rules)
    return f"""\
Search every file below `{root}` for secrets. The rules:
{told}

Values listed in `{folder}/allowed.txt` (one a line) are known test values and no findings. No line holds more than
one secret.

Write `{folder}/findings.csv` with the header `path,line,rule`: one row per finding, the path relative to `{root}`,
lines counted from 1,
sorted by path in byte order and then by line number. Write a copy of the whole tree to `{folder}/redacted` in which
each found secret, and
nothing else, is replaced by `[REDACTED]`. Leave the originals as they are."""


def _steps(random: Random, folder: str, root: str, rules: tuple[Rule, ...], allow_list: str) -> tuple[Step, ...]:
    script = f"{folder}/scan.py"
    hints = {"vendor-key": "VK", "session-token": "st_", "password": "password"}
    look = Step(
        analysis=random.choice(
            (
                f"I need an overview of {root}: which files there are and how lines that could hold secrets look.",
                "A rough search first. It will show too much, but near misses are just what I want to see before "
                "writing exact patterns.",
            )
        ),
        plan="List the files, grep loosely for candidates, and read the allow-list.",
        commands=(
            run(f"find {root} -type f | sort"),
            run(f"grep -rnE '{'|'.join(hints[rule.name] for rule in rules)}' {root}"),
            run(f"cat {allow_list}"),
        ),
    )
    scan = Step(
        analysis=random.choice(
            (
                "Some candidates are one character too short or too long, or are references and other settings. "
                "Patterns that demand a boundary on both sides keep those out, and the allow-list is applied to the "
                "secret itself.",
                "The near misses confirm that boundaries matter: longer tokens and prefixed names must not match. "
                "One program can report and redact, so that both outputs agree.",
            )
        ),
        plan=random.choice(
            (
                f"Write {script} with one pattern per rule, run it, and print the findings.",
                "Implement the rules in Python's re, write findings and redacted copies in one walk over the tree, "
                "and view the result.",
            )
        ),
        commands=(
            write(script, _script(folder, root, rules, allow_list)),
            run(f"python3 {script}", 2.0),
            run(f"cat {folder}/findings.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(
            (
                "The findings look plausible. The redacted tree must differ from the source in exactly those lines.",
                "A recursive diff shows whether only the reported lines were changed in the copy.",
            )
        ),
        plan="Compare source and copy, and count the replaced values against the findings.",
        commands=(
            run(f"diff -r {root} {folder}/redacted"),
            run(
                f"grep -rc REDACTED {folder}/redacted | awk -F: '{{n += $NF}} END {{print n}}'; tail -n +2 "
                f"{folder}/findings.csv | wc -l"
            ),
        ),
    )
    return look, scan, check


def _script(folder: str, root: str, rules: tuple[Rule, ...], allow_list: str) -> str:
    patterns = "\n".join(f'    "{rule.name}": re.compile(r"{rule.pattern}"),' for rule in rules)
    return f'''
import re
from pathlib import Path

RULES = {{
{patterns}
}}
root, copy = Path("{root}"), Path("{folder}/redacted")
allowed = Path("{allow_list}").read_text().split()
findings = []
for path in sorted(root.rglob("*")):
    if not path.is_file():
        continue
    name = path.relative_to(root).as_posix()
    lines = path.read_text().split("\\n")
    for number, line in enumerate(lines, 1):
        for rule, pattern in RULES.items():
            for match in pattern.finditer(line):
                if match[1] not in allowed:
                    findings.append((name, number, rule))
                    lines[number - 1] = line[: match.start(1)] + "[REDACTED]" + line[match.end(1) :]
    target = copy / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\\n".join(lines))
rows = ["path,line,rule"] + [f"{{name}},{{number}},{{rule}}" for name, number, rule in sorted(findings)]
Path("{folder}/findings.csv").write_text("\\n".join(rows) + "\\n")
print(len(findings), "findings")
'''


def _checks(folder: str, tree: dict[str, list[Line]], files: dict[str, str]) -> tuple[Check, ...]:
    """Also that the files scanned, by path, are as they were."""
    findings = [
        [path, str(number), line.rule]
        for path in sorted(tree)
        for number, line in enumerate(tree[path], 1)
        if line.secret
    ]
    redacted = {
        f"{folder}/redacted/{path}": [
            line.text.replace(line.secret, "[REDACTED]") if line.secret else line.text for line in lines
        ]
        for path, lines in tree.items()
    }
    places = [finding[:2] for finding in findings]
    counts = {f"{folder}/redacted/{path}": sum(bool(line.secret) for line in lines) for path, lines in tree.items()}
    path = f"{folder}/findings.csv"
    return (
        Check("places_found", f"assert [row[:2] for row in table({path!r})[1:]] == {literal(places)}", 2.0),
        Check("rules_named", f"assert table({path!r}) == {literal([['path', 'line', 'rule'], *findings])}"),
        Check(
            "redactions",
            f"assert {{path: content(path).count('[REDACTED]') for path in {list(counts)!r}}} == {counts!r}",
        ),
        Check(
            "redacted_copy",
            f"for path, expected in {literal(redacted)}.items():\n    assert lines(path) == [line.rstrip() for line "
            "in expected], path\n"
            f"for path, text in {literal(files)}.items():\n    assert content(path) == text, f'{{path}} has changed'",
            2.0,
        ),
    )


SKILL = Skill(
    name="security/secret-scan",
    domain="security",
    folders=("audit", "leak-check", "review", "scan"),
    tools=("python3", "cat", "find", "sort", "grep", "diff", "awk", "tail", "wc"),
    make=make,
)
