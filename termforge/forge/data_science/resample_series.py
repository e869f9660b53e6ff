"""Data science: irregular readings of a day become a regular series; short gaps are bridged, long ones marked."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("parking", "free", "ERR", 0, 400),
    ("greenhouse", "lux", "-", 100, 900),
    ("reservoir", "litres", "offline", 1000, 9000),
    ("tram", "riders", "n/a", 0, 120),
)


class Case(NamedTuple):
    name: str
    unit: str
    fault: str
    day: str
    start: int
    """Minute of the day at which the series begins."""
    step: int
    slots: int
    carry: int
    """Longest run of slots without readings that is bridged."""
    readings: list[tuple[int, int | None]]
    """Minute and value, in the order of the file; None where the sensor was at fault."""

    @property
    def series(self) -> list[tuple[str, str, int, int]]:
        """Start, state, value and number of readings of each slot."""
        latest = {minute: value for minute, value in self.readings if value is not None}
        found: list[tuple[str, str, int, int]] = []
        for slot in range(self.slots):
            begin = self.start + slot * self.step
            values = [value for minute, value in latest.items() if begin <= minute < begin + self.step]
            states = [state for _, state, _, _ in found]
            run = next((back for back, state in enumerate(reversed(states)) if state == "measured"), None)
            if values:
                state, value = "measured", sum(values) // len(values)
            elif run is not None and run < self.carry:
                state, value = "carried", found[-1][2]
            else:
                state, value = "missing", 0
            found.append((f"{self.day}T{_clock(begin)}", state, value, len(values)))
        return found


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    source = f"{folder}/{case.name}-{case.day}.log"
    columns = (Column("slot", "key"), Column("state", "word"), Column(case.unit, "whole"), Column("readings", "whole"))
    rows = tuple((slot, state, str(value), str(count)) for slot, state, value, count in case.series)
    table = Table(f"{folder}/series.csv", columns, rows)
    lines = [f"{case.day}T{_clock(minute)} {case.fault if value is None else value}" for minute, value in case.readings]
    return Fragment(
        title=f"Resample the {case.name} readings",
        brief=_brief(folder, source, case),
        files=(text_file(source, "".join(f"{line}\n" for line in lines)),),
        steps=_steps(random, folder, source, case),
        checks=_checks(folder, table),
        outputs=(table.path, f"{folder}/states.txt"),
        offers=(table,),
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _drawn(random: Random, level: int) -> Case:
    """With a gap at the start, one that is just short enough, one that is too long, and readings on the edges."""
    name, unit, fault, low, high = random.choice(THEMES)
    step, carry = random.choice((10, 15, 20)), random.randint(1, 2)
    slots = 15 + 5 * level
    start = 60 * random.randint(4, 8)
    empty = {0, *range(4, 4 + carry), *range(9, 10 + carry)}
    minutes = [start - 1, start + slots * step]
    for slot in (slot for slot in range(slots) if slot not in empty):
        begin = start + slot * step
        minutes += [begin + offset for offset in random.sample(range(step), random.randint(1, 3))]
        minutes += [begin, begin + step - 1][: slot % 3]
    readings: list[tuple[int, int | None]] = [(minute, random.randint(low, high)) for minute in sorted(set(minutes))]
    for place in random.sample(range(len(readings) - 1), 2 + 2 * level):
        minute = readings[place][0]
        readings.append((minute, random.choice((None, random.randint(low, high)))))
    readings += [(start + slot * step + 3, None) for slot in sorted(empty)[:2]]
    readings.sort(key=lambda reading: reading[0])
    day = f"2025-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    return Case(name, unit, fault, day, start, step, slots, carry, readings)


def _brief(folder: str, source: str, case: Case) -> str:
    end = case.start + case.slots * case.step
    bridged = "the first slot" if case.carry == 1 else f"each of the first {case.carry} slots"
    return f"""\
`{source}` holds a sensor's readings of one day, `<YYYY-MM-DDThh:mm> <{case.unit}>`, in order of time. Where the value
is `{case.fault}` the sensor was at fault: such a line counts as if it were not there. Of several lines of the same
minute with a value only the last counts.

