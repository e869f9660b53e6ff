"""File operations: lay symbolic links anew from a listing, judge each of them, and correct the listing."""

from os.path import relpath
from posixpath import basename, dirname
from random import Random
from typing import NamedTuple

from termforge.forge.file_operations.trees import draw_paths, draw_text
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

OUTSIDE = ("/usr/bin/env", "/usr/bin/sort", "/usr/bin/find", "/usr/bin/head")
LINKS = (
    "current",
    "latest",
    "default",
    "active",
    "newest",
    "shared",
    "main",
    "pinned",
    "alias",
    "stable",
    "next",
    "seen",
    "todo",
    "top",
    "own",
)
HOMES = ("links", "links/by-name", "docs/see-also", "conf/enabled", "today")


class Link(NamedTuple):
    path: str
    target: str
    """As listed."""
    state: str
    corrected: str
    """The target as it should be listed."""


class Farm(NamedTuple):
    files: dict[str, str]
    links: list[Link]
    """Sorted by path."""


def make(random: Random, setting: Setting) -> Fragment:
    farm = _drawn(random, setting.level)
    folder, tree = setting.folder, f"{setting.folder}/{random.choice(('tree', 'restored', 'archive', 'export'))}"
    listing = "".join(f"{link.path} -> {link.target}\n" for link in random.sample(farm.links, len(farm.links)))
    return Fragment(
        title="Judge and correct a listing of symbolic links",
        brief=_brief(folder, tree),
        files=(
            *(text_file(f"{tree}/{path}", text) for path, text in farm.files.items()),
            text_file(f"{folder}/links.txt", listing),
        ),
        steps=_steps(random, folder, tree, farm),
        checks=_checks(folder, farm),
        outputs=(f"{folder}/states.csv", f"{folder}/links-corrected.txt"),
    )


def _drawn(random: Random, level: int) -> Farm:
    paths = draw_paths(random, 6 + 2 * level)
    names = iter(random.sample(LINKS, len(LINKS)))

    def place() -> str:
        return f"{random.choice(HOMES)}/{next(names)}"

    links = []
    for path in random.sample(paths, 2 + level):
        link = place()
        links.append(Link(link, _relative(path, link), "ok", _relative(path, link)))
    follower, leader = place(), random.choice(links).path
    links.append(Link(follower, _relative(leader, follower), "ok", _relative(leader, follower)))
    for path in random.sample(paths, 1 + level):
        link = place()
        links.append(Link(link, _relative(f"moved/{basename(path)}", link), "broken", _relative(path, link)))
    one, other, lost, out = place(), place(), place(), place()
    links += [
        Link(one, _relative(other, one), "loop", _relative(other, one)),
        Link(other, _relative(one, other), "loop", _relative(one, other)),
        Link(lost, "../gone/nowhere.dat", "broken", "../gone/nowhere.dat"),
        Link(out, escape := random.choice(OUTSIDE), "outside", escape),
    ]
    return Farm({path: draw_text(random, path, 3) for path in paths}, sorted(links))


def _relative(path: str, link: str) -> str:
    return relpath(f"/{path}", f"/{dirname(link)}")


def _brief(folder: str, tree: str) -> str:
    return f"""\
`{tree}` came back from a backup without its symbolic links; `{folder}/links.txt` lists them as `<path> -> <target>`,
the path relative to `{tree}` and the target as it is stored in the link. The regular files are all there. With the
links laid as listed, each has a state:
- `loop`: following it never ends,
- `broken`: its end does not exist,
- `outside`: its end exists and does not lie below `{tree}`,
- `ok`: its end is a regular file below `{tree}`.

Write `{folder}/states.csv` with the header `path,state,file` and a row per link, sorted by path in byte order; `file`
is the path of the regular file at its end, relative to `{tree}`, for `ok` and empty for the others. Then write
`{folder}/links-corrected.txt` in the format of the listing, sorted by path in byte order: a broken link whose target
has the file name (the part after the last slash) of a regular file in the tree points to that file, by the
shortest relative path from the folder of the link (as `realpath --relative-to` gives it); all other lines are as they
were. No two files in the tree have the same name. Whether the links are laid in the end is up to you."""


