"""Data processing: JSON Lines with nested lists, repeated versions and broken lines become flat tables (jq)."""

import json
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

CITIES = ("Porto", "Gdansk", "Graz", "Bergen", "Leuven", "Tartu", "Split")
SKUS = ("bolt-m6", "hinge", "bracket", "anchor", "washer", "rail-2m", "clamp", "dowel")


class Theme(NamedTuple):
    record: str
    """What a line is about."""
    identity: str
    party: str
    items: str
    price: str


THEMES = (
    Theme("order", "order_no", "customer", "items", "cents"),
    Theme("shipment", "shipment", "consignee", "parcels", "grams"),
    Theme("repair", "ticket", "owner", "parts", "cents"),
    Theme("harvest", "lot", "grower", "crates", "grams"),
)


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(THEMES)
    source = f"{setting.folder}/{theme.record}s.jsonl"
    records = _draw(random, theme, 6 + 3 * setting.level)
    lines = [json.dumps(record, separators=random.choice(((",", ":"), (", ", ": ")))) for record in records]
    broken = _break(random, lines, 2 + setting.level)
    kept = _latest(theme, records)
    return Fragment(
        title=f"Flatten the {theme.record} feed",
        brief=_brief(setting.folder, source, theme),
        files=(text_file(source, "".join(f"{line}\n" for line in lines)),),
        steps=_steps(random, setting.folder, source, theme),
        checks=_checks(setting.folder, theme, kept, broken),
        outputs=tuple(f"{setting.folder}/{name}" for name in ("flat.csv", "cities.json", "broken.txt")),
    )


