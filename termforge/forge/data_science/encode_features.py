"""Data science: a table becomes features for a model, without leakage: each row knows only the rows above it."""

from random import Random

from termforge.forge.artifacts import Table
from termforge.forge.data_science.observations import Input, drawn_input
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, write
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    source = drawn_input(random, setting.folder, 12 + 8 * setting.level, given)
    steps, window = random.choice((100, 255, 1000)), random.randint(2, 4)
    return Fragment(
        title="Encode a table as features",
        brief=_brief(setting.folder, source, steps, window),
        files=source.files,
        steps=_steps(random, setting.folder, source, steps, window),
        checks=_checks(setting.folder, source, steps, window),
        outputs=(f"{setting.folder}/features.csv", f"{setting.folder}/encoding.json"),
    )


def _brief(folder: str, source: Input, steps: int, window: int) -> str:
    key, group, _ = source.names
    return f"""\
{source.about} Let v be {source.unit}. Write `{folder}/features.csv` with a row for each row of the input, in the same
order, and these columns:

- `{key}`, as in the input;
- for each value of `{group}` in the table, in byte order of the values, a column `is_<value>` that holds 1 where the
  row has that value and 0 elsewhere (the name is the value as it stands, blanks included);
- `scaled`: {steps} x (v - lowest v) / (highest v - lowest v), rounded down to an integer; 0 if all v are equal;
- `seen`: how many earlier rows have the same `{group}`;
- `recent`: the mean of v, rounded down, over the last {window} earlier rows with the same `{group}` (over all of them
  if there are fewer), and -1 if there is none.

Write `{folder}/encoding.json`: an object with `categories` (list of the values of `{group}` in byte order), `lowest`
and `highest` (of v, integers)."""


def _steps(random: Random, folder: str, source: Input, steps: int, window: int) -> tuple[Step, ...]:
    path, place = source.table.path, source.group + 1
    look = step(
        random,
        (
            f"Which values {source.names[1]} takes decides how many indicator columns there are.",
            "First the layout of the table and the categories with their frequencies.",
        ),
        ("Show the head of the table and tabulate the category.", "Look at some rows, count the categories."),
        run(f"head {path}"),
        run(f"tail -n +2 {path} | cut -d, -f{place} | sort | uniq -c"),
    )
    encode = step(
        random,
        (
            "Scaling needs the extremes of the whole table, so awk reads the file twice; seen and recent must be "
            "taken before a row is added to its category.",
            "Two passes: extremes and categories first, then the rows in order with what came before them.",
        ),
        ("Write the awk program and a small driver, run it.", "Save both scripts below /tmp and run the driver."),
        write("/tmp/encode.awk", _awk(source, steps, window)),
        write("/tmp/encode.sh", _driver(folder, source)),
        run("bash /tmp/encode.sh", 1.0),
    )
    check = step(
        random,
        (
            "Every row must have exactly one indicator set, and the number of rows must agree.",
            "A glance at features and encoding shows whether the first row of a category has -1.",
        ),
        ("Show both results and compare the line counts.", "View the outputs and count lines."),
        run(f"head {folder}/features.csv"),
        run(f"wc -l {path} {folder}/features.csv"),
        run(f"cat {folder}/encoding.json"),
    )
    return look, encode, check


def _awk(source: Input, steps: int, window: int) -> str:
    key, group, value = (place + 1 for place in (source.table.places("key")[0], source.group, source.value))
    plain = "" if source.unit == f"`{source.names[2]}`" else f'sub(/[.]/, "", ${value}); '
    return f"""
BEGIN {{ FS = OFS = "," }}
FILENAME == "-" {{ category[++n] = $0; next }}
{{ {plain}v = ${value} + 0 }}
FNR == 1 && ++pass == 2 {{
    line = ${key}
    for (i = 1; i <= n; i++) line = line OFS "is_" category[i]
    print line, "scaled", "seen", "recent"
}}
FNR == 1 {{ next }}
pass == 1 {{
    if (low == "" || v < low) low = v
    if (high == "" || v > high) high = v
    next
}}
{{
    g = ${group}
    line = ${key}
    for (i = 1; i <= n; i++) line = line OFS (g == category[i])
    seen = count[g] + 0
    sum = used = 0
    for (k = seen; k > seen - {window} && k > 0; k--) {{ sum += past[g, k]; used++ }}
    past[g, ++count[g]] = v
    print line, (high > low ? int({steps} * (v - low) / (high - low)) : 0), seen, (used ? int(sum / used) : -1)
}}
"""


def _driver(folder: str, source: Input) -> str:
    path = source.table.path
    hundredths = "" if source.unit == f"`{source.names[2]}`" else " | tr -d ."
    return f"""
export LC_ALL=C
mkdir -p {folder}
tail -n +2 {path} | cut -d, -f{source.group + 1} | sort -u > /tmp/categories
awk -f /tmp/encode.awk - {path} {path} < /tmp/categories > {folder}/features.csv
tail -n +2 {path} | cut -d, -f{source.value + 1}{hundredths} | sort -n | sed -n '1p;$p' | xargs > /tmp/extremes
read -r low high < /tmp/extremes
jq -n -R --argjson low $((10#$low)) --argjson high $((10#$high)) \\
    '{{categories: [inputs], lowest: $low, highest: $high}}' /tmp/categories > {folder}/encoding.json
"""


def _checks(folder: str, source: Input, steps: int, window: int) -> tuple[Check, ...]:
    groups = sorted({group for _, group, _ in source.rows})
    low, high = min(value for *_, value in source.rows), max(value for *_, value in source.rows)
    features, encoding = f"{folder}/features.csv", f"{folder}/encoding.json"
    indicators = [[source.names[0], *(f"is_{group}" for group in groups)]]
    numbers = [["scaled", "seen", "recent"]]
    past: dict[str, list[int]] = {group: [] for group in groups}
    for key, group, value in source.rows:
        before, scaled = past[group], steps * (value - low) // (high - low) if high > low else 0
        recent = before[-window:]
        mean = sum(recent) // len(recent) if recent else -1
        indicators.append([key, *("1" if name == group else "0" for name in groups)])
        numbers.append([str(scaled), str(len(before)), str(mean)])
        before.append(value)
    expected = {"categories": groups, "lowest": low, "highest": high}
    return (
        Check("indicators", f"assert [row[:-3] for row in table({features!r})] == {literal(indicators)}", 2.0),
        Check("history", f"assert [row[-3:] for row in table({features!r})] == {literal(numbers)}", 3.0),
        Check("encoding", f"assert_same(document({encoding!r}), {literal(expected)})"),
    )


SKILL = Skill(
    name="data-science/encode-features",
    domain="data-science",
    folders=("features", "encoder", "design-matrix", "training-input"),
    tools=("cat", "head", "tail", "cut", "sort", "uniq", "awk", "bash", "mkdir", "tr", "jq", "sed", "xargs", "wc"),
    make=make,
    reads=Table,
)
