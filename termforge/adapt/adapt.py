"""From prompts to tasks: what repeats is dropped, what is left becomes columns, and everything is counted."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import tee
from typing import Literal, get_args

import pyarrow as pa

from termforge.adapt import code, math, swe
from termforge.adapt.form import Form
from termforge.adapt.kind import Kind, LeftOut, Texts, assembled, origin
from termforge.adapt.near_duplicates import NearDuplicates
from termforge.adapt.sources import Prompt
from termforge.schemas import ImageRecipe

KindName = Literal["math", "code", "swe"]
KINDS: Mapping[KindName, Kind] = {"math": math.KIND, "code": code.KIND, "swe": swe.KIND}
assert tuple(KINDS) == get_args(KindName)

TABLE_ROWS = 4_000
TABLE_CHARS = 32_000_000
"""Of prompts, tests and solutions; tables are cut at whichever comes first, so that no long texts fill the memory."""

Row = tuple[str, Texts]
"""Licence, and the texts of a task."""
Shape = tuple[object, ...]


def adapted(kind: Kind, prompts: Iterable[Prompt], image: ImageRecipe, counts: Counter[str]) -> Iterator[pa.Table]:
    """Tables of tasks, in the order of the prompts; `counts` grows while they are drawn."""
    forms: dict[Shape, Form] = {}
    rows: list[Row] = []
    chars = 0
    for prompt in prompts:
        try:
            texts = kind.texts(prompt)
        except LeftOut as why:
            counts[f"prompts {why}"] += 1
            continue
        if prompt.tests and not any(texts[number] for number in kind.given_tests):
            counts["prompts whose tests are of no known form"] += 1
        rows.append((prompt.license, (kind.instruction(prompt), origin(prompt), *texts)))
        chars += len(prompt.text) + len(prompt.tests or "") + len(prompt.solution or "")
        if len(rows) == TABLE_ROWS or chars > TABLE_CHARS:
            yield _counted(_table(kind, image, rows, forms), counts)
            rows, chars = [], 0
    if rows:
        yield _counted(_table(kind, image, rows, forms), counts)


def _table(kind: Kind, image: ImageRecipe, rows: list[Row], forms: dict[Shape, Form]) -> pa.Table:
    """One form a shape; the tables of several are brought into the rows' order."""
    by_shape: dict[Shape, list[int]] = {}
    for number, (license, texts) in enumerate(rows):
        by_shape.setdefault((license, *map(type, texts)), []).append(number)
    tables = []
    for shape, numbers in by_shape.items():
        if shape not in forms:
            license, texts = rows[numbers[0]]
            forms[shape] = Form(partial(assembled, kind, image, license), texts)
        tables.append(forms[shape].table([rows[number][1] for number in numbers]))
    if len(tables) == 1:
        return tables[0]
    order = [number for numbers in by_shape.values() for number in numbers]
    return pa.concat_tables(tables).take(sorted(range(len(order)), key=order.__getitem__))


def _counted(table: pa.Table, counts: Counter[str]) -> pa.Table:
    ungraded, unsolved = (table[name].null_count for name in ("verifier", "solution"))
    found = {
        "tasks": len(table),
        "with tests": len(table) - ungraded,
        "without tests": ungraded,
        "with a solution": len(table) - unsolved,
    }
    counts.update({name: count for name, count in found.items() if count})
    return table


def without_duplicates(prompts: Iterable[Prompt], counts: Counter[str]) -> Iterator[Prompt]:
    """The first of all prompts with the same text; `counts` gets "duplicate prompts" for the others."""
    seen: set[bytes] = set()
    for prompt in prompts:
        key = hashlib.blake2b(prompt.text.encode(), digest_size=12).digest()
        if key in seen:
            counts["duplicate prompts"] += 1
            continue
        seen.add(key)
        yield prompt


def without_near_duplicates(
    kind: Kind, prompts: Iterable[Prompt], threshold: float, counts: Counter[str]
) -> Iterator[Prompt]:
    """The first of all prompts that say almost the same; `counts` gets "near-duplicate prompts" for the others."""
    one, other = tee(prompts)
    repeated = NearDuplicates(threshold).repeated(kind.essence(prompt.text) for prompt in other)
    for prompt, again in zip(one, repeated, strict=True):
        if again is not None:
            counts["near-duplicate prompts"] += 1
        else:
            yield prompt
