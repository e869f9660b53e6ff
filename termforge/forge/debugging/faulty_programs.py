"""Small scripts with a manual, and the faults that debugging tasks put into them.

Each comes with a reference in Python from which all expected output is made.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple


class Fault(NamedTuple):
    rule: str
    """The rule of the specification that it breaks; names the test."""
    right: str
    wrong: str
    """Replaces `right`, which occurs once in the source."""
    cause: str
    """What a reader of the code would say."""


class Program(NamedTuple):
    name: str
    source: str
    manual: str
    faults: tuple[Fault, ...]
    draw: Callable[[Random, frozenset[str], int], list[str]]
    """Input lines of a size that touch the named rules, and others only by accident."""
    reference: Callable[[list[str]], list[str]]


ROLLUP = '''"""Summarise a service log: one line per service. See README.md."""

import sys


def read(lines):
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        stamp, level, service, latency, message = line.split(" ", 4)
        yield service, level, int(latency)


def main():
    services = {}
    for service, level, latency in read(sys.stdin):
        entry = services.setdefault(service, {"count": 0, "errors": 0, "total": 0, "worst": 0})
        entry["count"] += 1
        entry["total"] += latency
        if level in ("ERROR", "FATAL"):
            entry["errors"] += 1
        if latency > entry["worst"]:
            entry["worst"] = latency
    for service in sorted(services):
        entry = services[service]
        mean = entry["total"] // entry["count"]
        print(f"{service} requests={entry['count']} errors={entry['errors']} mean={mean} worst={entry['worst']}")


main()
'''

ROLLUP_MANUAL = """\
# rollup.py

Reads a service log from standard input, prints a summary to standard output.

- Blank lines and lines that start with `#` are skipped.
- Every other line is `<timestamp> <level> <service> <latency in ms> <message>`; the message may contain blanks.
- One output line per service, sorted by name: `<service> requests=<n> errors=<n> mean=<ms> worst=<ms>`.
- `errors` counts the levels ERROR and FATAL. `mean` is rounded down to whole milliseconds.
"""


def _draw_log(random: Random, rules: frozenset[str], size: int) -> list[str]:
    services = random.sample(("auth", "billing", "cart", "ledger", "mailer", "search"), 3)
    levels = ["INFO", "INFO", "WARN", "ERROR"] + ["FATAL"] * ("fatal_counts" in rules)
    lines = []
    for number in range(size):
        service = services[number % 3]
        level = levels[(number // 3) % len(levels)]
        stamp = f"2025-04-{number % 28 + 1:02d}T{random.randrange(24):02d}:{random.randrange(60):02d}:07"
        message = (
            "upstream closed early" if "message_with_blanks" in rules else random.choice(("done", "retry", "cached"))
        )
        lines.append(f"{stamp} {level} {service} {random.randint(3, 900)} {message}")
    if "skipped_lines" in rules:
        lines[2:2] = ["# rotated at midnight", ""]
    return lines


def _reference_log(lines: list[str]) -> list[str]:
    entries = [line.split(" ", 4) for line in lines if line and not line.startswith("#")]
    report = []
    for service in sorted({entry[2] for entry in entries}):
        own = [entry for entry in entries if entry[2] == service]
        times = [int(entry[3]) for entry in own]
        errors = sum(entry[1] in ("ERROR", "FATAL") for entry in own)
        mean = sum(times) // len(times)
        report.append(f"{service} requests={len(own)} errors={errors} mean={mean} worst={max(times)}")
    return report


BOOKINGS = '''"""Merge room bookings into busy blocks. See README.md."""

import sys


def minutes(clock):
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


def merged(bookings):
    blocks = []
    for start, end in sorted(bookings):
        if blocks and start <= blocks[-1][1]:
            blocks[-1][1] = max(blocks[-1][1], end)
        else:
            blocks.append([start, end])
    return blocks


def main():
    rooms = {}
    for line in sys.stdin:
        if not line.strip():
            continue
        room, start, end = line.split()
        rooms.setdefault(room.lower(), []).append((minutes(start), minutes(end)))
    for room in sorted(rooms):
        blocks = merged(rooms[room])
        total = sum(end - start for start, end in blocks)
        print(room, " ".join(f"{clock(start)}-{clock(end)}" for start, end in blocks), total)


main()
'''

BOOKINGS_MANUAL = """\
# bookings.py

Reads bookings from standard input, prints the busy blocks of each room to standard output.

