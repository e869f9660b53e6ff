"""File operations: texts in several encodings and line ends become one; each file's former form is recorded."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.file_operations.trees import unchanged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, write
from termforge.schemas import File, Step

WORDS = (
    "Größe",
    "café",
    "señal",
    "Øre",
    "façade",
    "naïve",
    "Straße",
    "crème",
    "jalapeño",
    "Åre",
    "über",
    "plain",
    "depth",
)
NAMES = ("menu", "labels", "cities", "glossary", "signs", "notices", "recipes", "contacts", "captions", "street-list")
CODECS = {
    "utf-8": "utf-8",
    "utf-8-bom": "utf-8-sig",
    "utf-16le": "utf-16-le",
    "windows-1252": "cp1252",
    "ascii": "ascii",
}
ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
FORMS = (
    ("windows-1252", "crlf"),
    ("utf-8", "lf"),
    ("utf-16le", "crlf"),
    ("utf-8-bom", "cr"),
    ("ascii", "lf"),
    ("windows-1252", "cr"),
    ("utf-8", "crlf"),
    ("utf-16le", "lf"),
    ("ascii", "crlf"),
    ("utf-8-bom", "lf"),
)


class Text(NamedTuple):
    name: str
    encoding: str
    ends: str
    lines: list[str]
    closed: bool
    """The last line has a line end, too."""

    @property
    def data(self) -> bytes:
        end = ENDS[self.ends]
        body = (end.join(self.lines) + (end if self.closed else "")).encode(CODECS[self.encoding])
        return b"\xff\xfe" + body if self.encoding == "utf-16le" else body

    @property
    def plain(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def make(random: Random, setting: Setting) -> Fragment:
    texts = _drawn(random, setting.level)
    folder = setting.folder
    source = random.choice(("received", "mailed", "from-vendors"))
    target = random.choice(("plain", "unified", "utf8"))
    received = tuple(File(path=f"{folder}/{source}/{text.name}", content=text.data) for text in texts)
    return Fragment(
        title="Bring texts to UTF-8 with one kind of line end",
        brief=_brief(folder, source, target),
        files=received,
        steps=_steps(random, folder, source, target, texts),
        checks=_checks(folder, target, texts, received),
        outputs=(f"{folder}/forms.csv", *(f"{folder}/{target}/{text.name}" for text in texts)),
    )


def _drawn(random: Random, level: int) -> list[Text]:
    names = random.sample(NAMES, 4 + 2 * level)
    return sorted(_text(random, f"{name}.txt", *form) for name, form in zip(names, FORMS, strict=False))


def _text(random: Random, name: str, encoding: str, ends: str) -> Text:
    words = [word for word in WORDS if encoding != "ascii" or word.isascii()]
    accented = [] if encoding == "ascii" else [f"{random.choice(WORDS[:11])} {random.randint(1, 99)}"]
    lines = accented + [f"{random.choice(words)} {random.randint(100, 999)}" for _ in range(random.randint(2, 6))]
    if encoding == "windows-1252":
        lines.append(f"{random.randint(2, 90)} \N{EURO SIGN}")
    return Text(name, encoding, ends, random.sample(lines, len(lines)), random.random() < 0.6)


def _brief(folder: str, source: str, target: str) -> str:
    return f"""\
The texts in `{folder}/{source}` come from different machines. Write each under its own name to `{folder}/{target}`, in
UTF-8 without a byte order mark, every line ended by a single line feed, the last one too. The encoding of a file is
- `utf-16le` if it begins with the bytes FF FE,
- else `utf-8-bom` if it begins with EF BB BF,
- else `ascii` if all of its bytes are below 80 (hexadecimal),
- else `utf-8` if its bytes are valid UTF-8,
- else `windows-1252`.

Its line ends are `crlf` (carriage return and line feed), `cr` (carriage return alone) or `lf`; they are never mixed.
In some files the last line has no end. Write `{folder}/forms.csv` with the header `name,encoding,ends,sha256`, a row
per file sorted by name in byte order;
`sha256` is that of the file written to `{folder}/{target}`. The received files stay as they are."""


def _script(folder: str, source: str, target: str) -> str:
    return rf"""
