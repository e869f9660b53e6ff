"""Data querying: a nested inventory document answers questions about its leaves, its tags and its holes (jq)."""

import json
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

SITES = ("oslo", "turin", "cork", "malmo", "ghent", "porto")
TAGS = ("prod", "test", "gpu", "spare", "db", "edge")


class Theme(NamedTuple):
    document: str
    group: str
    leaf: str
    piece: str
    size: str


THEMES = (
    Theme("datacenters", "racks", "hosts", "disks", "gb"),
    Theme("libraries", "rooms", "shelves", "boxes", "items"),
    Theme("farms", "fields", "plots", "rows", "plants"),
    Theme("galleries", "floors", "walls", "frames", "cm"),
)


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(THEMES)
    document = _draw(random, theme, setting.level)
    source = f"{setting.folder}/{theme.document}.json"
    leaves = _leaves(theme, document)
    table = Table(
        f"{setting.folder}/{theme.leaf}.csv",
        (
            Column("name", "key"),
            Column("site", "word"),
            Column("owner", "word"),
            Column(theme.piece, "whole"),
            Column(theme.size, "whole"),
        ),
        tuple(_row(theme, *found) for found in leaves),
    )
    return Fragment(
        title=f"Query the document {theme.document}.json",
        brief=_brief(setting.folder, source, theme, table),
        files=(text_file(source, json.dumps(document, indent=random.choice((1, 2, None))) + "\n"),),
        steps=_steps(random, setting.folder, source, theme, table),
        checks=_checks(setting.folder, theme, table, document, leaves),
        outputs=(table.path, f"{setting.folder}/tags.json", f"{setting.folder}/holes.txt"),
        offers=(table,),
    )


def _draw(random: Random, theme: Theme, level: int) -> dict[str, object]:
    sites: list[dict[str, object]] = []
    number = random.randint(100, 500)
    for site in random.sample(SITES, 2 + level):
        groups: list[dict[str, object]] = []
        for group in range(2):
            leaves = []
            for _ in range(2 + (level + group) % 2):
                number += 1
                leaves.append(_leaf(random, theme, number))
            owner = random.choice(("ops", "lab", None))
            groups.append({"id": f"{site[0].upper()}{group + 1}", "owner": owner, theme.leaf: leaves})
        sites.append({"site": site, "contact": random.choice(("Jo", "Lin", None)), theme.group: groups})
    return {"version": 3, "checked": None, "sites": sites}


def _leaf(random: Random, theme: Theme, number: int) -> dict[str, object]:
    pieces = [
        {theme.size: None if slot == 2 else random.choice((10, 250, 480, 960)), "slot": slot}
        for slot in range(number % 4)
    ]
    leaf: dict[str, object] = {"name": f"{theme.leaf[0]}-{number}", theme.piece: pieces}
    if number % 3:
        leaf["tags"] = random.sample(TAGS, random.randint(1, 3))
    if number % 5 == 0:
        leaf["owner"] = random.choice(("night shift", "guest"))
    return leaf


Found = tuple[dict[str, object], dict[str, object], dict[str, object]]


def _below(record: dict[str, object], name: str) -> list[dict[str, object]]:
    found = record.get(name, [])
    assert isinstance(found, list)
    return found


def _leaves(theme: Theme, document: dict[str, object]) -> list[Found]:
    """Site, group and leaf, by the leaf's name, which sorts like its number."""
    found = [
        (site, group, leaf)
        for site in _below(document, "sites")
        for group in _below(site, theme.group)
        for leaf in _below(group, theme.leaf)
    ]
    return sorted(found, key=lambda each: str(each[2]["name"]))


def _row(theme: Theme, site: dict[str, object], group: dict[str, object], leaf: dict[str, object]) -> tuple[str, ...]:
    pieces = _below(leaf, theme.piece)
    owner = leaf.get("owner") or group["owner"] or "nobody"
    size = sum(int(str(piece[theme.size])) for piece in pieces if piece[theme.size] is not None)
    return str(leaf["name"]), str(site["site"]), str(owner), str(len(pieces)), str(size)


