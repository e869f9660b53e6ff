"""Data processing: texts in UTF-8, UTF-16 and Windows-1252 with mixed line ends all become plain UTF-8 (iconv)."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, write
from termforge.schemas import File, Step

TOPICS = ("menu", "minutes", "letter", "roster", "notice", "catalogue", "review", "abstract", "poster", "glossary")
PHRASES = (
    "Crème brûlée für zwei",
    "naïve Änderung, S. 12",
    "señor Muñoz pays 40 £",
    "Übergrößen: 7 Stück",
    "façade près de l'école",
    "smørrebrød og øl",
    "São Tomé, 3 caixões",
    "Ångström unit: 0,1 nm",
)
CURLY = ("the “quiet” room – €5", "it’s 20 € … perhaps", "„Hallo“, sagte Žofie")


class Text(NamedTuple):
    name: str
    encoding: str
    """As the report calls it."""
    crlf: bool
    text: str
    """With `\\n`."""

    @property
    def raw(self) -> bytes:
        text = self.text.replace("\n", "\r\n") if self.crlf else self.text
        match self.encoding:
            case "utf-8-bom":
                return text.encode("utf-8-sig")
            case "utf-16le" | "utf-16be":
                return ("\ufeff" + text).encode(self.encoding)
            case _:
                return text.encode(self.encoding)


def make(random: Random, setting: Setting) -> Fragment:
    source, target = f"{setting.folder}/incoming", f"{setting.folder}/utf8"
    texts = _draw(random, setting.level)
    return Fragment(
        title="Bring all texts to UTF-8",
        brief=_brief(setting.folder, source, target),
        files=tuple(File(path=f"{source}/{text.name}", content=text.raw) for text in texts),
        steps=_steps(random, setting.folder, source, target),
        checks=_checks(setting.folder, source, target, texts),
        outputs=(*(f"{target}/{text.name}" for text in texts), f"{setting.folder}/report.csv"),
    )


def _draw(random: Random, level: int) -> list[Text]:
    """By name; each encoding occurs, with both kinds of line ends."""
    encodings = ["utf-8", "utf-8-bom", "utf-16le", "utf-16be", "cp1252", "cp1252"]
    encodings += random.sample(encodings, level)
    names = random.sample(TOPICS, len(encodings))
    texts = []
    for place, (name, encoding) in enumerate(zip(names, encodings, strict=True)):
        ending = random.choice(("txt", "md", "csv"))
        crlf = place in (0, 3, 4) or (place > 5 and random.random() < 0.5)
        rows = [*random.sample(PHRASES, 3), random.choice(CURLY), f"{name} no. {random.randint(100, 999)}"]
        texts.append(Text(f"{name}.{ending}", encoding, crlf, "".join(f"{row}\n" for row in rows)))
    return sorted(texts)


def _brief(folder: str, source: str, target: str) -> str:
    return f"""\
The texts in `{source}` come from many machines. Each is in UTF-8 without a byte-order mark, UTF-8 with one, UTF-16
with one (little or big endian), or Windows-1252. What is valid UTF-8 is UTF-8. Lines end in `\\n` in some files and
in `\\r\\n` in others.

