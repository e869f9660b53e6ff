"""Software engineering: apply a series of patches with different options to a copy of a tree, and tell which do not
fit."""

from difflib import unified_diff
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

WORDS = ("timeout", "retry", "buffer", "header", "cursor", "window", "digest", "offset", "margin", "ticket")
PREFIXES = {"-p0": ("", ""), "-p1": ("a/", "b/"), "-p2": ("old/tree/", "new/tree/")}


class Patch(NamedTuple):
    name: str
    options: str
    text: str
    fits: bool


class Series(NamedTuple):
    patches: list[Patch]
    after: dict[str, str]
    """The tree's files once every patch that fits is applied."""


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Tree) and len(_texts(setting.given)) > 1 else None
    folder = setting.folder
    tree = given or _drawn(random, f"{folder}/{random.choice(('upstream', 'source', 'base'))}", setting.level)
    series = _series(random, _texts(tree), 3 + setting.level)
    idle = random.choice(WORDS)
    order = "".join(f"{patch.name} {patch.options}\n" for patch in series.patches)
    head, rest = order.split("\n", 1)
    files = [text_file(f"{folder}/patches/{patch.name}", patch.text) for patch in series.patches]
    files.append(text_file(f"{folder}/patches/series", f"# in this order\n{head}\n\n# {idle}.patch -p1\n{rest}"))
    if given is None:
        files += tree.files
    return Fragment(
        title="A series of patches",
        brief=_brief(folder, tree.path, produced=given is not None),
        files=tuple(files),
        steps=_steps(random, folder, tree.path),
        checks=_checks(folder, tree, series),
        outputs=(
            *(f"{folder}/patched/{name}" for name in tree.contents),
            f"{folder}/applied.txt",
            f"{folder}/rejected.txt",
        ),
    )


def _texts(tree: Tree) -> dict[str, str]:
    """Files that a line-wise patch can change: printable, with a line end at the end."""
    texts = {name: content.decode("ascii", "replace") for name, content in tree.contents.items()}
    return {
        name: text
        for name, text in texts.items()
        if text.endswith("\n") and text.replace("\n", "").isprintable() and " " not in name
    }


def _drawn(random: Random, path: str, level: int) -> Tree:
    names = ("README", "src/main.conf", "src/limits.conf", "docs/usage.txt", "docs/faq.txt")
    files = {}
    for name in names:
        chosen = [random.choice(WORDS) for _ in range(8 + 4 * level)]
        files[name] = "".join(f"{word}.{place} = {random.randint(1, 99)}\n" for place, word in enumerate(chosen))
    return Tree(path, tuple(text_file(f"{path}/{name}", text) for name, text in files.items()))


def _series(random: Random, before: dict[str, str], count: int) -> Series:
    """The second patch is kept the other way round; the third fits in one file and not in another."""
    state, patches = dict(before), []
    for number in range(1, count + 1):
        name = random.choice(sorted(before))
        strip, prefixes = random.choice(sorted(PREFIXES.items()))
        new = _edited(random, state[name], number)
        title = f"{number:02d}-{random.choice(WORDS)}.patch"
        if number == 3:
            other = random.choice([one for one in sorted(before) if one != name])
            fitting = _diff(other, state[other], _edited(random, state[other], number), prefixes)
            patches.append(Patch(title, strip, fitting + _ghost(random, name, new, prefixes), fits=False))
        elif number == 2:
            patches.append(Patch(title, f"{strip} -R", _diff(name, new, state[name], prefixes), fits=True))
            state[name] = new
        else:
            patches.append(Patch(title, strip, _diff(name, state[name], new, prefixes), fits=True))
            state[name] = new
    return Series(patches, state)


def _ghost(random: Random, name: str, new: str, prefixes: tuple[str, str]) -> str:
    """A change of lines that nobody has.

    It takes a line away: an addition alone would fit anywhere, for patch gives up its context if it must.
    """
    lines = [f"{random.choice(WORDS)}: {random.randint(1000, 9999)}\n" for _ in range(4)]
    return _diff(name, "".join(lines), "".join([lines[0], new.splitlines(keepends=True)[0], *lines[2:]]), prefixes)


def _edited(random: Random, text: str, number: int) -> str:
    lines = text.splitlines(keepends=True)
    place = random.randrange(len(lines))
    added = f"{random.choice(WORDS)} {number}{random.randint(100, 999)}\n"
    lines[place : place + random.randint(0, 1)] = [added]
    return "".join(lines)