cd {folder}
mkdir -p {target}
echo "name,encoding,ends,sha256" > forms.csv
for name in $(ls {source} | sort); do
    case $(head -c 3 "{source}/$name" | xxd -p) in
        fffe*) encoding=utf-16le charset=UTF-16;;
        efbbbf) encoding=utf-8-bom charset=UTF-8;;
        *) encoding=windows-1252 charset=CP1252
           iconv -f UTF-8 -t UTF-8 "{source}/$name" > /dev/null 2>&1 && encoding=utf-8 charset=UTF-8
           iconv -f ASCII -t UTF-8 "{source}/$name" > /dev/null 2>&1 && encoding=ascii charset=ASCII;;
    esac
    iconv -f $charset -t UTF-8 "{source}/$name" | sed '1s/^\xef\xbb\xbf//' > text
    if [ "$(tr -cd '\r' < text | wc -c)" -eq 0 ]; then
        ends=lf
        cat text > "{target}/$name"
    elif [ "$(tr -cd '\n' < text | wc -c)" -eq 0 ]; then
        ends=cr
        tr '\r' '\n' < text > "{target}/$name"
    else
        ends=crlf
        tr -d '\r' < text > "{target}/$name"
    fi
    sed -i -e '$a\' "{target}/$name"
    echo "$name,$encoding,$ends,$(sha256sum < "{target}/$name" | cut -c 1-64)" >> forms.csv
done
rm text
"""


def _steps(random: Random, folder: str, source: str, target: str, texts: list[Text]) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "Encodings have to be judged by bytes. file gives a first idea, and a hex dump shows the marks.",
                f"There are {len(texts)} texts of unknown origin. I look at their first bytes and their line ends.",
            )
        ),
        plan=random.choice(("Ask file about all of them and dump one.", "Run file, then look at bytes with xxd.")),
        commands=(run(f"file {folder}/{source}/*"), run(f"head -c 48 {folder}/{source}/{texts[0].name} | xxd")),
    )
    convert = Step(
        analysis=random.choice(
            (
                "iconv ends with an error on bytes that do not fit a charset, which makes it a test for ASCII and "
                "UTF-8. Line ends are judged after the conversion, since UTF-16 has zero bytes between.",
                "The order of the rules matters: marks first, then ASCII, then valid UTF-8, the rest is CP1252. "
                "Line ends are told by counting carriage returns and line feeds.",
            )
        ),
        plan=random.choice(
            ("Write the conversion as a script and run it.", "Loop over the names: judge, convert, unify, record.")
        ),
        commands=(
            write(f"{folder}/convert.sh", _script(folder, source, target)),
            run(f"bash {folder}/convert.sh", 2.0),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("Every result should be ASCII or UTF-8 with plain line feeds.", "file and grep can confirm the results.")
        ),
        plan="Read the record, ask file about the results, and look for carriage returns.",
        commands=(
            run(f"cat {folder}/forms.csv"),
            run(f"file {folder}/{target}/*"),
            run(f"grep -lr $'\\r' {folder}/{target} | wc -l"),
        ),
    )
    return look, convert, check


def _checks(folder: str, target: str, texts: list[Text], received: tuple[File, ...]) -> tuple[Check, ...]:
    single = {text.name: text.plain for text in texts if text.encoding in ("ascii", "utf-8", "utf-8-bom")}
    foreign = {text.name: text.plain for text in texts if text.name not in single}
    body = """\
for name, expected in {0}.items():
    path = Path({1!r}, name)
    found = path.read_bytes() if path.is_file() else b""
    assert found == expected.encode("utf-8"), f"{{name}}: {{found[:40]}}"
"""
    rows = [[t.name, t.encoding, t.ends, hashlib.sha256(t.plain.encode()).hexdigest()] for t in texts]
    return (
        Check("one_byte_units", body.format(literal(single), f"{folder}/{target}")),
        Check("foreign_encodings", body.format(literal(foreign), f"{folder}/{target}"), 2.0),
        Check(
            "record",
            f"assert table('{folder}/forms.csv') == {literal([['name', 'encoding', 'ends', 'sha256'], *rows])}\n"
            f"{unchanged(received)}",
        ),
    )


SKILL = Skill(
    name="file-operations/text-encodings",
    domain="file-operations",
    folders=("encodings", "charset-mix", "imported-texts", "charset"),
    tools=(
        "bash",
        "cat",
        "ls",
        "sort",
        "file",
        "head",
        "xxd",
        "mkdir",
        "iconv",
        "sed",
        "grep",
        "tr",
        "sha256sum",
        "cut",
        "rm",
        "wc",
    ),
    make=make,
)
