"""Does a text share fourteen consecutive words with a benchmark? (Paper, section 3.3; its tokeniser is not disclosed.)

Ours, `words-1`: a word is a run of letters and digits (`[^\\W_]+`, Unicode), in small letters; everything else divides.
A gram is 14 consecutive words joined by single spaces, hashed with blake2b to 64 bits; a text of fewer words is one
gram as a whole, so a short benchmark text is found only where a field holds nothing else. The benchmark's own text does
not ship: the index beside this module holds sorted hashes, made by

    python -m termforge.curate.decontaminate build INSTRUCTIONS.jsonl.gz terminal_bench_2.grams
"""

import argparse
import hashlib
import json
import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from termforge.adapt.rows import rows_of
from termforge.errors import InputError
from termforge.schemas import Record, TerminalTask

N = 14
TOKENISER = "words-1"
SHIPPED = "terminal_bench_2.grams"
WORD = re.compile(r"[^\W_]+")
TEXT_COLUMN = "instruction"


class Header(Record):
    """First line of an index file, as JSON; the hashes follow as little-endian 64-bit numbers, sorted."""

    benchmark: str
    n: int
    tokeniser: str
    casing: str = "lower"
    hash: str = "blake2b-64, little-endian, of the words joined by single spaces"
    texts: int
    short_texts: int
    """Texts of fewer than n words, held as one gram each."""
    grams: int


class Index(NamedTuple):
    header: Header
    grams: frozenset[int]


class Overlap(NamedTuple):
    """Where a task and the benchmark say the same."""

    field: str
    grams: int
    """How many grams of the field are the benchmark's."""
    first_word: int
    """Position of the first of them, in words from 0."""


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def grams(text: str) -> Iterator[int]:
    tokens = words(text)
    for start in range(max(1, len(tokens) - N + 1) if tokens else 0):
        joined = " ".join(tokens[start : start + N])
        yield int.from_bytes(hashlib.blake2b(joined.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def overlap(terminal_task: TerminalTask, index: Index) -> Overlap | None:
    """The first field of a task that shares a gram with the benchmark; tests are not looked at, no model reads them."""
    for field, text in _texts(terminal_task):
        hits = [start for start, gram in enumerate(grams(text)) if gram in index.grams]
        if hits:
            return Overlap(field, len(hits), hits[0])
    return None


def _texts(terminal_task: TerminalTask) -> Iterator[tuple[str, str]]:
    """What a model reads or writes of a task: instruction, files that are text, solution."""
    yield "instruction", terminal_task.instruction
    for file in terminal_task.files:
        if b"\0" not in file.content:
            yield file.path, file.content.decode("utf-8", "replace")
    for number, step in enumerate(terminal_task.solution or (), start=1):
        typed = " ".join(command.keystrokes for command in step.commands)
        yield f"solution step {number}", f"{step.analysis} {step.plan} {typed}"


@cache
def terminal_bench_2() -> Index:
    """The index that ships with termforge."""
    return load((resources.files("termforge.curate") / SHIPPED).read_bytes(), SHIPPED)


def load(content: bytes, name: str) -> Index:
    """Raises: InputError for an index of another tokeniser or length, or a damaged one."""
    head, _, body = content.partition(b"\n")
    header = Header.model_validate_json(head)
    if (header.n, header.tokeniser) != (N, TOKENISER):
        raise InputError(f"{name}: made for {header.tokeniser} and n={header.n}, not {TOKENISER} and n={N}")
    if len(body) != 8 * header.grams:
        raise InputError(f"{name}: {len(body)} bytes where {header.grams} hashes of 8 bytes are announced")
    hashes = array("Q", body)
    if sys.byteorder == "big":
        hashes.byteswap()
    return Index(header, frozenset(hashes))


def build(texts: Iterable[str], benchmark: str) -> bytes:
    """The bytes of an index; the same for the same texts in any order."""
    found: set[int] = set()
    count = short = 0
    for text in texts:
        count += 1
        short += len(words(text)) < N
        found.update(grams(text))
    header = Header(benchmark=benchmark, n=N, tokeniser=TOKENISER, texts=count, short_texts=short, grams=len(found))
    body = b"".join(gram.to_bytes(8, "little") for gram in sorted(found))
    return header.model_dump_json().encode() + b"\n" + body


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m termforge.curate.decontaminate", description="Build an index of grams."
    )
    build_parser = parser.add_subparsers(required=True).add_parser("build")
    build_parser.add_argument("texts", type=Path, help=f"JSON lines or Parquet with a column {TEXT_COLUMN!r}")
    build_parser.add_argument("out", type=Path)
    build_parser.add_argument("--benchmark", default="Terminal-Bench 2.0")
    options = parser.parse_args(arguments)
    texts = [str(row[TEXT_COLUMN]) for _, row in rows_of(options.texts).read([TEXT_COLUMN])]
    options.out.write_bytes(build(texts, options.benchmark))
    header = load(options.out.read_bytes(), str(options.out)).header
    print(f"{options.out}: {json.dumps(header.model_dump())}")


if __name__ == "__main__":
    main()
