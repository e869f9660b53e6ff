"""System administration: a table becomes metrics for a node exporter's textfile collector, and alerts."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.orders import money
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step

QUEUES = ("inbound", "outbound", "deferred", "bounce", "bulk")
COLUMNS = (Column("message", "key"), Column("queue", "word"), Column("bytes", "whole"))


class Feed(NamedTuple):
    table: Table
    word: int
    number: int
    prefix: str
    few: int
    """Groups with so many rows or fewer raise an alert."""

    @property
    def money(self) -> bool:
        return self.table.columns[self.number].kind == "money"

    def groups(self) -> dict[str, list[int]]:
        """Amounts (hundredths of them for money) by label, sorted by label."""
        found: dict[str, list[int]] = {}
        for row in sorted(self.table.rows, key=lambda row: row[self.word]):
            found.setdefault(row[self.word], []).append(int(row[self.number].replace(".", "")))
        return found

    def shown(self, amount: int) -> str:
        return money(amount) if self.money else str(amount)

    def metrics(self) -> list[str]:
        label, groups = self.table.columns[self.word].name, self.groups()
        blocks = {
            "rows": {group: str(len(amounts)) for group, amounts in groups.items()},
            "sum": {group: self.shown(sum(amounts)) for group, amounts in groups.items()},
            "max": {group: self.shown(max(amounts)) for group, amounts in groups.items()},
        }
        lines = []
        for kind, values in blocks.items():
            name = f"{self.prefix}_{kind}"
            lines.append(f"# TYPE {name} gauge")
            lines += [f'{name}{{{label}="{group}"}} {value}' for group, value in values.items()]
        return lines


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _drawn(random, f"{setting.folder}/queue.csv", 16 + 8 * setting.level)
    feed = Feed(table, random.choice(table.places("word")), random.choice(table.places("whole", "money")), "", 0)
    feed = feed._replace(
        prefix=random.choice(("feed", "intake", "export", "node_table")),
        few=sorted(len(amounts) for amounts in feed.groups().values())[len(feed.groups()) // 3],
    )
    target = f"{setting.folder}/textfile/{feed.prefix}.prom"
    return Fragment(
        title="Export a table to the monitoring",
        brief=_brief(setting.folder, target, feed, given=given is not None),
        files=() if given else (text_file(table.path, table.text),),
        steps=_steps(random, setting.folder, target, feed),
        checks=_checks(setting.folder, target, feed),
        outputs=(target, f"{setting.folder}/alerts.txt"),
    )


def _drawn(random: Random, path: str, count: int) -> Table:
    numbers = sorted(random.sample(range(10000, 99999), count))
    rows = tuple((f"M{number:x}", random.choice(QUEUES), str(random.randint(0, 90000))) for number in numbers)
    return Table(path, COLUMNS, rows)


def _brief(folder: str, target: str, feed: Feed, *, given: bool) -> str:
    origin = "which another part of this job produces" if given else "of last night"
    label, amount = feed.table.columns[feed.word].name, feed.table.columns[feed.number].name
    form = "with two decimals" if feed.money else "as a whole number"
    return f"""\
The monitoring reads metrics from text files. Make such a file from the table `{feed.table.path}`, {origin} (CSV with
a header; no cell needs quoting; it stays as it is). Group its rows by the column `{label}` and write `{target}` with
three blocks in this order: `{feed.prefix}_rows`, the number of rows; `{feed.prefix}_sum`, the sum of the column
`{amount}`; `{feed.prefix}_max`, its largest value. Sum and maximum are exact, {form}. A block is a line `# TYPE
<metric> gauge` and a line per group in byte order of its text:

    <metric>{{{label}="<group>"}} <value>

