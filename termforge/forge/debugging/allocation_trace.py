"""Debugging: what a program leaked, freed twice or never owned, and its peak, from a trace of its allocator."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SITES = (
    ("parse_header", "read_body", "open_session", "log_request", "grow_buffer"),
    ("load_tile", "decode_row", "cache_glyph", "push_layer", "resize_canvas"),
    ("add_node", "split_page", "copy_key", "pin_cursor", "enlarge_pool"),
    ("queue_frame", "clone_packet", "start_timer", "map_region", "widen_ring"),
)
NULL = "0x0"


class Block(NamedTuple):
    site: str
    size: int
    line: int
    """Of the trace, from 1 on."""


class Findings(NamedTuple):
    leaks: list[list[str]]
    """address, site, line, bytes; in the order of allocation."""
    faults: list[str]
    peak: int
    peak_line: int


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    trace_path = f"{folder}/{random.choice(('alloc', 'heap', 'malloc'))}.trace"
    trace = _trace(random, setting.level)
    found = _found(trace)
    columns = (Column("address", "key"), Column("site", "word"), Column("line", "whole"), Column("bytes", "whole"))
    leaks = Table(f"{folder}/leaks.csv", columns, tuple(tuple(row) for row in found.leaks))
    return Fragment(
        title="What the allocator trace gives away",
        brief=_brief(folder, trace_path),
        files=(text_file(trace_path, "".join(f"{line}\n" for line in trace)),),
        steps=_steps(random, folder, trace_path),
        checks=_checks(folder, leaks, found),
        outputs=(leaks.path, f"{folder}/faults.txt", f"{folder}/usage.json"),
        offers=(leaks,),
    )


def _trace(random: Random, level: int) -> list[str]:
    """At least eight blocks stay; faults are of each kind, by `free` and by `realloc`; one address is used again after
    its free, and the peak lasts for more than a line."""
    *sites, growing = random.choice(SITES)
    addresses = [f"0x{number:x}" for number in random.sample(range(0x5000, 0x9000, 16), 20 + 20 * level)]
    trace: list[str] = []
    held: list[str] = []
    for number, address in enumerate(addresses):
        trace.append(f"malloc {random.choice((16, 24, 64, 100, 256, 1000))} {address} {random.choice(sites)}")
        held.append(address)
        if number % 5 == 4:
            moved = f"0x{0x9000 + 16 * number:x}"
            trace.append(f"realloc {held.pop(0)} {random.choice((32, 128, 512))} {moved} {growing}")
            held.append(moved)
        if len(held) > 9:
            trace.append(f"free {held.pop(random.randrange(len(held)))}")
        if number % 11 == 6:
            trace.append(f"free {NULL}")
    for old, moved in ((addresses[0], "0x9f00"), (f"0x{random.randrange(0xF000, 0xFFF0, 16):x}", "0x9f10")):
        trace.append(f"realloc {old} {random.choice((32, 128, 512))} {moved} {growing}")
    trace += [f"free {addresses[0]}", f"realloc {NULL} 48 {addresses[0]} {growing}", f"free {addresses[0]}"]
    for _ in range(level):
        trace.insert(random.randint(5, len(trace)), f"free 0x{random.randrange(0xA000, 0xF000, 16):x}")
    trace += [f"free {addresses[0]}", f"malloc 8 {addresses[0]} {sites[0]}"]
    trace.insert(_found(trace).peak_line, f"free {NULL}")
    return trace


def _found(trace: list[str]) -> Findings:
    live: dict[str, Block] = {}
    known: set[str] = set()
    faults: list[str] = []
    total, peak, peak_line = 0, 0, 0
    for number, line in enumerate(trace, 1):
        word, *rest = line.split()
        old = rest[0] if word != "malloc" else NULL
        if old in live:
            total -= live.pop(old).size
        elif old != NULL:
            faults.append(f"{number} {'double' if old in known else 'wild'} {old}")
        if word != "free":
            size, address, site = rest[-3:]
            live[address] = Block(site, int(size), number)
            known.add(address)
            total += int(size)
        if total > peak:
            peak, peak_line = total, number
    order = sorted(live, key=lambda address: live[address].line)
    leaks = [[address, live[address].site, str(live[address].line), str(live[address].size)] for address in order]
    return Findings(leaks, faults, peak, peak_line)


def _brief(folder: str, trace: str) -> str:
    return f"""\
`{trace}` records every call of a program to its allocator, one a line: `malloc SIZE ADDRESS SITE` returned that
address, `free ADDRESS` released it, `realloc OLD SIZE ADDRESS SITE` released OLD and returned a new block. Freeing or
reallocating `{NULL}` releases nothing and is no fault. An address may be returned again after its release. Write:
- `{folder}/leaks.csv`, header `address,site,line,bytes`: every block never released, with the site, the line of the
  trace (from 1) and the size of the call that returned it, sorted by line.
