"""File operations: bring a mirror up to date by the versions in two manifests, and report conflicts."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.file_operations.trees import draw_paths, draw_text, unchanged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

THEMES = (("release", "edge"), ("master", "branch-office"), ("staging", "public"), ("depot", "kiosk"))
KEPT = ("local", "uploads", "site-only")
FATES = ("copy", "update", "update", "same", "older", "other size", "delete", "keep")


class Entry(NamedTuple):
    path: str
    fate: str
    source: tuple[int, str] | None
    """Version and text."""
    mirror: tuple[int, str] | None

    @property
    def action(self) -> str:
        return {"older": "conflict", "other size": "conflict"}.get(self.fate, self.fate)


class Scene(NamedTuple):
    source: str
    mirror: str
    kept: str
    entries: list[Entry]

    def after(self) -> dict[str, str]:
        """The mirror's texts when it is up to date."""
        texts = {}
        for entry in self.entries:
            taken = entry.source if entry.action in ("copy", "update") else entry.mirror
            if taken is not None and entry.action != "delete":
                texts[entry.path] = taken[1]
        return texts


def make(random: Random, setting: Setting) -> Fragment:
    scene = _drawn(random, setting.level)
    folder = setting.folder
    after, files = scene.after(), _files(random, folder, scene)
    mirror = Tree(f"{folder}/{scene.mirror}", tuple(text_file(f"{folder}/{scene.mirror}/{p}", after[p]) for p in after))
    return Fragment(
        title=f"Bring the mirror {scene.mirror} up to date",
        brief=_brief(folder, scene),
        files=files,
        steps=_steps(random, folder, scene),
        checks=_checks(folder, scene, [file for file in files if not file.path.startswith(f"{mirror.path}/")]),
        outputs=(
            f"{folder}/actions.csv",
            *(f"{folder}/{scene.mirror}/{e.path}" for e in scene.entries if e.action in ("copy", "update")),
        ),
        offers=(mirror,),
    )


def _drawn(random: Random, level: int) -> Scene:
    source, mirror = random.choice(THEMES)
    kept = random.choice(KEPT)
    fates = [*FATES, *random.choices(FATES, k=2 * level)]
    paths = draw_paths(random, len(fates))
    entries = [
        _entry(random, path, fate, kept) for path, fate in zip(paths, random.sample(fates, len(fates)), strict=True)
    ]
    return Scene(source, mirror, kept, sorted(entries))


def _entry(random: Random, path: str, fate: str, kept: str) -> Entry:
    """Versions around a change of digits, so that comparing them as text goes wrong."""
    low, high = random.choice(((9, 10), (8, 11), (9, 12), (99, 100), (3, 20)))
    one, other = draw_text(random, path), draw_text(random, path) + "local correction\n" * random.randint(1, 3)
    if len(one) == len(other):
        other += "#\n"
    pairs = {
        "copy": ((low, one), None),
        "update": ((high, one), (low, other)),
        "same": ((high, one), (high, one)),
        "older": ((low, one), (high, other)),
        "other size": ((high, one), (high, other)),
        "delete": (None, (high, other)),
        "keep": (None, (low, other)),
    }
    return Entry(f"{kept}/{path}" if fate == "keep" else path, fate, *pairs[fate])


def _files(random: Random, folder: str, scene: Scene) -> tuple[File, ...]:
    source = [(e.path, e.source) for e in scene.entries if e.source]
    mirror = [(e.path, e.mirror) for e in scene.entries if e.mirror]
    return (
        *(text_file(f"{folder}/{scene.source}/{path}", text) for path, (_, text) in source),
        *(text_file(f"{folder}/{scene.mirror}/{path}", text) for path, (_, text) in mirror),
        text_file(f"{folder}/{scene.source}.csv", _manifest(random, source)),
        text_file(f"{folder}/{scene.mirror}.csv", _manifest(random, mirror)),
    )


def _manifest(random: Random, held: list[tuple[str, tuple[int, str]]]) -> str:
    rows = [f"{path},{version},{len(text)}\n" for path, (version, text) in held]
    return "path,version,bytes\n" + "".join(random.sample(rows, len(rows)))


def _brief(folder: str, scene: Scene) -> str:
    return f"""\
`{folder}/{scene.mirror}` is a mirror of `{folder}/{scene.source}`. What each holds is in `{folder}/{scene.source}.csv`
and `{folder}/{scene.mirror}.csv` (path, version as a whole number, bytes; the times of the files mean nothing). Bring
the mirror up to date:
- `copy`: a file that only the source has is copied to the same path of the mirror;
- `update`: a file with a higher version in the source replaces the mirror's;
- `conflict`: if the mirror's version is higher, or the versions are equal and the sizes are not, the mirror's file
  stays;
- `same`: with equal version and size nothing happens;
- `delete`: a file that only the mirror has is deleted, except below `{scene.kept}/`, where it stays: `keep`.

Write `{folder}/actions.csv` with the header `action,path` and a row for every path of the two manifests, sorted by
path in byte order. The source and both manifests stay as they are."""