Then write `{folder}/alerts.txt`: a line `<group>: <rows> rows` for every group with {feed.few} rows or fewer, in byte
order of the group; and as last line `total: <rows> rows, <sum>` over the whole table, the sum written as above."""


def _steps(random: Random, folder: str, target: str, feed: Feed) -> tuple[Step, ...]:
    path, word, number = feed.table.path, feed.word + 1, feed.number + 1
    label, prefix = feed.table.columns[feed.word].name, feed.prefix
    exact = f'sub(/[.]/, "", ${number}); ' if feed.money else ""
    shown = 'sprintf("%d.%02d", v / 100, v % 100)' if feed.money else 'sprintf("%d", v)'
    gather = f"{exact}v = ${number} + 0; rows[${word}]++; sum[${word}] += v; if (v > max[${word}]) max[${word}] = v"
    metrics = (
        f'BEGIN {{ FS = "," }}\nfunction shown(v) {{ return {shown} }}\nNR > 1 {{ {gather} }}\nEND {{\n'
        f'    for (g in rows) {{\n        tag = "{{{label}=\\"" g "\\"}} "\n'
        f'        print "1 {prefix}_rows" tag rows[g]\n        print "2 {prefix}_sum" tag shown(sum[g])\n'
        f'        print "3 {prefix}_max" tag shown(max[g])\n    }}\n'
        f'    print "1 # TYPE {prefix}_rows gauge"\n    print "2 # TYPE {prefix}_sum gauge"\n'
        f'    print "3 # TYPE {prefix}_max gauge"\n}}'
    )
    total = f'NR > 1 {{ {exact}v += ${number} }} END {{ print "total: " NR - 1 " rows, " {shown} }}'
    look = Step(
        analysis=random.choice(
            (
                f"I look at the header and at the groups in the column {label}.",
                f"First the shape of the table, and which texts the column {label} holds.",
            )
        ),
        plan=random.choice(("Show the first rows and count the groups.", "Print the head, then the groups.")),
        commands=(run(f"head -n 4 {path}"), run(f"cut -d, -f{word} {path} | sort | uniq -c")),
    )
    export = Step(
        analysis=random.choice(
            (
                "awk gathers rows, sum and maximum in one pass. A digit in front of each line keeps the blocks apart "
                "when sort puts the groups in order; # comes before letters.",
                "I number the blocks, sort all lines, and cut the number off again; that puts each TYPE line first.",
            )
        ),
        plan=random.choice(("Write the awk program and run it.", "Save the program, then aggregate, sort and cut.")),
        commands=(
            run(f"mkdir -p {target.rpartition('/')[0]}"),
            run(f"cat > {folder}/metrics.awk <<'EOF'\n{metrics}\nEOF"),
            run(f"awk -f {folder}/metrics.awk {path} | sort | cut -c 3- > {target}"),
        ),
    )
    alerts = Step(
        analysis=random.choice(
            ("The alerts follow from the first block.", "Group counts are in the metrics now; the limit does the rest.")
        ),
        plan=random.choice(
            ("Filter the rows block, and add the total.", "Take thin groups from the file, then the total.")
        ),
        commands=(
            run(
                f"sed -n 's/^{prefix}_rows{{.*=\"\\(.*\\)\"}} \\(.*\\)/\\1,\\2/p' {target} | "
                f'awk -F, \'$2 <= {feed.few} {{ print $1 ": " $2 " rows" }}\' > {folder}/alerts.txt'
            ),
            run(f"awk -F, '{total}' {path} >> {folder}/alerts.txt"),
            run(f"cat {target} {folder}/alerts.txt"),
        ),
    )
    return look, export, alerts


def _checks(folder: str, target: str, feed: Feed) -> tuple[Check, ...]:
    metrics = feed.metrics()
    thin = [f"{group}: {len(held)} rows" for group, held in feed.groups().items() if len(held) <= feed.few]
    total = feed.shown(sum(sum(amounts) for amounts in feed.groups().values()))
    alerts = [*thin, f"total: {len(feed.table.rows)} rows, {total}"]
    values = dict(line.rsplit(" ", 1) for line in metrics if not line.startswith("#"))
    return (
        Check(
            "values",
            f"found = dict(line.rsplit(' ', 1) for line in lines({target!r}) if '}} ' in line)\n"
            f"assert found == {literal(values)}",
            2.0,
        ),
        Check("file", f"assert lines({target!r}) == {literal(metrics)}", 2.0),
        Check("alerts", f"assert lines('{folder}/alerts.txt') == {literal(alerts)}"),
    )


SKILL = Skill(
    name="system-administration/feed-metrics",
    domain="system-administration",
    folders=("monitoring", "exporter", "metrics", "observability"),
    tools=("head", "cut", "sort", "uniq", "mkdir", "cat", "awk", "sed"),
    make=make,
    reads=Table,
)
