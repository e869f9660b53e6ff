"""A made-up folder of text files for the skills that work on whole trees, and the check that files stay."""

from collections.abc import Iterable
from random import Random
from zlib import crc32

from termforge.forge.artifacts import Tree
from termforge.forge.skill import literal, text_file
from termforge.schemas import File

PLACES = (
    ("", "md"),
    ("conf", "ini"),
    ("conf/sites", "ini"),
    ("docs", "md"),
    ("docs/minutes", "txt"),
    ("data", "csv"),
    ("data/raw", "csv"),
    ("scripts", "sh"),
    ("scripts/cron", "sh"),
)
STEMS = (
    "intake",
    "budget",
    "survey",
    "routes",
    "sensors",
    "labels",
    "orders",
    "billing",
    "mirror",
    "gauges",
    "catalog",
    "roster",
    "ledger",
    "parcels",
    "wards",
    "turbines",
)
REMARKS = (
    "see the minutes of the last meeting",
    "owner to be named",
    "checked twice",
    "do not edit by hand",
    "valid until the next review, unless the steering group decides otherwise before the end of the quarter",
    "waits for an answer from the supplier",
    "copied from the old host without changes",
)


def draw_paths(random: Random, count: int) -> list[str]:
    """Relative paths, each with another stem, in byte order."""
    stems = random.sample(STEMS, count)
    drawn = [(random.choice(PLACES), stem) for stem in stems]
    return sorted(f"{place}/{stem}.{ending}".lstrip("/") for (place, ending), stem in drawn)


def draw_text(random: Random, path: str, most: int = 9) -> str:
    """ASCII lines for a file of this name; the serial makes it unlike any other's."""
    ending = path.rsplit(".", 1)[-1]
    lines = [_line(random, ending, number) for number in range(1, random.randint(2, most) + 1)]
    comment = "" if ending == "csv" else "# "
    return f"{comment}serial {random.randint(100000, 999999)}\n" + "".join(f"{line}\n" for line in lines)


def _line(random: Random, ending: str, number: int) -> str:
    value = random.randint(10, 9999)
    if ending == "csv":
        return f"{number},{random.choice(STEMS)},{value}"
    if ending == "ini":
        return f"{random.choice(STEMS)}_{number} = {value}"
    if ending == "sh":
        return f"echo 'step {number}: {random.choice(STEMS)} {value}'"
    return f"{number}. {random.choice(STEMS)} {value}: {random.choice(REMARKS)}"


def draw_tree(random: Random, path: str, count: int) -> Tree:
    return Tree(
        path,
        tuple(text_file(f"{path}/{name}", draw_text(random, name)) for name in draw_paths(random, count)),
    )


def unchanged(files: Iterable[File]) -> str:
    """Lines of a check that each of these files is there with the bytes it had."""
    sums = {file.path: crc32(file.content) for file in files}
    return (
        "from zlib import crc32\n"
        f"for path, expected in {literal(sums)}.items():\n"
        "    assert content(path) and crc32(Path(path).read_bytes()) == expected, f'{path} has changed'"
    )
