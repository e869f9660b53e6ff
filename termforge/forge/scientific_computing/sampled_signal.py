"""Scientific computing: a column of numbers as a sampled signal: moving means, slopes, peaks and the area below it."""

from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step

THEMES = (
    ("tide", "sample", "phase", ("ebb", "flow", "slack"), "level"),
    ("seismogram", "tick", "station", ("alpha", "bravo"), "counts"),
    ("spectrum", "channel", "filter", ("none", "copper", "lead"), "counts"),
    ("breathing", "frame", "posture", ("lying", "sitting"), "flow"),
)


class Signal(NamedTuple):
    path: str
    key: tuple[str, int]
    value: tuple[str, int]
    """Names and positions of the two columns."""
    scale: int
    """Of a value's last decimal: 100 for money, else 1."""
    samples: list[tuple[str, int]]
    about: str
    files: tuple[File, ...]


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    signal = _signal(random, given or _drawn(random, setting), given is not None)
    half, spacing = (
        random.randint(1, 1 + (setting.level > 1)),
        random.choice((Fraction(1, 2), Fraction(2), Fraction(5))),
    )
    folder = setting.folder
    return Fragment(
        title="Analyse a sampled signal",
        brief=_brief(folder, signal, half, spacing),
        files=signal.files,
        steps=_steps(random, folder, signal, half, spacing),
        checks=_checks(folder, signal, half, spacing),
        outputs=(f"{folder}/smooth.csv", f"{folder}/peaks.csv", f"{folder}/report.json"),
    )


def _drawn(random: Random, setting: Setting) -> Table:
    """A walk that is reflected at 0, with plateaus; both ends are higher than what is next to them, and the greatest
    value is reached twice."""
    name, key, group, groups, value = random.choice(THEMES)
    levels = [random.randint(20, 60)]
    for _ in range(11 + 9 * setting.level):
        levels.append(abs(levels[-1] + random.choice((-9, -6, -4, 0, 0, 3, 5, 8))))
    levels[0], levels[-1] = levels[1] + random.randint(1, 9), levels[-2] + random.randint(1, 9)
    levels[random.randint(3, 7)] = levels[random.randint(10, 17)] = max(levels) + random.randint(1, 9)
    rows = [(f"{key[0]}{number:03d}", random.choice(groups), str(level)) for number, level in enumerate(levels, 1)]
    columns = (Column(key, "key"), Column(group, "word"), Column(value, "whole"))
    return Table(f"{setting.folder}/{name}.csv", columns, tuple(rows))


def _signal(random: Random, table: Table, is_given: bool) -> Signal:
    key, value = table.places("key")[0], random.choice(table.places("whole", "money"))
    origin = ", which another part of this job produces," if is_given else ""
    return Signal(
        table.path,
        (table.header[key], key),
        (table.header[value], value),
        100 if table.columns[value].kind == "money" else 1,
        [(row[key], int(row[value].replace(".", ""))) for row in table.rows],
        f"`{table.path}`{origin} is read as a sampled signal: its column `{table.header[value]}`, in the order of rows",
        () if is_given else (text_file(table.path, table.text),),
    )


def _brief(folder: str, signal: Signal, half: int, spacing: Fraction) -> str:
    key, hundredths = signal.key[0], " in hundredths (as an integer)" if signal.scale == 100 else ""
    return f"""\
{signal.about}, samples being {float(spacing):g} s apart. Let v be the sample's value{hundredths}.

- Write `{folder}/smooth.csv` with the header `{key},mean,slope`: for each sample that has at least {half}
  before it and {half} after it, the mean of v over these {2 * half + 1} samples, rounded down to an integer, and the
  slope: the following sample's v minus that of the sample before, as an integer. Order as in the input.
- Write `{folder}/peaks.csv` with the header `{key},height,width`: a peak is a maximal run of consecutive samples with
  equal v such that there is a sample before the run and one after it and both are lower. Give the id of its first
  sample, v, and the number of samples in the run, in the order of the input.
- Write `{folder}/report.json`: an object with `samples` (number of samples), `area` (the integral of v over time by the
  trapezoidal rule, in units of v times seconds, exact, as a number) and `highest` (the `{key}` of the first sample with
  the greatest v)."""


