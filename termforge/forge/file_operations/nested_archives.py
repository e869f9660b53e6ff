"""File operations: unpack archives within archives, and refuse members whose names lead out of the folder."""

from hashlib import sha256
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.file_operations.archives import tar_of, zip_of
from termforge.forge.file_operations.trees import draw_paths, draw_text
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

NAMES = ("monday", "tuesday", "annex", "appendix", "batch-2", "older", "plans", "from-scanner")
CLIMBING = ("../{0}", "../../root/{0}", "docs/../../{0}", "data/raw/../../../{0}")
ABSOLUTE = ("/app/{0}", "/app/cron.d/{0}", "/app/root/{0}")
"""Below `/app`, where the tests look for them."""
TAME = ("notes..txt", "docs/v1..v2.txt", "data/...csv")
"""Two dots that are no component of their own."""


class Archive(NamedTuple):
    name: str
    texts: dict[str, str]
    hostile: dict[str, str]
    inner: tuple["Archive", ...]

    def data(self) -> bytes:
        members = {path: text.encode() for path, text in (*self.texts.items(), *self.hostile.items())}
        members |= {archive.name: archive.data() for archive in self.inner}
        return (tar_of if self.name.endswith(".tar") else zip_of)(members)

    def unpacked(self, prefix: str = "") -> dict[str, str]:
        """Texts by path below the target."""
        texts = {prefix + path: text for path, text in self.texts.items()}
        for archive in self.inner:
            texts |= archive.unpacked(f"{prefix}{archive.name}.d/")
        return texts

    def refused(self, path: str, prefix: str = "") -> list[list[str]]:
        """Archive and member; `path` is what this archive is called there, `prefix` where it is unpacked."""
        rows = [[path, member] for member in self.hostile]
        inner = [(prefix + archive.name, archive) for archive in self.inner]
        return rows + [row for path, archive in inner for row in archive.refused(path, f"{path}.d/")]


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    ending, other = random.sample(("tar", "zip"), 2)
    archive = _drawn(random, f"{random.choice(('delivery', 'handover', 'export', 'estate'))}.{ending}", other, 2)
    target = f"{folder}/unpacked"
    texts = archive.unpacked()
    tree = Tree(target, tuple(text_file(f"{target}/{path}", texts[path]) for path in texts))
    return Fragment(
        title=f"Unpack {archive.name} to the bottom",
        brief=_brief(folder, archive.name, target),
        files=(File(path=f"{folder}/{archive.name}", content=archive.data()),),
        steps=_steps(random, folder, archive, target),
        checks=_checks(folder, archive, target),
        outputs=(f"{folder}/refused.csv", *(file.path for file in tree.files)),
        offers=(tree,),
    )


def _drawn(random: Random, name: str, other: str, depth: int) -> Archive:
    paths = draw_paths(random, 3)
    paths.append(random.choice(TAME))
    texts = {path: draw_text(random, path, 5) for path in paths}
    forms = random.sample((random.choice(CLIMBING), random.choice(ABSOLUTE)), 2)
    hostile = {form.format(f"evil-{random.randint(10, 99)}"): "pwned\n" for form in forms}
    inner: tuple[Archive, ...] = ()
    if depth:
        names = random.sample(NAMES, 2)
        own = name.rsplit(".", 1)[1]
        inner = (
            _drawn(random, f"{names[0]}.{other}", own, depth - 1),
            _drawn(random, f"{names[1]}.{own}", other, 0),
        )
    return Archive(name, texts, hostile, inner)


def _brief(folder: str, name: str, target: str) -> str:
    return f"""\
Unpack `{folder}/{name}` into `{target}`. Archives within it (names ending in `.tar` or `.zip`) are unpacked too, at
any depth: each into a folder beside it, named as the archive with `.d` added (`a/b.zip` into `a/b.zip.d`), after
which that inner archive itself is removed. `{folder}/{name}` stays.

The archives come from outside and are not to be trusted: a member whose name is absolute, or has `..` as one of the
components between its slashes, is refused. It is not unpacked anywhere, under no name. Write `{folder}/refused.csv`
with the header `archive,member`: one row per refused member, `member` being its name as it is in the archive and
`archive` the archive that it is in: `{name}` for the outermost, the path relative to `{target}` for the others. Sort
the rows as text by archive, then by member."""


