"""Security: find what was changed, added or taken away in a tree whose digests were recorded, and set it aside."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

DIGESTS = ("sha256", "sha384", "sha512", "sha1")
WORDS = ("alpha", "ridge", "copper", "signal", "meadow", "quartz", "harbour", "violet", "lantern", "summit", "cedar")
THEMES = {
    "web root of the customer portal": ("www", ("html", "js", "css"), ("pages", "assets", "pages/help", "vendor")),
    "firmware bundle of the gateways": ("bundle", ("cfg", "hex", "map"), ("boot", "radio", "radio/tables", "modem")),
    "rules of the intrusion detection": ("rules", ("rules", "lst", "conf"), ("base", "local", "local/web", "feeds")),
}
MANIFESTS = ("MANIFEST", "digests.txt", "approved.sums", "CHECKSUMS")


class State(NamedTuple):
    root: str
    digest: str
    found: dict[str, bytes]
    """What lies in the tree, by relative path."""
    recorded: dict[str, str]
    """What the manifest says, by relative path."""

    def hashed(self, content: bytes) -> str:
        return hashlib.new(self.digest, content).hexdigest()

    @property
    def states(self) -> dict[str, str]:
        """Modified, missing or added; paths in byte order, those that are intact left out."""
        judged = {path: self._state(path) for path in sorted({*self.found, *self.recorded})}
        return {path: state for path, state in judged.items() if state != "intact"}

    def _state(self, path: str) -> str:
        if path not in self.found:
            return "missing"
        if path not in self.recorded:
            return "added"
        return "intact" if self.recorded[path] == self.hashed(self.found[path]) else "modified"


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(sorted(THEMES))
    digest = random.choice(DIGESTS)
    given = isinstance(setting.given, Tree)
    tree = setting.given if isinstance(setting.given, Tree) else _drawn(random, setting, theme)
    state = _recorded(random, tree, digest, setting.level)
    manifest = f"{setting.folder}/{random.choice(MANIFESTS)}"
    lines = [f"{value}  {path}" for path, value in state.recorded.items()]
    whose = "which another part of this job produces" if given else f"the {theme}"
    return Fragment(
        title="Find the files that were tampered with",
        brief=_brief(setting.folder, state, manifest, whose),
        files=(
            *(() if given else tree.files),
            text_file(manifest, "".join(f"{line}\n" for line in random.sample(lines, len(lines)))),
        ),
        steps=_steps(random, setting.folder, state, manifest),
        checks=_checks(setting.folder, state),
        outputs=(
            f"{setting.folder}/report.csv",
            f"{setting.folder}/intact.txt",
            f"{setting.folder}/suspects.sums",
            *(f"{setting.folder}/quarantine/{path}" for path, one in state.states.items() if one != "missing"),
        ),
    )


def _drawn(random: Random, setting: Setting, theme: str) -> Tree:
    name, endings, folders = THEMES[theme]
    root = f"{setting.folder}/{name}"
    paths = {
        f"{random.choice(folders)}/{random.choice(WORDS)}-{random.randint(1, 40)}.{random.choice(endings)}"
        for _ in range(9 + 4 * setting.level)
    }
    return Tree(root, tuple(text_file(f"{root}/{path}", _text(random)) for path in sorted(paths)))


def _text(random: Random) -> str:
    return "".join(f"{random.choice(WORDS)} {random.choice(WORDS)} {random.randrange(10**6)}\n" for _ in range(4))


def _recorded(random: Random, tree: Tree, digest: str, level: int) -> State:
    """At least one file of each kind; where another part makes the tree, only the manifest can differ from it."""
    found = tree.contents
    changed, added, *rest = random.sample(sorted(found), len(found))
    altered = [changed, *rest[: level - 1]] if len(rest) > 2 * level else [changed]
    recorded = {path: hashlib.new(digest, content).hexdigest() for path, content in found.items() if path != added}
    recorded |= {path: hashlib.new(digest, _text(random).encode()).hexdigest() for path in altered}
    for number in range(level):
        gone = f"{random.choice(WORDS)}/{random.choice(WORDS)}-{50 + number}.txt"
        recorded[gone] = hashlib.new(digest, _text(random).encode()).hexdigest()
    return State(tree.path, digest, found, recorded)


def _brief(folder: str, state: State, manifest: str, whose: str) -> str:
    return f"""\
Compare `{state.root}` ({whose}) with `{manifest}`, which holds a {state.digest.upper()} digest in lower-case hex, two
blanks and a path relative to `{state.root}` on each line, in no order.

Write `{folder}/report.csv` with the header `path,state`: one row for each regular file, at any depth, that is
- `modified`: listed with another digest than it has,
- `missing`: listed and not there,
- `added`: there and not listed.