- A line is `<room> <start> <end>` with times as `HH:MM` of one day; blank lines are skipped; lines come in any order.
- Room names differ in casing only by mistake: they are treated as lower case.
- Bookings of a room that overlap or touch (one ends at the minute at which the other starts) form one block.
- One output line per room, sorted by name: the room, its blocks as `HH:MM-HH:MM` in order of time, and the total of
  busy minutes.
"""


def _draw_bookings(random: Random, rules: frozenset[str], size: int) -> list[str]:
    """A blank line, and for each room bookings with gaps between them; each rule adds what it is about."""
    rooms = random.sample(("atrium", "birch", "cedar", "delta", "elm"), 2 + size // 12)
    lines = []
    for room in sorted(rooms):
        at = 8 * 60 + random.randrange(0, 30)
        for _ in range(max(2, size // 8)):
            end = at + random.randint(35, 80)
            lines.append(f"{room} {_clock(at)} {_clock(end)}")
            if "touching_bookings" in rules:
                lines.append(f"{room} {_clock(end)} {_clock(end + 10)}")
            if "nested_bookings" in rules:
                lines.append(f"{room} {_clock(at + 5)} {_clock(end - 10)}")
            at = end + random.randint(15, 35)
    if "any_order" in rules:
        lines.reverse()
    if "room_casing" in rules:
        lines = [line if place % 2 else line.upper() for place, line in enumerate(lines)]
    return [*lines[:2], "", *lines[2:]]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _reference_bookings(lines: list[str]) -> list[str]:
    """Minute by minute instead of by merging: a second way to the same answer."""
    busy: dict[str, list[tuple[int, int]]] = {}
    for line in filter(None, lines):
        room, *times = line.lower().split()
        start, end = (int(time[:2]) * 60 + int(time[3:]) for time in times)
        busy.setdefault(room, []).append((start, end))
    report = []
    for room in sorted(busy):
        taken = {minute for start, end in busy[room] for minute in range(start, end)}
        starts = sorted(minute for minute in taken if minute - 1 not in taken)
        ends = sorted(minute + 1 for minute in taken if minute + 1 not in taken)
        blocks = " ".join(f"{_clock(start)}-{_clock(end)}" for start, end in zip(starts, ends, strict=True))
        report.append(f"{room} {blocks} {len(taken)}")
    return report


PROGRAMS = (
    Program(
        "rollup",
        ROLLUP,
        ROLLUP_MANUAL,
        (
            Fault(
                "skipped_lines",
                'if not line or line.startswith("#"):',
                'if line.startswith("#"):',
                "blank lines are not skipped, so unpacking the split fails on them",
            ),
            Fault(
                "message_with_blanks",
                'line.split(" ", 4)',
                'line.split(" ")',
                "a message with blanks is split into too many fields",
            ),
            Fault(
                "fatal_counts",
                'if level in ("ERROR", "FATAL"):',
                'if level == "ERROR":',
                "FATAL lines are not counted as errors",
            ),
            Fault(
                "worst_latency",
                'if latency > entry["worst"]:',
                'if latency < entry["worst"]:',
                "the comparison for the worst latency points the wrong way",
            ),
            Fault(
                "mean_latency",
                'mean = entry["total"] // entry["count"]',
                'mean = entry["total"] // (entry["count"] + 1)',
                "the mean divides by one request too many",
            ),
        ),
        _draw_log,
        _reference_log,
    ),
    Program(
        "bookings",
        BOOKINGS,
        BOOKINGS_MANUAL,
        (
            Fault(
                "touching_bookings",
                "start <= blocks[-1][1]:",
                "start < blocks[-1][1]:",
                "bookings that touch are kept apart by the strict comparison",
            ),
            Fault(
                "nested_bookings",
                "blocks[-1][1] = max(blocks[-1][1], end)",
                "blocks[-1][1] = end",
                "a short booking inside a longer one cuts the block off",
            ),
            Fault(
                "any_order",
                "in sorted(bookings):",
                "in bookings:",
                "bookings are merged in input order although the merge needs them sorted",
            ),
            Fault(
                "room_casing",
                "rooms.setdefault(room.lower(), [])",
                "rooms.setdefault(room, [])",
                "rooms that differ only in casing are kept apart",
            ),
            Fault(
                "total_minutes",
                "return int(hour) * 60 + int(minute)",
                "return int(hour) * 100 + int(minute)",
                "hours are turned into minutes with the factor 100",
            ),
        ),
        _draw_bookings,
        _reference_bookings,
    ),
)
