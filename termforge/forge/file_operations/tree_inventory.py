"""File operations: list a tree by predicates on size, depth, content and lines, and sum it up by file ending."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.file_operations.trees import draw_tree, unchanged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run
from termforge.schemas import Step


class Survey(NamedTuple):
    tree: Tree
    out: str
    depth: int
    """Folders between the root and the file, at least."""
    width: int
    """Characters in a line, at least."""
    digits: int
    """Of a number that is looked for."""

    @property
    def texts(self) -> dict[str, str]:
        return {path: data.decode() for path, data in self.tree.contents.items()}

    def endings(self) -> list[list[str]]:
        """By ending: files, bytes, lines, largest path; most bytes first."""
        groups: dict[str, list[str]] = {}
        for path in self.texts:
            groups.setdefault(_ending(path), []).append(path)
        rows = []
        for ending, paths in groups.items():
            sizes = {path: len(self.texts[path]) for path in paths}
            largest = min(paths, key=lambda path: (-sizes[path], path))
            newlines = sum(self.texts[path].count("\n") for path in paths)
            rows.append((-sum(sizes.values()), ending, len(paths), newlines, largest))
        return [
            [e, str(count), str(-size), str(newlines), largest] for size, e, count, newlines, largest in sorted(rows)
        ]


def _ending(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[1] if "." in name else "none"


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Tree) else None
    tree = given or draw_tree(random, f"{setting.folder}/holdings", 7 + 3 * setting.level)
    lines = [line for file in tree.files for line in file.content.decode().splitlines()]
    depths = sorted(path.count("/") for path in tree.contents)
    survey = Survey(
        tree,
        f"{setting.folder}/{random.choice(('report', 'survey', 'inventory'))}",
        max(1, depths[len(depths) // 2]),
        sorted(len(line) for line in lines)[-random.randint(2, 4)],
        random.choice((3, 4)),
    )
    return Fragment(
        title="Take the inventory of a folder",
        brief=_brief(survey, "which another part of this job produces" if given else "which nobody has looked at"),
        files=() if given else tree.files,
        steps=_steps(random, survey),
        checks=_checks(survey),
        outputs=tuple(f"{survey.out}/{name}" for name in ("deep.txt", "wide.txt", "numbers.txt", "endings.csv")),
    )


def _brief(survey: Survey, origin: str) -> str:
    out = survey.out
    return f"""\
Take the inventory of the regular files below `{survey.tree.path}`, {origin}. The folder stays as it is. Paths are
given relative to it, without a leading `./`, and lists are in byte order, a path a line:
- `{out}/deep.txt`: files with {survey.depth} or more folders between `{survey.tree.path}` and the file;
- `{out}/wide.txt`: files with a line of at least {survey.width} characters, not counting its end;
- `{out}/numbers.txt`: for each file, in byte order of the paths, `<path>:<n>` where `n` is the number of its lines that
  hold a run of exactly {survey.digits} digits (no digit directly before or after); files without such a line are there
  with 0;