def _script(folder: str, name: str) -> str:
    return f"""
cd {folder}
echo "archive,member" > refused.csv
unpack() {{
    mkdir -p "$2"
    case $1 in
        *.tar) tar -P -tf "$1" > members;;
        *.zip) zipinfo -1 "$1" > members;;
    esac
    grep -E '^/|(^|/)[.][.](/|$)' members | sed "s|^|$3,|" >> refused.txt
    grep -vE '^/|(^|/)[.][.](/|$)' members > wanted
    case $1 in
        *.tar) tar -xf "$1" -C "$2" -T wanted;;
        *.zip) xargs -d '\\n' unzip -qo "$1" -d "$2" < wanted;;
    esac
}}
unpack {name} unpacked {name}
while inner=$(find unpacked -type f '(' -name '*.tar' -o -name '*.zip' ')' | sort | head -n 1) && [ -n "$inner" ]; do
    unpack "$inner" "$inner.d" "${{inner#unpacked/}}"
    rm "$inner"
done
sort refused.txt >> refused.csv
rm members wanted refused.txt
"""


def _steps(random: Random, folder: str, archive: Archive, target: str) -> tuple[Step, ...]:
    listing = (
        f"tar -P -tvf {folder}/{archive.name}" if archive.name.endswith("tar") else f"zipinfo {folder}/{archive.name}"
    )
    look = Step(
        analysis=random.choice(
            (
                "An archive from outside is listed before it is unpacked; names with .. would leave the target.",
                f"I do not unpack {archive.name} blindly. The list of members shows inner archives and odd names.",
            )
        ),
        plan=random.choice(("List the members with their types.", "Show what the outer archive holds.")),
        commands=(run(listing),),
    )
    unpack = Step(
        analysis=random.choice(
            (
                "There are inner archives and hostile names, absolute ones and ones with `..`. I filter the member "
                "list of each archive and hand only the tame names to tar and unzip, until no archive is left below "
                "the target.",
                "Names such as notes..txt are harmless, so the pattern has to match whole components only. A loop "
                "takes one inner archive after the other.",
            )
        ),
        plan=random.choice(
            (f"Write {folder}/unpack.sh and run it.", "Script listing, filtering and unpacking; run it once.")
        ),
        commands=(write(f"{folder}/unpack.sh", _script(folder, archive.name)), run(f"bash {folder}/unpack.sh", 2.0)),
    )
    check = Step(
        analysis=random.choice(
            ("No archive should be left, and nothing hostile.", "Now the tree must hold plain files only.")
        ),
        plan="List the unpacked files and the refused members.",
        commands=(run(f"find {target} -type f | sort"), run(f"cat {folder}/refused.csv")),
    )
    return look, unpack, check


def _checks(folder: str, archive: Archive, target: str) -> tuple[Check, ...]:
    texts, refused = dict(sorted(archive.unpacked().items())), sorted(archive.refused(archive.name))
    digests = {path: sha256(text.encode()).hexdigest()[:16] for path, text in texts.items()}
    outer = {path: digest for path, digest in digests.items() if ".d/" not in path}
    inner = {path: digest for path, digest in digests.items() if ".d/" in path}
    body = """\
from hashlib import sha256
for path, digest in {0}.items():
    assert sha256(content('{1}/' + path).encode()).hexdigest().startswith(digest), path"""
    return (
        Check("outer_members", body.format(literal(outer), target)),
        Check("inner_members", body.format(literal(inner), target), 2.0),
        Check(
            "nothing_else",
            f"root = Path({target!r})\n"
            "sizes = {str(path.relative_to(root)): path.stat().st_size for path in root.rglob('*') if path.is_file()}\n"
            f"assert sizes == {literal({path: len(text) for path, text in texts.items()})}\n"
            "assert not [path for path in Path('/app').rglob('evil-*')]\n"
            f"assert Path('{folder}/{archive.name}').stat().st_size == {len(archive.data())}",
            2.0,
        ),
        Check(
            "refused",
            f"assert table('{folder}/refused.csv') == {literal([['archive', 'member'], *refused])}",
        ),
    )


SKILL = Skill(
    name="file-operations/nested-archives",
    domain="file-operations",
    folders=("incoming-archives", "unpacking", "estate-files", "estate-handover"),
    tools=(
        "bash",
        "cat",
        "mkdir",
        "tar",
        "zipinfo",
        "unzip",
        "grep",
        "sed",
        "xargs",
        "find",
        "sort",
        "head",
        "rm",
    ),
    make=make,
    offers=(Tree,),
)
