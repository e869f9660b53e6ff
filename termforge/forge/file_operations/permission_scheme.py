"""File operations: modes drifted from a written scheme; find every deviation, put it right and keep a record."""

from random import Random
from typing import NamedTuple

from termforge.forge.file_operations.trees import draw_paths, draw_text, unchanged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

GENERAL = (
    ("*.sh", (0o755, 0o750, 0o700)),
    ("*.ini", (0o640, 0o600)),
    ("conf/*", (0o640, 0o660)),
    ("*", (0o644, 0o664)),
)
SPECIAL = (("scripts/cron/*", 0o700), ("data/raw/*", 0o444), ("docs/minutes/*", 0o660), ("docs/*.md", 0o664))
DRIFTED = (0o777, 0o666, 0o600, 0o755, 0o644, 0o640, 0o664)

SEEN = 0o555
"""Files are graded without permission to write, so every drift shows in another bit, too."""


class Held(NamedTuple):
    path: str
    text: str
    right: int
    found: int


class Scheme(NamedTuple):
    rules: list[tuple[str, int]]
    files: list[Held]

    @property
    def drifted(self) -> list[Held]:
        return [held for held in self.files if held.found != held.right]


def make(random: Random, setting: Setting) -> Fragment:
    scheme = _drawn(random, setting.level)
    folder, tree = setting.folder, f"{setting.folder}/{random.choice(('tree', 'share', 'htdocs', 'release'))}"
    rules = f"{folder}/{random.choice(('scheme', 'modes', 'policy'))}.txt"
    prescribed = "".join(f"{mode:03o} {pattern}\n" for pattern, mode in scheme.rules)
    return Fragment(
        title="Put drifted file modes right",
        brief=_brief(folder, tree, rules),
        files=(
            *(text_file(f"{tree}/{held.path}", held.text, held.found) for held in scheme.files),
            text_file(rules, f"# mode pattern\n{prescribed}"),
        ),
        steps=_steps(random, folder, tree, rules, scheme),
        checks=_checks(folder, tree, scheme),
        outputs=(f"{folder}/changes.csv", *(f"{tree}/{held.path}" for held in scheme.drifted)),
    )


def _drawn(random: Random, level: int) -> Scheme:
    rules = [
        *random.sample(SPECIAL, 1 + level),
        *((pattern, random.choice(modes)) for pattern, modes in GENERAL),
    ]
    paths = dict.fromkeys(draw_paths(random, 9 + 2 * level))
    paths |= dict.fromkeys(
        ("conf/sites/deploy.sh", "scripts/cron/nightly.sh", "docs/old/index.md", "data/raw/first.csv")
    )
    drifted = set(random.sample(sorted(paths), 5 + level))
    files = []
    for path in sorted(paths):
        right = next(mode for pattern, mode in rules if _matches(path, pattern))
        found = random.choice([mode for mode in DRIFTED if (mode ^ right) & SEEN]) if path in drifted else right
        files.append(Held(path, draw_text(random, path, 4), right, found))
    return Scheme(rules, files)


def _matches(path: str, pattern: str) -> bool:
    """Every pattern of this file has one `*`, which also stands for slashes."""
    before, after = pattern.split("*")
    return len(path) >= len(before) + len(after) and path.startswith(before) and path.endswith(after)


def _brief(folder: str, tree: str, rules: str) -> str:
    return f"""\
The regular files below `{tree}` must have the modes that `{rules}` prescribes. Each of its lines (but for
the comment) has an octal mode and a pattern; patterns are compared with the path relative to `{tree}`, `*` stands for
any text, which may be empty or contain slashes, and the first pattern that fits decides. Some files have drifted. Set
the mode of each of them right, change no content, and write `{folder}/changes.csv` with the header
`path,before,after`: a row for every file whose mode was wrong, and no other, with relative path and modes as three
octal digits, sorted by path in byte order."""