def _draw(random: Random, theme: Theme, count: int) -> list[dict[str, object]]:
    """Some ids occur again with another version; versions of an id are all different."""
    cities = random.sample(CITIES, 3)
    numbers = random.sample(range(100, 999), count)
    again = random.sample(numbers[1:], count // 3)
    stale, missing = set(again), {numbers[0]}
    records = []
    for place, number in enumerate([*numbers, *again]):
        party: dict[str, object] = {"name": f"{theme.party} {number % 7}"}
        if number not in missing:
            party["city"] = cities[place % 3]
        pieces = [_piece(random, theme) for _ in range(place % 4)]
        version = (random.choice((2, 9)) if number in stale else 4) if place < count else random.choice((3, 10))
        records.append({theme.identity: f"{theme.identity[0].upper()}{number}", "version": version})
        records[-1] |= {theme.party: party, theme.items: pieces}
    return random.sample(records, len(records))


def _piece(random: Random, theme: Theme) -> dict[str, object]:
    piece: dict[str, object] = {"sku": random.choice(SKUS), theme.price: random.randint(5, 4000)}
    if random.random() < 0.6:
        piece["quantity"] = random.choice((0, 1, 2, 3, 12))
    return piece


def _break(random: Random, lines: list[str], count: int) -> list[int]:
    """Puts broken lines between; their numbers, counted from 1."""
    broken = [
        random.choice(lines)[: random.randint(9, 25)],
        "[1, 2, 3]",
        *(random.choice(('"retry"', "null", "-- feed restarted --", "{id: 7}", "42")) for _ in range(count - 2)),
    ]
    for line in broken:
        lines.insert(random.randint(1, len(lines)), line)
    return [number for number, line in enumerate(lines, 1) if line in broken]


def _latest(theme: Theme, records: list[dict[str, object]]) -> list[dict[str, object]]:
    latest: dict[str, dict[str, object]] = {}
    for record in sorted(records, key=lambda record: (str(record[theme.identity]), int(str(record["version"])))):
        latest[str(record[theme.identity])] = record
    return list(latest.values())


def _brief(folder: str, source: str, theme: Theme) -> str:
    article = "an" if theme.record[0] in "aeiou" else "a"
    return f"""\
`{source}` has one JSON object a line, each {article} {theme.record}: `{theme.identity}`, `version` (an integer),
`{theme.party}` (an object with `name` and perhaps `city`) and `{theme.items}` (a list, perhaps empty, of objects with
`sku`, `{theme.price}` of one piece and perhaps `quantity`). A missing quantity is 1, a missing city is `unknown`. Some
lines are broken: they are no JSON, or no JSON object. If several lines have the same `{theme.identity}`, only the one
with the greatest version counts.

- `{folder}/flat.csv`: header `{theme.identity},city,sku,quantity,{theme.price}`, a row for each element of
`{theme.items}`, sorted by `{theme.identity}`, elements of one {theme.record} in their order; the last column is
quantity times `{theme.price}`.
- `{folder}/cities.json`: an object with each city that occurs, each with an object of the integers `{theme.record}s`
(how many count) and `{theme.price}` (sum of the last column above, 0 if nothing was listed).
- `{folder}/broken.txt`: the line numbers of broken lines, counted from 1, ascending, one a line."""


def _steps(random: Random, folder: str, source: str, theme: Theme) -> tuple[Step, ...]:
    current = f"{folder}/current.jsonl"
    city = f'(.{theme.party}.city // "unknown")'
    total = f"(.quantity // 1) * .{theme.price}"
    return (
        step(
            random,
            (
                "I want to see a few raw lines before I write filters for them.",
                "How regular are these objects? The first lines should tell.",
            ),
            ("Print the beginning of the feed and count its lines.", "Look at the first lines."),
            run(f"head -n 4 {source}"),
            run(f"wc -l {source}"),
        ),
        step(
            random,
            (
                "Reading raw lines with jq -R and parsing them with `fromjson?` lets broken lines fall out instead of "
                "ending the run. What parses but is no object has to go as well.",
                "jq stops at the first bad line unless it reads raw text, so I parse each line with fromjson? and "
                "keep objects only.",
            ),
            (
                "List the broken lines first, then keep the newest version of each record in a work file.",
                "Write broken.txt, then a clean file with one object an id.",
            ),
            run(f"jq -R 'select([fromjson? | objects] == []) | input_line_number' {source} > {folder}/broken.txt"),
            run(
                f"jq -R -n -c '[inputs | fromjson? | objects] | group_by(.{theme.identity})[] | max_by(.version)' "
                f"{source} > {current}"
            ),
            run(f"cat {folder}/broken.txt; wc -l {current}"),
        ),
        step(
            random,
            (
                "The work file is sorted by id already, because group_by sorts. Now both results are one filter each.",
                "From the clean objects the table is a loop over the list, and the cities are a grouping.",
            ),
            ("Write flat.csv with @csv and cities.json with group_by; read both.", "Run the two filters."),
            run(f"echo {theme.identity},city,sku,quantity,{theme.price} > {folder}/flat.csv"),
            run(
                f"jq -r '. as $r | .{theme.items}[] | [$r.{theme.identity}, ($r | {city}), .sku, .quantity // 1, "
                f"{total}] | @csv' {current} >> {folder}/flat.csv"
            ),
            run(
                f"jq -s 'group_by({city}) | map({{key: .[0] | {city}, value: {{{theme.record}s: length, "
                f"{theme.price}: (map(.{theme.items}[] | {total}) | add // 0)}}}}) | from_entries' "
                f"{current} > {folder}/cities.json"
            ),
            run(f"rm {current}; head {folder}/flat.csv; jq -c . {folder}/cities.json"),
        ),
    )


def _checks(folder: str, theme: Theme, kept: list[dict[str, object]], broken: list[int]) -> tuple[Check, ...]:
    rows = [[theme.identity, "city", "sku", "quantity", theme.price]]
    cities: dict[str, dict[str, int]] = {}
    for record in kept:
        party, pieces = record[theme.party], record[theme.items]
        assert isinstance(party, dict)
        assert isinstance(pieces, list)
        city = party.get("city", "unknown")
        sums = cities.setdefault(city, {f"{theme.record}s": 0, theme.price: 0})
        sums[f"{theme.record}s"] += 1
        for piece in pieces:
            quantity = piece.get("quantity", 1)
            rows.append([str(record[theme.identity]), city, piece["sku"], str(quantity)])
            rows[-1].append(str(quantity * piece[theme.price]))
            sums[theme.price] += quantity * piece[theme.price]
    return (
        Check("flat_table", f"assert table({folder + '/flat.csv'!r}) == {literal(rows)}", 3.0),
        Check("cities", f"assert_same(document({folder + '/cities.json'!r}), {literal(cities)})", 2.0),
        Check("broken_lines", f"assert lines({folder + '/broken.txt'!r}) == {[str(number) for number in broken]!r}"),
    )


SKILL = Skill(
    name="data-processing/flatten-json",
    domain="data-processing",
    folders=("feed", "json-feed", "nested", "stream"),
    tools=("jq", "cat", "head", "wc", "echo", "rm"),
    make=make,
)
