"""File operations: pack a tree into a reproducible tar.gz and a zip, split by size, with checksums of the contents."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.file_operations.trees import draw_tree, unchanged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run
from termforge.schemas import Step

PRODUCTS = ("gauge-kit", "survey-pack", "route-data", "ward-files", "field-notes")
DAYS = (("2025-01-15", 1736899200), ("2025-03-31", 1743379200), ("2024-11-30", 1732924800), ("2025-06-01", 1748736000))


class Pack(NamedTuple):
    tree: Tree
    folder: str
    product: str
    """Name and version."""
    limit: int
    """Bytes; files of this size still belong into the tar archive."""
    mode: str
    day: str
    epoch: int

    @property
    def tarball(self) -> str:
        return f"{self.folder}/{self.product}.tar.gz"

    @property
    def zipped(self) -> str:
        return f"{self.folder}/{self.product}-large.zip"

    @property
    def sums(self) -> str:
        return f"{self.folder}/SHA256SUMS"


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Tree) else None
    tree = given or draw_tree(random, f"{setting.folder}/content", 5 + 3 * setting.level)
    sizes = sorted(len(file.content) for file in tree.files)
    pack = Pack(
        tree,
        f"{setting.folder}/out",
        f"{random.choice(PRODUCTS)}-{random.randint(1, 4)}.{random.randint(0, 9)}",
        sizes[(len(sizes) - 1) // 2] if sizes[(len(sizes) - 1) // 2] < sizes[-1] else sizes[-1] - 1,
        random.choice(("0644", "0640", "0444", "0664")),
        *random.choice(DAYS),
    )
    return Fragment(
        title=f"Pack {pack.product}",
        brief=_brief(pack, "which another part of this job produces" if given else "which is complete"),
        files=() if given else tree.files,
        steps=_steps(random, pack),
        checks=_checks(pack),
        outputs=(pack.tarball, pack.zipped, pack.sums),
    )


def _brief(pack: Pack, origin: str) -> str:
    return f"""\
Pack the folder `{pack.tree.path}`, {origin}, for a customer who compares archives byte by byte, so nothing of this
machine may show in them: no name of its users, no name or time in the header of gzip, no extra fields in the zip. The
folder itself stays as it is.
- `{pack.tarball}`: a tar archive compressed with gzip of all regular files of at most {pack.limit} bytes. Members are
  named `{pack.product}/<path in the folder>`, come in byte order of their names, and there are no members for folders.
  Each has owner and group id 0, mode {pack.mode} and the time {pack.day} 00:00:00 UTC.
- `{pack.zipped}`: a zip archive of all larger files, named `<path in the folder>`.
- `{pack.sums}`: a line for each file of the folder as `sha256sum` prints it (sum, two blanks, path in the folder),
  sorted by path in byte order."""


def _steps(random: Random, pack: Pack) -> tuple[Step, ...]:
    root, limit = pack.tree.path, pack.limit
    look = Step(
        analysis=random.choice(
            (
                "The size decides which archive a file goes to, so I want to see the sizes first.",
                f"Before packing I look at what is in {root} and how large the files are.",
            )
        ),
        plan=random.choice(("List the files by size.", "Print size and path of every file.")),
        commands=(run(f"find {root} -type f -printf '%s %P\\n' | sort -n"),),
    )
    pack_up = Step(
        analysis=random.choice(
            (
                f"find counts whole bytes with the suffix c; at most {limit} means less than {limit + 1}. tar can fix "
                "order, owner, mode and time itself.",
                "For a reproducible archive names are sorted beforehand and handed to tar with --no-recursion, and "
                "all that depends on this machine is overridden.",
            )
        ),
        plan=random.choice(
            ("Make both name lists, pack them, and compute the sums.", "Lists first, then tar, zip and sha256sum.")
        ),
        commands=(
            run(f"mkdir -p {pack.folder} && cd {root}"),
            run(f"find . -type f -size -{limit + 1}c -printf '%P\\n' | sort > /tmp/small"),
            run(f"find . -type f -size +{limit}c -printf '%P\\n' | sort > /tmp/large"),
            run(
                f"tar -czf {pack.tarball} --owner=0 --group=0 --numeric-owner --mode={pack.mode} --mtime=@{pack.epoch} "
                f"--transform='s|^|{pack.product}/|' --no-recursion -T /tmp/small"
            ),
            run(f"zip -qX {pack.zipped} -@ < /tmp/large"),
            run(f"find . -type f -printf '%P\\n' | sort | xargs -d '\\n' sha256sum > {pack.sums}"),
            run("cd /app"),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("I read the archives back to see names, modes and times.", "The archives are made; now they are verified.")
        ),
        plan="List both archives and check the sums against the folder.",
        commands=(
            run(f"tar --utc -tvf {pack.tarball}"),
            run(f"zipinfo {pack.zipped}"),
            run(f"cd {root} && sha256sum -c {pack.sums}; cd /app"),
        ),
    )
    return look, pack_up, check


def _checks(pack: Pack) -> tuple[Check, ...]:
    held = pack.tree.contents
    small = {f"{pack.product}/{path}": data.decode() for path, data in held.items() if len(data) <= pack.limit}
    large = {path: data.decode() for path, data in held.items() if len(data) > pack.limit}
    sums = [f"{hashlib.sha256(data).hexdigest()}  {path}" for path, data in held.items()]
    opened = f"""\
import tarfile
content({pack.tarball!r})
try:
    with tarfile.open({pack.tarball!r}, "r:gz") as archive:
        found = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        texts = {{member.name: data.read().decode() for member, data in found if data}}
except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError) as error:
    raise AssertionError(f"not a readable tar.gz: {{error}}") from None
"""
    zipped = f"""\
import zipfile
content({pack.zipped!r})
try:
    with zipfile.ZipFile({pack.zipped!r}) as archive:
        texts = {{name: archive.read(name).decode() for name in archive.namelist() if not name.endswith("/")}}
        extra = [member.filename for member in archive.infolist() if member.extra]
except (zipfile.BadZipFile, UnicodeDecodeError) as error:
    raise AssertionError(f"not a readable zip: {{error}}") from None
assert texts == {literal(large)}
assert extra == []"""
    stamps = (int(pack.mode, 8), 0, 0, pack.epoch)
    return (
        Check("tar_contents", f"{opened}assert texts == {literal(small)}", 2.0),
        Check(
            "tar_is_reproducible",
            f"{opened}assert [member.name for member, _ in found] == {literal(list(small))}\n"
            "stamps = {(m.mode & 0o7777, m.uid, m.gid, int(m.mtime)) for m, _ in found}\n"
            f"assert stamps == {{{stamps!r}}}\n"
            "assert {name for m, _ in found for name in (m.uname, m.gname)} <= {'', 'root'}\n"
            "assert not [m.name for m, _ in found if {'atime', 'ctime'} & set(m.pax_headers)]\n"
            f"assert Path({pack.tarball!r}).read_bytes()[3:8] == bytes(5), 'name or time in the header of gzip'",
            2.0,
        ),
        Check("zip_contents", zipped, 2.0),
        Check("sums", f"assert lines({pack.sums!r}) == {literal(sums)}\n{unchanged(pack.tree.files)}"),
    )


SKILL = Skill(
    name="file-operations/pack-tree",
    domain="file-operations",
    folders=("packing", "shipment", "bundle", "customer-pack"),
    tools=("find", "sort", "mkdir", "tar", "gzip", "zip", "zipinfo", "xargs", "sha256sum"),
    make=make,
    reads=Tree,
)