def _steps(random: Random, folder: str, signal: Signal, half: int, spacing: Fraction) -> tuple[Step, ...]:
    return (
        step(
            random,
            (
                "The rows must be taken in their order, so I look at the beginning and count them.",
                "How long is the signal, and in which column is it?",
            ),
            ("Show the first rows and the number of lines.", "Head of the table and its length."),
            run(f"head {signal.path}"),
            run(f"wc -l {signal.path}"),
        ),
        step(
            random,
            (
                "One pass that stores all samples, then loops: a window for the mean, neighbours for the slope, and "
                "a scan over plateaus for the peaks.",
                "Plateaus make peaks delicate: I walk over runs of equal values and compare with both sides. The rest "
                "are window sums.",
            ),
            ("Write the awk program, run it, look at the three results.", "Analyse with awk, then view the outputs."),
            write("/tmp/signal.awk", _awk(folder, signal, half, spacing)),
            run(f"mkdir -p {folder}"),
            run(f"awk -F, -f /tmp/signal.awk {signal.path}"),
            run(f"head {folder}/smooth.csv {folder}/peaks.csv"),
            run(f"cat {folder}/report.json"),
        ),
    )


def _awk(folder: str, signal: Signal, half: int, spacing: Fraction) -> str:
    plain = f'sub(/[.]/, "", ${signal.value[1] + 1}); ' if signal.scale == 100 else ""
    return f"""
NR == 1 {{
    print ${signal.key[1] + 1} ",mean,slope" > "{folder}/smooth.csv"
    print ${signal.key[1] + 1} ",height,width" > "{folder}/peaks.csv"
    next
}}
{{ {plain}id[++n] = ${signal.key[1] + 1}; v[n] = ${signal.value[1] + 1} + 0 }}
END {{
    for (i = 1 + {half}; i <= n - {half}; i++) {{
        sum = 0
        for (j = i - {half}; j <= i + {half}; j++) sum += v[j]
        printf "%s,%d,%d\\n", id[i], int(sum / {2 * half + 1}), v[i + 1] - v[i - 1] > "{folder}/smooth.csv"
    }}
    for (i = 1; i <= n; i = j) {{
        for (j = i + 1; j <= n && v[j] == v[i]; j++) {{ }}
        if (i > 1 && j <= n && v[i - 1] < v[i] && v[j] < v[i])
            printf "%s,%d,%d\\n", id[i], v[i], j - i > "{folder}/peaks.csv"
    }}
    top = 1
    for (i = 2; i <= n; i++) {{
        twice += v[i - 1] + v[i]
        if (v[i] > v[top]) top = i
    }}
    report = "{{\\"samples\\": %d, \\"area\\": %.2f, \\"highest\\": \\"%s\\"}}\\n"
    printf report, n, twice * {spacing.numerator} / {2 * spacing.denominator}, id[top] > "{folder}/report.json"
}}
"""


def _peaks(samples: list[tuple[str, int]]) -> list[list[str]]:
    found, begin = [], 0
    values = [value for _, value in samples]
    while begin < len(values):
        end = begin
        while end < len(values) and values[end] == values[begin]:
            end += 1
        if begin > 0 and end < len(values) and values[begin - 1] < values[begin] > values[end]:
            found.append([samples[begin][0], str(values[begin]), str(end - begin)])
        begin = end
    return found


def _checks(folder: str, signal: Signal, half: int, spacing: Fraction) -> tuple[Check, ...]:
    key, values = signal.key[0], [value for _, value in signal.samples]
    smooth = [[key, "mean", "slope"]]
    for place in range(half, len(values) - half):
        window = values[place - half : place + half + 1]
        slope = values[place + 1] - values[place - 1]
        smooth.append([signal.samples[place][0], str(sum(window) // len(window)), str(slope)])
    peaks = [[key, "height", "width"], *_peaks(signal.samples)]
    area = spacing * sum(a + b for a, b in pairwise(values)) / 2
    highest = signal.samples[values.index(max(values))][0]
    report = {"samples": len(values), "area": float(area), "highest": highest}
    return (
        Check("smooth", f"assert table({folder + '/smooth.csv'!r}) == {literal(smooth)}", 2.0),
        Check("peaks", f"assert table({folder + '/peaks.csv'!r}) == {literal(peaks)}", 2.0),
        Check("report", f"assert_same(document({folder + '/report.json'!r}), {literal(report)}, tolerance=0.001)"),
    )


SKILL = Skill(
    name="scientific-computing/sampled-signal",
    domain="scientific-computing",
    folders=("signal", "samples", "waveform", "trace-data"),
    tools=("cat", "head", "wc", "mkdir", "awk"),
    make=make,
    reads=Table,
)
