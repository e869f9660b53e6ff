"""File operations: sort a drop folder into a dated archive, remove byte-identical copies, and list what is where."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

STATIONS = ("north pier", "Harbour", "mill creek", "Ridge", "old quarry", "Dam 3", "lighthouse")
ENDINGS = ("csv", "CSV", "txt", "Log", "log", "TXT")
STRAYS = ("notes.md", "readme first.txt", "IMG_0042.jpeg", "backup-2024", "north pier.csv", "todo 2025.txt")


class Dropped(NamedTuple):
    name: str
    text: str
    target: str
    """Path below the part's folder after sorting; of a copy, where the kept one goes."""
    kept: str = ""
    """For a copy: the name of the file that is kept."""


def make(random: Random, setting: Setting) -> Fragment:
    dropped = _drawn(random, setting.level)
    folder, incoming = setting.folder, f"{setting.folder}/incoming"
    return Fragment(
        title="Sort the drop folder into the archive",
        brief=_brief(folder, incoming),
        files=tuple(text_file(f"{incoming}/{file.name}", file.text) for file in dropped),
        steps=_steps(random, folder, incoming, dropped),
        checks=_checks(folder, incoming, dropped),
        outputs=(f"{folder}/archive/manifest.csv", f"{folder}/duplicates.csv"),
    )


def _drawn(random: Random, level: int) -> list[Dropped]:
    """Sorted by name, so that of equal files the first one stays."""
    texts: dict[str, str] = {}
    targets: dict[str, str] = {}
    for place, station in enumerate(random.sample(STATIONS, 2 + level)):
        for number in range(1, 3 + level):
            year, month, day = random.choice((2024, 2025)), random.randint(1, 12), random.randint(1, 28)
            ending = random.choice(ENDINGS)
            name = f"{station} {year}{month:02d}{day:02d}-{number}.{ending}"
            slug = station.lower().replace(" ", "-")
            texts[name] = _measurements(random, place, number)
            targets[name] = f"archive/{year}/{month:02d}/{slug}-{day:02d}-{number}.{ending.lower()}"
    for name in random.sample(STRAYS, 1 + level):
        texts[name] = f"{name}: left here on purpose, ask {random.choice(('Ines', 'Tomas', 'Priya'))}\n"
        targets[name] = f"unsorted/{name}"
    for original in random.sample(sorted(set(texts) - set(STRAYS)), 1 + level):
        copy = f"{original.rsplit('-', 1)[0]}-{random.randint(10, 99)}.{random.choice(ENDINGS)}"
        texts[copy], targets[copy] = texts[original], _target_of(copy)
    return _with_copies(texts, targets)


def _target_of(name: str) -> str:
    stem, ending = name.rsplit(".", 1)
    rest, number = stem.rsplit("-", 1)
    station, date = rest.rsplit(" ", 1)
    slug = station.lower().replace(" ", "-")
    return f"archive/{date[:4]}/{date[4:6]}/{slug}-{date[6:]}-{number}.{ending.lower()}"


def _with_copies(texts: dict[str, str], targets: dict[str, str]) -> list[Dropped]:
    first: dict[str, str] = {}
    dropped = []
    for name in sorted(texts):
        keeper = first.setdefault(texts[name], name)
        dropped.append(Dropped(name, texts[name], targets[keeper], "" if keeper == name else keeper))
    return dropped


def _measurements(random: Random, place: int, number: int) -> str:
    """Unlike any other file's: the first line names station and number."""
    rows = [f"{hour:02d}:00 {random.randint(-40, 240) / 10}" for hour in range(0, 24, random.choice((3, 4, 6)))]
    return f"# sensor {place}-{number} serial {random.randint(10000, 99999)}\n" + "\n".join(rows) + "\n"


def _brief(folder: str, incoming: str) -> str:
    return f"""\
`{incoming}` is a drop folder without subfolders. Empty it by these rules:
- Of files with byte-identical content only the one whose name comes first in byte order stays; the others are
  deleted. List them
  in `{folder}/duplicates.csv` with the header `duplicate,kept` (names without folders), sorted by the first column
  in byte order.
- A remaining file whose name has the form `<station> <YYYYMMDD>-<number>.<ending>` (the station may contain blanks;
  the ending is letters
  only) is moved to `{folder}/archive/<YYYY>/<MM>/<station>-<DD>-<number>.<ending>`, with station and ending in
  lower case and each blank of
  the station turned into `-`.
- Every other remaining file is moved to `{folder}/unsorted/` under its own name.

Contents must not change. Write `{folder}/archive/manifest.csv` with the header `path,bytes,sha256`: one row for
each file in the archive except
the manifest itself, the path relative to `{folder}/archive` (without a leading `./`), sorted by path in byte
order."""


