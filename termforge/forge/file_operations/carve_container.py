"""File operations: cut the sections out of a binary container by its table, and name each by its first bytes."""

import hashlib
import struct
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, write
from termforge.schemas import File, Step

MAGIC = {
    "png": "89504e47",
    "gif": "47494638",
    "elf": "7f454c46",
    "gz": "1f8b0800",
    "wasm": "0061736d",
    "pdf": "25504446",
}
STEMS = ("LOGO", "FONT", "BOOT", "MAIN", "HELP", "TONE", "ICON", "DATA", "MENU", "KEYS")
FORMATS = (b"RSRC", b"FWBD", b"PAKF", b"BNDL")


class Section(NamedTuple):
    name: str
    kind: str
    data: bytes
    offset: int
    length: int
    """In the table; beyond the end of the file for a cut section."""


class Container(NamedTuple):
    name: str
    sections: list[Section]
    data: bytes


def make(random: Random, setting: Setting) -> Fragment:
    kinds = dict(random.sample(sorted(MAGIC.items()), 3))
    container = _drawn(random, setting.level, kinds)
    folder = setting.folder
    whole = [section for section in container.sections if section.kind != "cut"]
    return Fragment(
        title=f"Cut {container.name} into its sections",
        brief=_brief(folder, container, kinds),
        files=(File(path=f"{folder}/{container.name}", content=container.data),),
        steps=_steps(random, folder, container, kinds),
        checks=_checks(folder, container),
        outputs=(f"{folder}/sections.csv", *(f"{folder}/sections/{s.name}.{s.kind}" for s in whole)),
    )


def _drawn(random: Random, level: int, kinds: dict[str, str]) -> Container:
    """The last section ends with the file, the one before it claims more bytes than there are."""
    wanted = [*kinds, "bin", *random.choices([*kinds, "bin"], k=level)]
    wanted.insert(-1, "cut")
    names = [stem + ("" if random.random() < 0.5 else str(random.randint(1, 99))) for stem in random.sample(STEMS, 9)]
    first = 8 + 16 * len(wanted)
    sections, body = [], b""
    for name, kind in zip(names, wanted, strict=False):
        start = bytes.fromhex(kinds.get(kind, f"{random.randint(0x10, 0x18):02x}a1b2c3"))
        data = start + random.randbytes(random.randint(20, 300))
        body += b"\xee" * random.randint(0, 12)
        sections.append(Section(name, kind, data, first + len(body), len(data)))
        body += data
    beyond = first + len(body) + random.randint(1, 9)
    sections[-2] = sections[-2]._replace(length=beyond - sections[-2].offset)
    magic = random.choice(FORMATS)
    table = b"".join(struct.pack("<8sII", s.name.encode(), s.offset, s.length) for s in sections)
    data = magic + struct.pack("<I", len(sections)) + table + body
    return Container(f"{random.choice(('panel', 'modem', 'kiosk', 'meter'))}.{magic.decode().lower()}", sections, data)


def _brief(folder: str, container: Container, kinds: dict[str, str]) -> str:
    known = ", ".join(f"`{magic}` is `{kind}`" for kind, magic in kinds.items())
    return f"""\
`{folder}/{container.name}` is a container: four bytes `{container.data[:4].decode()}`, the number of sections, and
then per section a name (8 bytes ASCII, filled up with zero bytes), an offset and a length. Numbers are unsigned,
32 bits, little-endian; offsets count from the beginning of the file. There may be filling between the sections.

Write each section to `{folder}/sections/<name>.<kind>`, byte by byte as it is in the container. The kind follows from
the first four bytes (hexadecimal): {known}; all others are `bin`. A section whose bytes go beyond the end of the
file is not written and has the kind `cut`. Write `{folder}/sections.csv` with the header
`name,kind,offset,length,sha256` and a row for each section in the order of the table, offset and length in decimal as
in the table, sha256 of the written file and empty for `cut`."""