Write `{folder}/series.csv` with the header `slot,state,{case.unit},readings` and a row for each slot of {case.step}
minutes: the first begins at {_clock(case.start)}, the last at {_clock(end - case.step)}; a slot holds its first minute
and not the first minute of the next. `slot` is its beginning, written as in the log; `readings` is the number of
readings that count; `state` and value are

- `measured` and the mean of its readings, rounded down, where there are any;
- `carried` and the value of the last measured slot, for {bridged} without readings after a measured slot;
- `missing` and 0 otherwise.

Write `{folder}/states.txt`: for each run of consecutive slots with the same state a line `<state> <number of slots>`,
in order of time."""


def _steps(random: Random, folder: str, source: str, case: Case) -> tuple[Step, ...]:
    look = step(
        random,
        (
            "Faulty readings and repeated minutes need care, so I look for both.",
            "Before resampling: how often does the sensor fail, and which minutes occur twice?",
        ),
        ("Show the log, count faults, list repeated minutes.", "Look at the raw lines, then at faults and repeats."),
        run(f"head {source}"),
        run(f"grep -c -F ' {case.fault}' {source}"),
        run(f"cut -d ' ' -f1 {source} | uniq -d"),
    )
    resample = step(
        random,
        (
            "With minutes since midnight a slot is an integer division. Keeping the last value of each minute "
            "first, and summing over slots at the end, handles repeats.",
            "awk can keep one value a minute in an array and walk over the slots afterwards, counting how long "
            "ago the last measured one was.",
        ),
        ("Write the awk program, run it, read the series.", "Resample with awk and check by eye."),
        write("/tmp/resample.awk", _awk(case)),
        run(f"awk -f /tmp/resample.awk {source} > {folder}/series.csv"),
        run(f"cat {folder}/series.csv"),
    )
    runs = step(
        random,
        ("The runs of states are what uniq -c counts.", "uniq -c on the state column gives the runs directly."),
        ("Cut out the states and count runs.", "Derive states.txt from the series."),
        run(f"tail -n +2 {folder}/series.csv | cut -d, -f2 | uniq -c | awk '{{print $2, $1}}' > {folder}/states.txt"),
        run(f"cat {folder}/states.txt"),
    )
    return look, resample, runs


def _awk(case: Case) -> str:
    return f"""
$2 == "{case.fault}" {{ next }}
{{ day = substr($1, 1, 11); split(substr($1, 12), clock, ":"); value[clock[1] * 60 + clock[2]] = $2 }}
END {{
    print "slot,state,{case.unit},readings"
    since = {case.carry}
    for (begin = {case.start}; begin < {case.start + case.slots * case.step}; begin += {case.step}) {{
        sum = n = 0
        for (minute = begin; minute < begin + {case.step}; minute++)
            if (minute in value) {{ sum += value[minute]; n++ }}
        if (n) {{ state = "measured"; last = shown = int(sum / n); since = 0 }}
        else if (since < {case.carry}) {{ state = "carried"; shown = last; since++ }}
        else {{ state = "missing"; shown = 0 }}
        printf "%s%02d:%02d,%s,%d,%d\\n", day, int(begin / 60), begin % 60, state, shown, n
    }}
}}
"""


def _checks(folder: str, table: Table) -> tuple[Check, ...]:
    rows = [list(row) for row in table.rows]
    states = [row[1] for row in rows]
    starts = [place for place, state in enumerate(states) if place == 0 or states[place - 1] != state]
    runs = [f"{states[a]} {b - a}" for a, b in zip(starts, [*starts[1:], len(states)], strict=True)]
    filled = [[row[0], row[2]] for row in rows if row[1] == "carried"]
    return (
        Check("series", f"assert table({table.path!r}) == {literal([table.header, *rows])}", 3.0),
        Check(
            "carried_slots",
            f"found = [row[:1] + row[2:3] for row in table({table.path!r}) if row[1:2] == ['carried']]\n"
            f"assert found == {literal(filled)}",
        ),
        Check("runs_of_states", f"assert lines({folder + '/states.txt'!r}) == {literal(runs)}"),
    )


SKILL = Skill(
    name="data-science/resample-series",
    domain="data-science",
    folders=("series", "resampling", "day-profile", "telemetry"),
    tools=("cat", "head", "tail", "grep", "cut", "uniq", "awk"),
    make=make,
    offers=(Table,),
)