def _brief(folder: str, source: str, theme: Theme, table: Table) -> str:
    return f"""\
`{source}` is a nested document: `sites` have `{theme.group}`, these have `{theme.leaf}`, and these have
`{theme.piece}`, each with `{theme.size}`. Several values are null or left out.

- `{table.path}`, header `{",".join(table.header)}`: a row for each of the `{theme.leaf}`, sorted by name in byte order:
its name, its site, its own `owner` or else that of the one of the `{theme.group}` that it is in or else `nobody`, how
many `{theme.piece}` it has, and the sum of their `{theme.size}`, where null counts 0.
- `{folder}/tags.json`: an object with each tag that occurs in `tags` of any of the `{theme.leaf}`, each with the list
of names that carry it, in byte order.
- `{folder}/holes.txt`: the path of each null in the document, one a line in byte order, the keys and positions
(counted from 0) joined by dots, such as `sites.0.contact`."""


def _steps(random: Random, folder: str, source: str, theme: Theme, table: Table) -> tuple[Step, ...]:
    leaves = f".sites[] | .site as $site | .{theme.group}[] | .owner as $owner | .{theme.leaf}[]"
    return (
        step(
            random,
            (
                "The levels of the document decide all filters, so I look at its keys first.",
                "Before querying I want the shape: keys a level, and which values are missing.",
            ),
            ("Show the keys and the first site.", "Print keys and one branch of the document."),
            run(f"jq -c 'keys, (.sites[] | keys)' {source}"),
            run(f"jq -c '.sites[] | .{theme.group}[] | .{theme.leaf}[]' {source} | head"),
        ),
        step(
            random,
            (
                "Variables keep site and owner while the filter goes down; `//` supplies the fallbacks.",
                "Going down level by level with `as` leaves the outer values at hand for each row.",
            ),
            ("Write the table and view it.", "Build the rows, sort them, and print the table."),
            run(f"echo {','.join(table.header)} > {table.path}"),
            run(
                f'jq -r \'{leaves} | [.name, $site, .owner // $owner // "nobody", (.{theme.piece} | length), '
                f"(.{theme.piece} | map(.{theme.size} // 0) | add // 0)] | @csv' {source} | tr -d '\"' | "
                f"LC_ALL=C sort >> {table.path}"
            ),
            run(f"cat {table.path}"),
        ),
        step(
            random,
            (
                "For the tags I make pairs of tag and name and group them. paths() finds the nulls.",
                "Tags are an inverted index; the nulls come from paths with a condition.",
            ),
            ("Run both filters and read the results.", "Write tags.json and holes.txt, then show them."),
            run(
                f"jq '[{leaves} | {{tag: .tags[]?, name}}] | group_by(.tag) | "
                f"map({{key: first.tag, value: map(.name) | sort}}) | from_entries' {source} > {folder}/tags.json"
            ),
            run(
                f"jq -r 'paths(. == null) | map(tostring) | join(\".\")' {source} | LC_ALL=C sort > {folder}/holes.txt"
            ),
            run(f"jq -c . {folder}/tags.json; cat {folder}/holes.txt"),
        ),
    )


def _checks(
    folder: str, theme: Theme, table: Table, document: dict[str, object], leaves: list[Found]
) -> tuple[Check, ...]:
    tags: dict[str, list[str]] = {}
    for _, _, leaf in leaves:
        carried = leaf.get("tags", [])
        assert isinstance(carried, list)
        for tag in carried:
            tags.setdefault(tag, []).append(str(leaf["name"]))
    return (
        Check(theme.leaf, f"assert table({table.path!r}) == {literal([table.header, *map(list, table.rows)])}", 3.0),
        Check(
            "tags",
            f"found = document({folder + '/tags.json'!r})\nassert_same(found, {literal(tags)}, where='tags')",
            2.0,
        ),
        Check("holes", f"assert lines({folder + '/holes.txt'!r}) == {literal(sorted(_holes(document)))}", 2.0),
    )


def _holes(value: object, path: str = "") -> list[str]:
    if value is None:
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [hole for key, below in items for hole in _holes(below, f"{path}.{key}" if path else str(key))]


SKILL = Skill(
    name="data-querying/nested-json",
    domain="data-querying",
    folders=("documents", "tree-query", "inventory", "nested-doc"),
    tools=("jq", "sort", "tr", "head", "cat", "echo"),
    make=make,
    offers=(Table,),
)