- `{out}/endings.csv` with the header `ending,files,bytes,lines,largest`: for each ending (what follows the last dot of
  the file name, `none` for a name without a dot) the number of files, the sum of their bytes, the sum of their line
  feeds, and the path of the largest file, of equally large ones the first in byte order. Sort the rows by bytes, most
  first, then by ending in byte order."""


def _steps(random: Random, survey: Survey) -> tuple[Step, ...]:
    root, out, digits = survey.tree.path, survey.out, survey.digits
    totals = (
        'BEGIN { print "ending,files,bytes,lines,largest" } { bytes[$1] += $2; lines[$1] += $3; if (files[$1]++ == 0) '
        'largest[$1] = $4 } END { for (e in files) print e "," files[e] "," bytes[e] "," lines[e] "," largest[e] '
        '| "sort -t, -k 3,3nr -k 1,1" }'
    )
    look = Step(
        analysis=random.choice(
            (
                "First an overview: how deep is the folder, how large are the files?",
                "I look at sizes and depths before I write the lists.",
            )
        ),
        plan=random.choice(("List depth, size and path of every file.", "Let find print what matters.")),
        commands=(run(f"find {root} -type f -printf '%d %s %P\\n' | sort -k 3"),),
    )
    lists = Step(
        analysis=random.choice(
            (
                "find counts the file itself as one level, so the depth is one more than the number of folders; grep "
                "does the other two lists.",
                f"A line of at least {survey.width} characters is a pattern for grep -l, and a run of exactly {digits} "
                "digits needs a non-digit or an end on both sides.",
            )
        ),
        plan=random.choice(("Write the three lists with find and grep.", "One pipeline per list.")),
        commands=(
            run(f"mkdir -p {out} && cd {root}"),
            run(f"find . -mindepth {survey.depth + 1} -type f -printf '%P\\n' | sort > {out}/deep.txt"),
            run(f"grep -rlE '^.{{{survey.width}}}' . | cut -c 3- | sort > {out}/wide.txt"),
            run(
                f"find . -type f -printf '%P\\n' | sort | xargs -d '\\n' grep -HcE "
                f"'(^|[^0-9])[0-9]{{{digits}}}([^0-9]|$)' > {out}/numbers.txt"
            ),
        ),
    )
    sums = Step(
        analysis=random.choice(
            (
                "For the summary I feed ending, size, lines and path to awk, largest files first, so that the first "
                "path of an ending is its largest.",
                "The summary needs one row a file first; sorting by size and path beforehand makes the largest one "
                "the first of its group.",
            )
        ),
        plan=random.choice(
            ("Build the rows with a loop and sum up with awk.", "Make a row per file, sort, aggregate.")
        ),
        commands=(
            run(
                "bash <<'EOF' > /tmp/rows\n"
                "find . -type f -printf '%s %P\\n' | sort -k 1,1nr -k 2 | while read -r size path; do\n"
                "    name=${path##*/} ending=none\n    [[ $name == *.* ]] && ending=${name##*.}\n"
                '    echo "$ending $size $(wc -l < "$path") $path"\ndone\nEOF',
                1.5,
            ),
            run(f"awk '{totals}' /tmp/rows > {out}/endings.csv"),
            run("cd /app"),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("All four files are written; I read them.", "A look at the results, and a cross-check.")
        ),
        plan="Print the results and count files and bytes independently.",
        commands=(
            run(f"head -n 8 {out}/deep.txt {out}/wide.txt {out}/numbers.txt"),
            run(f"cat {out}/endings.csv"),
            run(f"find {root} -type f -printf '%s\\n' | awk '{{ n += $1 }} END {{ print NR, n }}'"),
        ),
    )
    return look, lists, sums, check


def _checks(survey: Survey) -> tuple[Check, ...]:
    texts, out = survey.texts, survey.out
    deep = [path for path in texts if path.count("/") >= survey.depth]
    wide = [path for path, text in texts.items() if any(len(line) >= survey.width for line in text.split("\n"))]
    counts = {path: sum(_holds(line, survey.digits) for line in text.split("\n")) for path, text in texts.items()}
    header = ["ending", "files", "bytes", "lines", "largest"]
    return (
        Check(
            "lists",
            f"for name, paths in {literal({'deep.txt': deep, 'wide.txt': wide})}.items():\n"
            f"    assert lines('{out}/' + name) == (paths or ['']), name",
            2.0,
        ),
        Check(
            "numbers",
            f"counts = dict(line.rsplit(':', 1) for line in lines('{out}/numbers.txt') if ':' in line)\n"
            f"assert list(counts.items()) == {literal([(path, str(count)) for path, count in counts.items()])}",
        ),
        Check(
            "endings",
            f"assert table('{out}/endings.csv') == {literal([header, *survey.endings()])}\n"
            f"{unchanged(survey.tree.files)}",
            2.0,
        ),
    )


def _holds(line: str, digits: int) -> bool:
    runs = "".join(char if char in "0123456789" else " " for char in line).split()
    return any(len(found) == digits for found in runs)


SKILL = Skill(
    name="file-operations/tree-inventory",
    domain="file-operations",
    folders=("tree-census", "holdings", "storage-survey", "stocktaking"),
    tools=("bash", "find", "sort", "mkdir", "grep", "cut", "xargs", "awk", "wc", "head", "cat"),
    make=make,
    reads=Tree,
)