- `{folder}/faults.txt`: a line `<line> <kind> <address>` for each release (by `free` or `realloc`) of an address that
  is not allocated at that moment, in the order of the trace; the kind is `double` if the address had been returned
  before, `wild` if not. The call has no further effect, but a `realloc` still returns its new block.
- `{folder}/usage.json`: an object with the whole numbers `peak_bytes` (the most bytes allocated after any line),
  `peak_line` (the first line after which that was so) and `leaked_bytes`."""


def _steps(random: Random, folder: str, trace: str) -> tuple[Step, ...]:
    program = f"""
function release(address) {{
    if (address == "{NULL}") return
    if (!(address in size)) {{
        print NR, (address in known ? "double" : "wild"), address > "{folder}/faults.txt"
        return
    }}
    total -= size[address]
    delete size[address]
}}
function hold(bytes, address, where) {{
    size[address] = bytes
    site[address] = where
    line[address] = NR
    known[address]
    total += bytes
}}
$1 == "malloc" {{ hold($2, $3, $4) }}
$1 == "free" {{ release($2) }}
$1 == "realloc" {{ release($2); hold($3, $4, $5) }}
total > peak {{ peak = total; peak_line = NR }}
END {{
    for (address in size) print address, site[address], line[address], size[address]
    print peak, peak_line, total > "/tmp/usage.txt"
}}
"""
    reshape = (
        f"jq -R 'split(\" \") | map(tonumber) | {{peak_bytes: .[0], peak_line: .[1], leaked_bytes: .[2]}}' "
        f"/tmp/usage.txt > {folder}/usage.json"
    )
    return (
        Step(
            analysis=random.choice(
                (
                    "A trace like this is replayed with a table of live blocks. I want to see its forms first.",
                    "Before I replay the trace I look at how many calls of which kind it holds.",
                )
            ),
            plan=random.choice(("Count the kinds of calls, print a few lines.", "Head of the trace, and its calls.")),
            commands=(
                run(f"head -n 8 {trace}"),
                run(f"cut -d ' ' -f 1 {trace} | sort | uniq -c"),
                run(f"grep -n '{NULL} ' {trace}"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "One awk pass keeps size, site and line of live blocks; releasing a known or unknown address "
                    "that is not live is a fault. What is left at the end has leaked.",
                    "Replaying with an associative array answers all three questions in one pass; `realloc` is a "
                    "release followed by an allocation.",
                )
            ),
            plan=random.choice(
                (
                    "Type the replay, sort the leaks by line under their header, shape the totals with jq.",
                    "Write replay.awk, run it into sort for the CSV, turn the totals into JSON.",
                )
            ),
            commands=(
                write(f"{folder}/replay.awk", program),
                run(f"echo address,site,line,bytes > {folder}/leaks.csv"),
                run(f"awk -f {folder}/replay.awk {trace} | sort -k 3,3n | tr ' ' , >> {folder}/leaks.csv"),
                run(reshape),
            ),
        ),
        Step(
            analysis=random.choice(
                ("Three reports should exist now.", "The leaked bytes must equal the sum of the CSV's last column.")
            ),
            plan=random.choice(("Print them and add the leaks up.", "Show the reports; sum the column as a check.")),
            commands=(
                run(f"cat {folder}/leaks.csv {folder}/faults.txt"),
                run(f"awk -F , '{{ sum += $4 }} END {{ print sum }}' {folder}/leaks.csv"),
                run(f"cat {folder}/usage.json"),
            ),
        ),
    )


def _checks(folder: str, leaks: Table, found: Findings) -> tuple[Check, ...]:
    usage = {
        "peak_bytes": found.peak,
        "peak_line": found.peak_line,
        "leaked_bytes": sum(int(row[3]) for row in found.leaks),
    }
    sites = sorted({row[1] for row in leaks.rows})
    return (
        Check("leaks", f"assert table({leaks.path!r}) == {literal([leaks.header, *found.leaks])}", 3.0),
        Check(
            "leaking_sites",
            f"found = table({leaks.path!r})\nassert found[0] == {leaks.header!r}\n"
            f"assert sorted({{row[1] for row in found[1:] if len(row) == 4}}) == {sites!r}",
        ),
        Check("faults", f"assert lines({folder + '/faults.txt'!r}) == {literal(found.faults)}", 2.0),
        Check("usage", f"assert_same(document({folder + '/usage.json'!r}), {literal(usage)})", 2.0),
    )


SKILL = Skill(
    name="debugging/allocation-trace",
    domain="debugging",
    folders=("heap", "leaks", "allocator", "memory-trace"),
    tools=("head", "cut", "sort", "uniq", "grep", "awk", "tr", "jq", "cat"),
    make=make,
    offers=(Table,),
)