def _script(folder: str, container: Container, kinds: dict[str, str]) -> str:
    cases = "".join(f"        {magic}) kind={kind};;\n" for kind, magic in kinds.items())
    return f"""
cd {folder}
mkdir -p sections
size=$(stat -c %s {container.name})
count=$(od -An -tu4 -j 4 -N 4 {container.name})
echo "name,kind,offset,length,sha256" > sections.csv
for ((i = 0; i < count; i++)); do
    at=$((8 + 16 * i))
    name=$(dd if={container.name} bs=1 skip=$at count=8 status=none | tr -d '\\0')
    read -r offset length < <(od -An -tu4 -j $((at + 8)) -N 8 {container.name})
    if ((offset + length > size)); then
        echo "$name,cut,$offset,$length," >> sections.csv
        continue
    fi
    case $(xxd -p -s $offset -l 4 {container.name}) in
{cases}        *) kind=bin;;
    esac
    tail -c +$((offset + 1)) {container.name} | head -c $length > "sections/$name.$kind"
    echo "$name,$kind,$offset,$length,$(sha256sum "sections/$name.$kind" | cut -d ' ' -f 1)" >> sections.csv
done
"""


def _steps(random: Random, folder: str, container: Container, kinds: dict[str, str]) -> tuple[Step, ...]:
    path = f"{folder}/{container.name}"
    look = Step(
        analysis=random.choice(
            (
                "A hex dump of the beginning should show the head and the table.",
                "I compare the described layout with the bytes before I rely on it.",
            )
        ),
        plan=random.choice(("Dump the first bytes.", "Look at the head and the size of the file.")),
        commands=(run(f"xxd -l 160 {path}"), run(f"ls -l {path}")),
    )
    carve = Step(
        analysis=random.choice(
            (
                f"The head agrees: {len(container.sections)} entries of 16 bytes from offset 8. od reads the numbers, "
                "dd the names, and tail and head cut the bytes out.",
                "Offsets and lengths are little-endian like this machine, so od -tu4 can read them directly. A section "
                "that passes the end of the file must be skipped.",
            )
        ),
        plan=random.choice((f"Write {folder}/carve.sh and run it.", "Loop over the table in a script.")),
        commands=(
            write(f"{folder}/carve.sh", _script(folder, container, kinds)),
            run(f"bash {folder}/carve.sh", 2.0),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("The kinds should look plausible to file, too.", "I compare the report with the files.")
        ),
        plan="Print the report and the sizes, and let file guess.",
        commands=(run(f"cat {folder}/sections.csv"), run(f"file {folder}/sections/*")),
    )
    return look, carve, check


def _checks(folder: str, container: Container) -> tuple[Check, ...]:
    rows = [
        [s.name, s.kind, str(s.offset), str(s.length), "" if s.kind == "cut" else hashlib.sha256(s.data).hexdigest()]
        for s in container.sections
    ]
    written = {f"{s.name}.{s.kind}": s.data.hex() for s in container.sections if s.kind != "cut"}
    return (
        Check(
            "bytes_of_sections",
            f"folder = Path('{folder}/sections')\n"
            f"for name, expected in {literal(written)}.items():\n"
            "    assert (folder / name).is_file() and (folder / name).read_bytes().hex() == expected, name",
            3.0,
        ),
        Check(
            "names_of_sections",
            f"sizes = {{p.name: p.stat().st_size for p in Path('{folder}/sections').glob('*')}}\n"
            f"assert sizes == {literal({name: len(data) // 2 for name, data in sorted(written.items())})}",
        ),
        Check(
            "report",
            f"header, *rows = table('{folder}/sections.csv')\n"
            "assert header == ['name', 'kind', 'offset', 'length', 'sha256']\n"
            f"assert rows == {literal(rows)}",
            2.0,
        ),
    )


SKILL = Skill(
    name="file-operations/carve-container",
    domain="file-operations",
    folders=("carving", "firmware", "resources", "container"),
    tools=(
        "bash",
        "cat",
        "ls",
        "mkdir",
        "stat",
        "od",
        "dd",
        "tr",
        "xxd",
        "tail",
        "head",
        "sha256sum",
        "cut",
        "file",
    ),
    make=make,
)