def _script(folder: str, scene: Scene) -> str:
    return f"""
cd {folder}
join -t, -a 1 -a 2 -e none -o 0,1.2,1.3,2.2,2.3 \\
    <(tail -n +2 {scene.source}.csv | sort -t, -k 1,1) <(tail -n +2 {scene.mirror}.csv | sort -t, -k 1,1) |
awk -F, 'BEGIN {{ print "action,path" }}
    $4 == "none" {{ print "copy," $1; next }}
    $2 == "none" {{ print (index($1, "{scene.kept}/") == 1 ? "keep," : "delete,") $1; next }}
    $2 > $4 {{ print "update," $1; next }}
    $2 < $4 || $3 != $5 {{ print "conflict," $1; next }}
    {{ print "same," $1 }}' > actions.csv
sed -n 's/^copy,//p; s/^update,//p' actions.csv |
    (cd {scene.source} && xargs -d '\\n' -I FILE cp --parents FILE ../{scene.mirror})
sed -n 's/^delete,//p' actions.csv | (cd {scene.mirror} && xargs -d '\\n' rm)
"""


def _steps(random: Random, folder: str, scene: Scene) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "Only the manifests decide, so I read them side by side before anything is copied.",
                "I want to see the versions of both sides and the size of the differences first.",
            )
        ),
        plan=random.choice(("Print both manifests sorted by path.", "Show the manifests and compare the trees.")),
        commands=(
            run(f"sort {folder}/{scene.source}.csv"),
            run(f"sort {folder}/{scene.mirror}.csv"),
            run(f"diff -rq {folder}/{scene.source} {folder}/{scene.mirror}"),
        ),
    )
    act = Step(
        analysis=random.choice(
            (
                "An outer join over the path gives every case in one pass; awk compares the versions as numbers, which "
                "matters where one has more digits than the other.",
                "With join -a both ways each path has both versions or a placeholder. The decisions go into "
                "actions.csv, and cp and rm follow that file.",
            )
        ),
        plan=random.choice(
            ("Write the decisions, then copy and delete by them.", "Script the join, run it, and read the actions.")
        ),
        commands=(
            write(f"{folder}/sync.sh", _script(folder, scene)),
            run(f"bash {folder}/sync.sh", 1.5),
            run(f"cat {folder}/actions.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(
            (
                "What still differs must be exactly the conflicts and the kept files.",
                "After the run the trees may differ only where a conflict or a kept file is listed.",
            )
        ),
        plan="Compare the trees again.",
        commands=(
            run(f"diff -rq {folder}/{scene.source} {folder}/{scene.mirror}"),
            run(f"grep -cE '^(conflict|keep),' {folder}/actions.csv"),
        ),
    )
    return look, act, check


def _checks(folder: str, scene: Scene, staying: list[File]) -> tuple[Check, ...]:
    after = scene.after()
    root = f"{folder}/{scene.mirror}"
    fresh = {e.path: after[e.path] for e in scene.entries if e.action in ("copy", "update")}
    stayed = {e.path: after[e.path] for e in scene.entries if e.action in ("conflict", "keep", "same")}
    rows = [["action", "path"], *([e.action, e.path] for e in scene.entries)]
    return (
        Check(
            "actions",
            f"assert table({folder + '/actions.csv'!r}) == {literal(rows)}\n{unchanged(staying)}",
            2.0,
        ),
        Check(
            "fresh_files",
            f"for path, text in {literal(fresh)}.items():\n    assert content({root + '/'!r} + path) == text",
            2.0,
        ),
        Check(
            "nothing_else",
            f"root = Path({root!r})\n"
            "held = {str(path.relative_to(root)): path.read_text() for path in root.rglob('*') if path.is_file()}\n"
            f"assert sorted(held) == {literal(sorted(after))}\n"
            f"stayed = {literal(stayed)}\n"
            "changed = [path for path in stayed if held[path] != stayed[path]]\nassert changed == []",
            2.0,
        ),
    )


SKILL = Skill(
    name="file-operations/sync-by-manifest",
    domain="file-operations",
    folders=("sync", "replication", "distribution", "mirroring"),
    tools=("bash", "cat", "sort", "diff", "tail", "join", "awk", "sed", "xargs", "cp", "rm", "grep"),
    make=make,
    offers=(Tree,),
)