Sort the rows, as whole lines, in byte order. Write the relative paths of all intact files, one a line in byte order, to
`{folder}/intact.txt`. Copy every modified and every added file to `{folder}/quarantine`, under its relative path, and
list the copies in `{folder}/suspects.sums` in the manifest's format, sorted by path in byte order. Leave the tree
itself alone."""


def _steps(random: Random, folder: str, state: State, manifest: str) -> tuple[Step, ...]:
    script = f"{folder}/compare.sh"
    program = f"{state.digest}sum"
    look = step(
        random,
        (
            f"{program} -c would name mismatches and missing files, but not files that nobody listed. A first run "
            "still tells me how bad it is.",
            "The manifest's format is that of coreutils, so the stock tool can check it. It says nothing about "
            "additions, which I have to find by comparing the lists.",
        ),
        ("Check the manifest as it is, and list what lies in the tree.",),
        run(f"head -n 5 {manifest}; wc -l {manifest}"),
        run(f"cd {state.root} && {program} --quiet -c {manifest}; find . -type f | sort | head -n 50; cd /app"),
    )
    compare = step(
        random,
        (
            "If both sides are brought to sorted lines of path and digest, comm separates what agrees from what is "
            "only on one side. A path on both sides of the rest was modified.",
            "Set operations answer this: equal lines are intact; of the others, a path in both lists is modified, "
            "one in the manifest alone is missing, one in the tree alone was added.",
        ),
        (
            f"Write {script} around comm, run it, and read the report.",
            "Hash the tree, normalise both lists, compare them with comm and copy the suspects with their folders.",
        ),
        write(script, _script(folder, state, manifest)),
        run(f"bash {script}", 1.0),
        run(f"cat {folder}/report.csv; wc -l {folder}/intact.txt"),
    )
    check = step(
        random,
        (
            f"{len(state.states)} paths deviate. The quarantine must hold those that exist and nothing else.",
            "The stock check from the beginning should agree with the modified and missing rows.",
        ),
        ("List the quarantine next to the counts by state.",),
        run(f"find {folder}/quarantine -type f | sort"),
        run(f"tail -n +2 {folder}/report.csv | cut -d , -f 2 | sort | uniq -c"),
    )
    return look, compare, check


def _script(folder: str, state: State, manifest: str) -> str:
    normal = r"sed -E 's/^([0-9a-f]+)  (\.\/)?(.*)$/\3|\1/'"
    return rf"""
set -eu
export LC_ALL=C
cd {state.root}
work=$(mktemp -d)
find . -type f -exec {state.digest}sum {{}} + | {normal} | sort > $work/now
{normal} {manifest} | sort > $work/before
comm -12 $work/before $work/now | cut -d '|' -f 1 | sort > {folder}/intact.txt
comm -23 $work/before $work/now | cut -d '|' -f 1 | sort > $work/lost
comm -13 $work/before $work/now | cut -d '|' -f 1 | sort > $work/new
comm -12 $work/lost $work/new | sed 's/$/,modified/' > $work/rows
comm -23 $work/lost $work/new | sed 's/$/,missing/' >> $work/rows
comm -13 $work/lost $work/new | sed 's/$/,added/' >> $work/rows
(echo "path,state"; sort $work/rows) > {folder}/report.csv
mkdir -p {folder}/quarantine
xargs -d '\n' -a $work/new cp --parents -t {folder}/quarantine
cd {folder}/quarantine
xargs -d '\n' -a $work/new {state.digest}sum > {folder}/suspects.sums
rm -r $work
"""


def _checks(folder: str, state: State) -> tuple[Check, ...]:
    rows = sorted(f"{path},{one}" for path, one in state.states.items())
    report = f"{folder}/report.csv"
    suspects = {path: state.found[path] for path, one in state.states.items() if one != "missing"}
    sums = [f"{state.hashed(content)}  {path}" for path, content in suspects.items()]
    copies = {f"{folder}/quarantine/{path}": content.decode() for path, content in suspects.items()}
    intact = [path for path in sorted(state.found) if path not in state.states]
    tree = {f"{state.root}/{path}": content.decode() for path, content in state.found.items()}
    return (
        Check(
            "modified_files",
            f"rows = lines({report!r})\nassert [row for row in rows if row.endswith(',modified')] == "
            f"{literal([row for row in rows if row.endswith(',modified')])}",
            2.0,
        ),
        Check("report", f"assert lines({report!r}) == {literal(['path,state', *rows])}", 3.0),
        Check(
            "intact_files",
            f"assert lines({f'{folder}/intact.txt'!r}) == {literal(intact)}\n"
            f"for path, text in {literal(tree)}.items():\n    assert content(path) == text, f'{{path}} has changed'",
        ),
        Check(
            "quarantine",
            f"expected = {literal(copies)}\n"
            "for path, text in expected.items():\n    assert content(path) == text, f'{path} is not the suspect'\n"
            f"held = [str(path) for path in Path({f'{folder}/quarantine'!r}).rglob('*') if path.is_file()]\n"
            "assert sorted(held) == sorted(expected)\n"
            f"assert lines({f'{folder}/suspects.sums'!r}) == {literal(sums)}",
            2.0,
        ),
    )


SKILL = Skill(
    name="security/tampered-files",
    domain="security",
    folders=("integrity", "tripwire", "forensics", "baseline"),
    tools=(
        *("bash", "cat", "comm", "cp", "cut", "find", "head", "mkdir", "mktemp", "rm", "sed", "sort", "tail", "uniq"),
        *("wc", "xargs", "sha1sum", "sha256sum", "sha384sum", "sha512sum"),
    ),
    make=make,
    reads=Tree,
)