def _steps(random: Random, folder: str, incoming: str, dropped: list[Dropped]) -> tuple[Step, ...]:
    script = f"{folder}/sort_drop.sh"
    copies = sum(bool(file.kept) for file in dropped)
    look = Step(
        analysis=random.choice(
            (
                f"Names in {incoming} contain blanks and mixed casing, so quoting matters. I want to see them, and "
                "which contents occur twice.",
                f"Before anything is moved or deleted in {incoming}, I list it and group the files by checksum.",
            )
        ),
        plan=random.choice(
            (
                "List the folder, then show the checksums that occur more than once.",
                "Look at the names and use sha256sum to find identical files.",
            )
        ),
        commands=(
            run(f"ls -l {incoming}"),
            run(f"sha256sum {incoming}/* | sort | uniq -w 64 -D"),
        ),
    )
    move = Step(
        analysis=random.choice(
            (
                f"There are {len(dropped)} files, {copies} of them copies. Going through the names in byte order "
                "(LC_ALL=C) makes the first of equal files the one that stays, and a regular expression tells dated "
                "names from the rest.",
                f"I count {copies} redundant copies among {len(dropped)} files. A bash loop in the C locale with an "
                "associative array of checksums does the removal and the moves in one pass.",
            )
        ),
        plan=random.choice(
            (
                "Write the loop as a script, run it, and look at the tree and the list of duplicates.",
                f"Save the rules as {script}, run it once, then list everything below {folder}.",
            )
        ),
        commands=(
            write(script, _script(folder)),
            run(f"bash {script}", 3.0),
            run(f"find {folder} -type f | sort"),
            run(f"cat {folder}/duplicates.csv"),
        ),
    )
    check = Step(
        analysis=random.choice(
            (
                "The tree looks right. The manifest should agree with the files when they are hashed again.",
                "Everything has moved. I verify the manifest independently by feeding it back to sha256sum.",
            )
        ),
        plan="Print the manifest, check its sums against the files, and make sure that the drop folder is empty.",
        commands=(
            run(f"cat {folder}/archive/manifest.csv"),
            run(
                f"cd {folder}/archive && tail -n +2 manifest.csv | awk -F, '{{print $3 \"  \" $1}}' | sha256sum -c; "
                "cd /app",
                1.0,
            ),
            run(f"ls -A {incoming} | wc -l"),
        ),
    )
    return look, move, check


def _script(folder: str) -> str:
    return rf"""
set -eu
export LC_ALL=C
cd {folder}
mkdir -p archive unsorted
declare -A kept
echo "duplicate,kept" > duplicates.csv
for path in incoming/*; do
    name=${{path#incoming/}}
    sum=$(sha256sum < "$path" | cut -c 1-64)
    if [ -n "${{kept[$sum]:-}}" ]; then
        echo "$name,${{kept[$sum]}}" >> duplicates.csv
        rm "$path"
        continue
    fi
    kept[$sum]=$name
    if [[ $name =~ ^(.+)\ ([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})-([0-9]+)\.([A-Za-z]+)$ ]]; then
        station=$(echo "${{BASH_REMATCH[1]}}" | tr 'A-Z ' 'a-z-')
        ending=$(echo "${{BASH_REMATCH[6]}}" | tr 'A-Z' 'a-z')
        target="archive/${{BASH_REMATCH[2]}}/${{BASH_REMATCH[3]}}"
        mkdir -p "$target"
        mv "$path" "$target/$station-${{BASH_REMATCH[4]}}-${{BASH_REMATCH[5]}}.$ending"
    else
        mv "$path" unsorted/
    fi
done
cd archive
rm -f manifest.csv
find . -type f | cut -c 3- | sort > ../paths
echo "path,bytes,sha256" > manifest.csv
while read -r path; do
    echo "$path,$(wc -c < "$path"),$(sha256sum < "$path" | cut -c 1-64)" >> manifest.csv
done < ../paths
rm ../paths
"""


def _checks(folder: str, incoming: str, dropped: list[Dropped]) -> tuple[Check, ...]:
    kept = sorted((file for file in dropped if not file.kept), key=lambda file: file.target)
    archived = [file for file in kept if file.target.startswith("archive/")]
    unsorted = [file for file in kept if file.target.startswith("unsorted/")]
    manifest = [
        [file.target.removeprefix("archive/"), str(len(file.text)), hashlib.sha256(file.text.encode()).hexdigest()]
        for file in archived
    ]
    copies = [["duplicate", "kept"], *([file.name, file.kept] for file in dropped if file.kept)]
    return (
        Check("archived_files", _same_contents(folder, archived), 3.0),
        Check(
            "other_files",
            f"{_same_contents(folder, unsorted)}\n{_emptied(incoming)}\n"
            f"{_nothing_else(folder, 'unsorted', [file.target for file in unsorted])}",
        ),
        Check(
            "duplicates",
            f"rows = table({folder + '/duplicates.csv'!r})\nassert rows == {literal(copies)}\n"
            f"names = {{path.name for path in Path({folder!r}).rglob('*')}}\n"
            "assert not [name for name, _ in rows if name in names]",
            2.0,
        ),
        Check(
            "manifest",
            f"assert table({folder + '/archive/manifest.csv'!r}) == "
            f"{literal([['path', 'bytes', 'sha256'], *manifest])}\n"
            f"{_nothing_else(folder, 'archive', [*(file.target for file in archived), 'archive/manifest.csv'])}",
            2.0,
        ),
    )


def _emptied(incoming: str) -> str:
    return f"left = [path.name for path in Path({incoming!r}).glob('*')]\nassert left == []"


def _nothing_else(folder: str, below: str, targets: list[str]) -> str:
    return (
        f"root = Path({folder!r})\n"
        f"found = [path.relative_to(root).as_posix() for path in (root / {below!r}).rglob('*') if path.is_file()]\n"
        f"assert sorted(found) == {literal(sorted(targets))}"
    )


def _same_contents(folder: str, files: list[Dropped]) -> str:
    expected = {f"{folder}/{file.target}": file.text for file in files}
    return f"for path, text in {literal(expected)}.items():\n    assert content(path) == text, f'{{path}} has changed'"


SKILL = Skill(
    name="file-operations/sort-drop-folder",
    domain="file-operations",
    folders=("drop", "field-data", "collection", "station-files"),
    tools=(
        "bash",
        "cat",
        "ls",
        "sha256sum",
        "sort",
        "uniq",
        "find",
        "cut",
        "tr",
        "mkdir",
        "mv",
        "rm",
        "wc",
        "tail",
        "awk",
    ),
    make=make,
)