def _script(folder: str, tree: str) -> str:
    return f"""
cd {tree}
echo "path,state,file" > {folder}/states.csv
while read -r path arrow target; do
    mkdir -p "$(dirname "$path")"
    ln -sfn "$target" "$path"
done < {folder}/links.txt
sort {folder}/links.txt | while read -r path arrow target; do
    if end=$(readlink -e "$path"); then
        case $end in
            {tree}/*) echo "$path,ok,${{end#{tree}/}}";;
            *) echo "$path,outside,";;
        esac
    elif stat -L "$path" 2>&1 | grep -q 'Too many levels'; then
        echo "$path,loop,"
    else
        echo "$path,broken,"
    fi
done >> {folder}/states.csv
sort {folder}/links.txt | while read -r path arrow target; do
    file=$(find . -type f -name "$(basename "$target")")
    if grep -q "^$path,broken," {folder}/states.csv && [ -n "$file" ]; then
        target=$(realpath --relative-to="$(dirname "$path")" "$file")
    fi
    echo "$path -> $target"
done > {folder}/links-corrected.txt
"""


def _steps(random: Random, folder: str, tree: str, farm: Farm) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "The listing has relative and absolute targets, and links to links. I look at it and at the files.",
                "Before I lay any link I want to see the listing beside the regular files.",
            )
        ),
        plan=random.choice(("Print the listing and the files.", "Show links.txt sorted, then the tree.")),
        commands=(run(f"sort {folder}/links.txt"), run(f"find {tree} -type f | sort")),
    )
    judge = Step(
        analysis=random.choice(
            (
                f"With all {len(farm.links)} links really laid, the file system answers the question: readlink -e "
                "fails for broken links and loops, and stat tells a loop by its error.",
                "Resolving by hand is error-prone where links lead to links. I create them and ask readlink; only "
                "broken ones with a unique file of that name get a new target.",
            )
        ),
        plan=random.choice(
            ("Script laying, judging and correcting; run it.", f"Write {folder}/judge.sh and run it once.")
        ),
        commands=(write(f"{folder}/judge.sh", _script(folder, tree)), run(f"bash {folder}/judge.sh", 2.0)),
    )
    check = Step(
        analysis=random.choice(("Both files should have a line per link.", "I compare the corrected listing.")),
        plan="Read the states, and diff the listings.",
        commands=(
            run(f"cat {folder}/states.csv"),
            run(f"diff <(sort {folder}/links.txt) {folder}/links-corrected.txt"),
        ),
    )
    return look, judge, check


def _checks(folder: str, farm: Farm) -> tuple[Check, ...]:
    tree = {link.path: link for link in farm.links}
    rows = [[link.path, link.state, _end(tree, link) if link.state == "ok" else ""] for link in farm.links]
    by_state = {state: [r[0] for r in rows if r[1] == state] for state in ("broken", "loop", "ok", "outside")}
    corrected = [f"{link.path} -> {link.corrected}" for link in farm.links]
    return (
        Check(
            "states",
            f"found = table('{folder}/states.csv')\nassert all(len(row) == 3 for row in found)\n"
            f"for state, paths in {literal(by_state)}.items():\n"
            "    assert [row[0] for row in found if row[1] == state] == paths, state",
            2.0,
        ),
        Check("ends", f"assert table('{folder}/states.csv') == {literal([['path', 'state', 'file'], *rows])}", 2.0),
        Check("corrected", f"assert lines('{folder}/links-corrected.txt') == {literal(corrected)}", 2.0),
    )


def _end(tree: dict[str, Link], link: Link) -> str:
    path = link.path
    while path in tree:
        path = relpath(f"/{dirname(path)}/{tree[path].target}", "/")
    return path


SKILL = Skill(
    name="file-operations/link-listing",
    domain="file-operations",
    folders=("links", "backup-links", "symlinks", "relinking"),
    tools=(
        "bash",
        "cat",
        "sort",
        "find",
        "mkdir",
        "dirname",
        "basename",
        "ln",
        "readlink",
        "stat",
        "grep",
        "realpath",
        "diff",
    ),
    make=make,
    repairs=True,
)