def _script(folder: str, tree: str, rules: str) -> str:
    return f"""
cd {tree}
echo "path,before,after" > {folder}/changes.csv
find . -type f -printf '%P\\n' | sort | while read -r path; do
    while read -r mode pattern; do
        if [[ $path == $pattern ]]; then
            break
        fi
    done < <(grep -v '^#' {rules})
    before=$(stat -c %a "$path")
    if [ "$before" != "$mode" ]; then
        chmod "$mode" "$path"
        echo "$path,$before,$mode" >> {folder}/changes.csv
    fi
done
"""


def _steps(random: Random, folder: str, tree: str, rules: str, scheme: Scheme) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "I need the scheme and the present modes side by side.",
                "First the rules, then every file with its mode; nothing is changed yet.",
            )
        ),
        plan=random.choice(("Show the scheme and list modes with paths.", "Print both and compare them by eye.")),
        commands=(run(f"cat {rules}"), run(f"find {tree} -type f -printf '%m %P\\n' | sort -k 2")),
    )
    mend = Step(
        analysis=random.choice(
            (
                "The first fitting pattern decides, so per file I walk down the rules and stop at the first match; in "
                "[[ ]] an unquoted pattern matches across slashes.",
                f"Of {len(scheme.files)} files only some deviate. The record needs the mode before the change, hence "
                "stat first and chmod afterwards.",
            )
        ),
        plan=random.choice(
            ("Write the loop, run it, and read the record.", "Script the comparison; change and record in one pass.")
        ),
        commands=(
            write(f"{folder}/modes.sh", _script(folder, tree, rules)),
            run(f"bash {folder}/modes.sh", 1.5),
            run(f"cat {folder}/changes.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(("The listing should agree with the scheme now.", "A last look at all modes.")),
        plan="List modes and paths again, and count the changes.",
        commands=(
            run(f"find {tree} -type f -printf '%m %P\\n' | sort -k 2"),
            run(f"tail -n +2 {folder}/changes.csv | wc -l"),
        ),
    )
    return look, mend, check


def _checks(folder: str, tree: str, scheme: Scheme) -> tuple[Check, ...]:
    half = len(scheme.drifted) // 2
    early, late = scheme.drifted[:half], scheme.drifted[half:]
    body = (
        "def mode(path):\n    return f'{{path.stat().st_mode & 0o555:03o}}' if path.is_file() else None\n\n"
        "found = {{path: mode(Path({0!r}, path)) for path in {1}}}\n"
    )
    everything = {held.path: f"{held.right & SEEN:03o}" for held in scheme.files}
    return (
        *(
            Check(
                f"modes_{name}",
                body.format(tree, [held.path for held in some])
                + f"assert found == {literal({held.path: f'{held.right & SEEN:03o}' for held in some})}\n"
                + _unchanged(tree, some),
            )
            for name, some in (("of_the_first", early), ("of_the_last", late))
        ),
        Check(
            "whole_tree",
            body.format(tree, list(everything))
            + f"assert found == {literal(everything)}\n"
            + _unchanged(tree, scheme.files),
            2.0,
        ),
        Check(
            "record",
            f"record = table('{folder}/changes.csv')\nassert record.pop(0) == ['path', 'before', 'after']\n"
            f"assert record == {literal([[h.path, f'{h.found:03o}', f'{h.right:03o}'] for h in scheme.drifted])}",
            2.0,
        ),
    )


def _unchanged(tree: str, some: list[Held]) -> str:
    """Modes of other files under the same names are worth nothing."""
    return unchanged(text_file(f"{tree}/{held.path}", held.text) for held in some)


SKILL = Skill(
    name="file-operations/permission-scheme",
    domain="file-operations",
    folders=("modes", "shared-drive", "webroot", "mode-drift"),
    tools=("bash", "cat", "find", "sort", "stat", "chmod", "grep", "tail", "wc"),
    make=make,
    repairs=True,
)