def _diff(name: str, old: str, new: str, prefixes: tuple[str, str]) -> str:
    before, after = (text.splitlines(keepends=True) for text in (old, new))
    return "".join(unified_diff(before, after, f"{prefixes[0]}{name}", f"{prefixes[1]}{name}"))


def _brief(folder: str, tree: str, *, produced: bool) -> str:
    whence = f"the folder `{tree}`, which another part of this job produces," if produced else f"the folder `{tree}`"
    return f"""\
`{folder}/patches/series` lists patches in `{folder}/patches` with the options that `patch` needs for each: how many
leading parts of its paths to strip, and `-R` where it was made the wrong way round. Empty lines and lines that start
with `#` do not count. Copy {whence} to `{folder}/patched` and apply the patches there in the order of the list, each to
what the ones before it left. A patch of which any hunk does not fit is left out as a whole and leaves no trace.

Write the names of the patches to `{folder}/applied.txt` and `{folder}/rejected.txt`, one a line, in the order of the
list. `{folder}/patched` holds nothing but the files of the original, which itself stays as it is."""


def _steps(random: Random, folder: str, tree: str) -> tuple[Step, ...]:
    script = f"""
cd {folder}
cp -R {tree} patched
: > applied.txt
: > rejected.txt
while read -r name options; do
    case $name in
    '' | '#'*) continue ;;
    esac
    if patch -d patched -f --dry-run $options < "patches/$name" > /dev/null; then
        patch -d patched -f -s --no-backup-if-mismatch $options < "patches/$name"
        echo "$name" >> applied.txt
    else
        echo "$name" >> rejected.txt
    fi
done < patches/series
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "The series carries options of its own for every patch. I look at it and at the patches' headers.",
                    "Strip levels differ, so I want to see the paths in the headers beside the list.",
                )
            ),
            plan=random.choice(("Print the series, grep the headers.", "Show list, headers and the tree.")),
            commands=(
                run(f"cat {folder}/patches/series"),
                run(f"grep -hE '^(---|[+]{{3}}) ' {folder}/patches/*.patch"),
                run(f"find {tree} -type f | head -n 20"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "A dry run tells whether all hunks fit before anything changes; only then do I apply it for good.",
                    "With --dry-run first, a patch that fails halfway cannot leave half of itself or a reject file.",
                )
            ),
            plan=random.choice(
                (
                    "Write the loop over the series, run it, compare.",
                    "Save as apply.sh, run, diff against the original.",
                )
            ),
            commands=(
                write(f"{folder}/apply.sh", script),
                run(f"bash {folder}/apply.sh", 2.0),
                run(f"cat {folder}/applied.txt; echo -- rejected:; cat {folder}/rejected.txt"),
                run(f"diff -r {tree} {folder}/patched | head -n 25"),
            ),
        ),
    )


def _checks(folder: str, tree: Tree, series: Series) -> tuple[Check, ...]:
    original = {name: content.decode("ascii", "replace") for name, content in tree.contents.items()}
    after = original | series.after
    changed = {name: text for name, text in after.items() if text != original[name]}
    names: dict[bool, list[str]] = {True: [], False: []}
    for patch in series.patches:
        names[patch.fits].append(patch.name)
    root = f"{folder}/patched"
    return (
        Check(
            "patched",
            f"for name, text in {literal(changed)}.items():\n    assert content(f'{root}/{{name}}') == text, name",
            3.0,
        ),
        Check("applied", f"assert lines({folder + '/applied.txt'!r}) == {names[True]!r}", 2.0),
        Check("rejected", f"assert lines({folder + '/rejected.txt'!r}) == {names[False]!r}"),
        Check(
            "tree",
            f"root = Path({root!r})\n"
            "found = [path.relative_to(root).as_posix() for path in root.rglob('*') if path.is_file()]\n"
            f"assert sorted(found) == {literal(sorted(after))}\n"
            f"for name, text in {literal(after)}.items():\n    assert content(f'{root}/{{name}}') == text, name\n"
            f"for name, text in {literal(original)}.items():\n"
            f"    assert content(f'{tree.path}/{{name}}') == text, f'{{name}} has changed'",
        ),
    )


SKILL = Skill(
    name="software-engineering/patch-series",
    domain="software-engineering",
    folders=("patches", "backport", "vendor-fixes", "downstream"),
    tools=("cat", "grep", "find", "head", "bash", "cp", "patch", "diff"),
    make=make,
    reads=Tree,
)