Write each text under its own name into `{target}`: in UTF-8 without a byte-order mark, with `\\n` as the only line
end, and otherwise unchanged. The originals stay as they are. Write `{folder}/report.csv` with the header
`file,encoding,line_end,characters` and a row for each file, sorted by name: the encoding is `utf-8`, `utf-8-bom`,
`utf-16le`, `utf-16be` or `cp1252`, the line end `lf` or `crlf`, and `characters` is the number of characters of the
new text, `\\n` included."""


def _steps(random: Random, folder: str, source: str, target: str) -> tuple[Step, ...]:
    script = f"{folder}/unify.sh"
    return (
        step(
            random,
            (
                "Byte-order marks can be seen in the first bytes, so I dump those of every file.",
                "Before converting anything I look at how the files begin.",
            ),
            ("List the files and print the first bytes of each in hex.", "Hex dump of the beginnings."),
            run(f"ls -l {source}"),
            run(f"for f in {source}/*; do echo $f; head -c 16 $f | xxd; done"),
        ),
        step(
            random,
            (
                "The mark decides where there is one. Without a mark iconv tells whether the bytes are valid UTF-8; "
                "if not, it is Windows-1252.",
                "A case on the first bytes covers the marked files; for the others a trial conversion from UTF-8 "
                "separates UTF-8 from Windows-1252.",
            ),
            (
                "Write a loop that finds the encoding, converts, drops mark and carriage returns, and reports. Run it.",
                "Put detection, conversion and report into one script and run it.",
            ),
            write(script, _script(folder, source, target)),
            run(f"bash {script}", 2.0),
            run(f"cat {folder}/report.csv"),
        ),
        step(
            random,
            (
                "The report looks plausible. Every new file has to be valid UTF-8 and free of carriage returns.",
                "Converted. I verify the results independently of the script.",
            ),
            ("Run iconv over the results and search for carriage returns.", "Validate all outputs and read them."),
            run(f"cat {target}/* | iconv -f UTF-8 -t UTF-8 | tail"),
            run(f"grep -c $'\\r' {target}/*"),
        ),
    )


def _script(folder: str, source: str, target: str) -> str:
    return f"""
mkdir -p {target}
cd {source}
echo file,encoding,line_end,characters > {folder}/report.csv
for name in *; do
    case $(xxd -p -l 3 "$name") in
        efbbbf) kind=utf-8-bom from=UTF-8 skip=4 ;;
        fffe*) kind=utf-16le from=UTF-16LE skip=3 ;;
        feff*) kind=utf-16be from=UTF-16BE skip=3 ;;
        *)
            skip=1
            if iconv -f UTF-8 -t UTF-8 "$name" > /dev/null 2>&1
            then kind=utf-8 from=UTF-8
            else kind=cp1252 from=WINDOWS-1252
            fi ;;
    esac
    tail -c +$skip "$name" | iconv -f $from -t UTF-8 > unix.tmp
    line_end=lf
    if grep -q $'\\r' unix.tmp; then line_end=crlf; fi
    tr -d '\\r' < unix.tmp > {target}/"$name"
    rm unix.tmp
    echo "$name,$kind,$line_end,$(wc -m < {target}/"$name")" >> {folder}/report.csv
done
"""


def _checks(folder: str, source: str, target: str, texts: list[Text]) -> tuple[Check, ...]:
    originals = {f"{source}/{text.name}": text.raw for text in texts}
    report = [[text.name, text.encoding, "crlf" if text.crlf else "lf", str(len(text.text))] for text in texts]
    return (
        Check("utf16", _same_bytes(target, texts, ("utf-16le", "utf-16be")), 2.0),
        Check("windows_1252", _same_bytes(target, texts, ("cp1252",)), 2.0),
        Check("utf8", _same_bytes(target, texts, ("utf-8", "utf-8-bom"))),
        Check(
            "report",
            f"assert table({folder + '/report.csv'!r}) == "
            f"{literal([['file', 'encoding', 'line_end', 'characters'], *report])}\n"
            f"for path, raw in {literal(originals)}.items():\n"
            "    assert content(path) and Path(path).read_bytes() == raw, f'{path} has changed'",
            2.0,
        ),
    )


def _same_bytes(target: str, texts: list[Text], encodings: tuple[str, ...]) -> str:
    expected = {f"{target}/{text.name}": text.text.encode() for text in texts if text.encoding in encodings}
    return (
        f"for path, expected in {literal(expected)}.items():\n"
        "    assert content(path), f'{path} is empty'\n"
        "    assert Path(path).read_bytes() == expected, f'{path} differs'"
    )


SKILL = Skill(
    name="data-processing/unify-encodings",
    domain="data-processing",
    folders=("texts", "mailroom", "translations", "handover"),
    tools=("bash", "iconv", "xxd", "head", "tail", "tr", "wc", "grep", "cat", "ls", "mkdir", "rm"),
    make=make,
)
