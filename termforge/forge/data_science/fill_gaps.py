"""Data science: gaps of a table are filled column by column, each by the rule that the protocol states for it."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("patients", "patient", "P", "clinic", ("Aalen", "Bonn", "Celle", "Diez"), ("pulse", "age", "weight")),
    ("wells", "well", "W", "county", ("Ash", "Birch", "Cedar", "Elm"), ("depth", "level", "chloride")),
    ("houses", "house", "H", "street", ("Mill Lane", "High Street", "Old Road", "Quay"), ("rooms", "area", "rent")),
    ("panels", "panel", "S", "roof", ("north", "east", "south", "west"), ("yield", "age", "tilt")),
)
GAPS = ("", "NA", "?")
RULES = {
    "median": "the median of the present values of its group, of two middle ones the smaller; if the group has none, "
    "the median of all present values of the column by the same rule",
    "mode": "the most frequent present value of its group, of equally frequent ones the smallest number; if the group "
    "has none, 0",
    "carry": "the nearest present value of its group in the rows above; if there is none, 0",
}
PERL = {
    "median": """
sub median {
    my @sorted = sort { $a <=> $b } present(@_);
    return @sorted ? $sorted[($#sorted) / 2] : undef;
}
""",
    "mode": """
sub mode {
    my %count;
    $count{$_}++ for present(@_);
    my ($best) = sort { $count{$b} <=> $count{$a} || $a <=> $b } keys %count;
    return $best // 0;
}
""",
    "carry": """
sub carry {
    my @before = present(@_);
    return @before ? $before[-1] : 0;
}
""",
}
CALLS = {
    "median": "median($c, $g, @rows) // median($c, '', @rows)",
    "mode": "mode($c, $g, @rows)",
    "carry": "carry($c, $g, @rows[0 .. $r - 1])",
}


class Case(NamedTuple):
    file: str
    header: tuple[str, ...]
    rules: tuple[str, ...]
    """Of the columns after key and group."""
    rows: list[tuple[str, str, tuple[int | None, ...]]]


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    source = f"{folder}/{case.file}.csv"
    filled = _filled(case)
    columns = (Column(case.header[0], "key"), Column(case.header[1], "word"))
    table = Table(
        f"{folder}/complete.csv",
        (*columns, *(Column(name, "whole") for name in case.header[2:])),
        tuple((row[0], row[1], *map(str, values)) for row, values in zip(case.rows, filled, strict=True)),
    )
    return Fragment(
        title="Fill the gaps by protocol",
        brief=_brief(folder, source, case),
        files=(text_file(source, _text(random, case)),),
        steps=_steps(random, folder, source, case),
        checks=_checks(folder, case, table),
        outputs=(table.path, f"{folder}/filled.csv"),
        offers=(table,),
    )


def _drawn(random: Random, level: int) -> Case:
    """A group that begins with gaps, one each without a value in the columns of median and mode, ties everywhere."""
    file, key, prefix, group, groups, names = random.choice(THEMES)
    columns = random.sample(names, min(3, 1 + level))
    rules = ("median", *random.sample(("mode", "carry"), len(columns) - 1))
    order = random.sample(groups, 4)
    rows: list[tuple[str, str, tuple[int | None, ...]]] = []
    for number in random.sample(range(100, 999), 16 + 8 * level):
        name = order[len(rows) % 4] if len(rows) < 8 else random.choice(order)
        gone = [len(rows) < 3 or random.random() < 0.25 for _ in columns]
        for column, rule in enumerate(rules):
            gone[column] = gone[column] or (rule, name) in (("median", order[0]), ("mode", order[1]))
        rows.append((f"{prefix}{number}", name, tuple(None if gap else random.randint(2, 9) * 5 for gap in gone)))
    rows += [(f"{prefix}{10 + place}", name, (None,) * len(columns)) for place, name in enumerate(order)]
    return Case(file, (key, group, *columns), rules, rows)


def _filled(case: Case) -> list[list[int]]:
    return [
        [_value(case, place, column) if value is None else value for column, value in enumerate(values)]
        for place, (_, _, values) in enumerate(case.rows)
    ]


def _value(case: Case, place: int, column: int) -> int:
    group, rule = case.rows[place][1], case.rules[column]
    rows = case.rows[:place] if rule == "carry" else case.rows
    present = [row[2][column] for row in rows if row[1] == group]
    numbers = [value for value in present if value is not None]
    if rule == "carry":
        return numbers[-1] if numbers else 0
    if rule == "mode":
        return min(numbers, key=lambda value: (-numbers.count(value), value)) if numbers else 0
    everything = [value for row in case.rows if (value := row[2][column]) is not None]
    pool = sorted(numbers or everything)
    return pool[(len(pool) - 1) // 2]


def _text(random: Random, case: Case) -> str:
    lines = [
        ",".join([key, group, *(random.choice(GAPS) if value is None else str(value) for value in values)])
        for key, group, values in case.rows
    ]
    return "".join(f"{line}\n" for line in [",".join(case.header), *lines])


def _brief(folder: str, source: str, case: Case) -> str:
    rules = "\n".join(f"- `{name}`: {RULES[rule]}." for name, rule in zip(case.header[2:], case.rules, strict=True))
    return f"""\
In `{source}` a value is missing where the cell is empty or is `NA` or `?`. Groups are the values of
`{case.header[1]}`. The protocol for a missing value (only values that were present in the input count, never filled
ones):
{rules}

Write `{folder}/complete.csv`: same header, rows and order, every gap filled, all else as it was. Write
`{folder}/filled.csv` with the header `{case.header[0]},column,value`: a line for each gap, in the order of the rows
and, within a row, of the columns."""


def _steps(random: Random, folder: str, source: str, case: Case) -> tuple[Step, ...]:
    script = "/tmp/fill.pl"
    look = step(
        random,
        (
            "How gaps are written and how many there are decides how careful the parser must be.",
            "I look at the raw rows first, especially at the first ones of each group.",
        ),
        ("Print the table and count rows with a gap.", "Show the file, then grep for gaps."),
        run(f"cat {source}"),
        run(f"grep -c -E ',(NA|[?])?(,|$)' {source}"),
    )
    fill = step(
        random,
        (
            "Rules differ by column, and filled values must not feed later ones, so I keep the original rows "
            "untouched and collect results apart.",
            "A Perl script with one function a rule is short; it reads all rows first because a fallback needs "
            "the whole column.",
        ),
        (f"Write {script}, run it, and view both outputs.", "Put the rules into Perl and compare the results."),
        write(script, _script(folder, source, case)),
        run(f"perl {script}", 1.0),
        run(f"diff {source} {folder}/complete.csv"),
        run(f"cat {folder}/filled.csv"),
    )
    return look, fill


def _script(folder: str, source: str, case: Case) -> str:
    functions = "".join(PERL[rule] for rule in case.rules)
    calls = "\n".join(
        f"    {column} => sub {{ my ($c, $g, $r) = @_; {CALLS[rule]} }}," for column, rule in enumerate(case.rules, 2)
    )
    return f"""
use strict; use warnings;
my (@rows, %rule);
sub present {{
    my ($column, $group, @from) = @_;
    my @own = grep {{ $group eq '' || $$_[1] eq $group }} @from;
    return grep {{ /\\d/ }} map {{ $$_[$column] }} @own;
}}
{functions.strip()}
%rule = (
{calls}
);
open my $in, '<', '{source}' or die;
chomp(my $header = <$in>);
while (<$in>) {{ chomp; push @rows, [split /,/, $_, -1] }}
my @names = split /,/, $header;
open my $out, '>', '{folder}/complete.csv' or die;
open my $log, '>', '{folder}/filled.csv' or die;
print $out "$header\\n";
print $log "$names[0],column,value\\n";
for my $r (0 .. $#rows) {{
    my @new = @{{$rows[$r]}};
    for my $c (sort keys %rule) {{
        next if $new[$c] =~ /\\d/;
        $new[$c] = $rule{{$c}}->($c, $new[1], $r);
        print $log "$new[0],$names[$c],$new[$c]\\n";
    }}
    print $out join(',', @new), "\\n";
}}
"""


def _checks(folder: str, case: Case, table: Table) -> tuple[Check, ...]:
    rows = [list(row) for row in table.rows]
    log = [
        [key, name, row[column]]
        for (key, _, values), row in zip(case.rows, rows, strict=True)
        for column, (name, value) in enumerate(zip(case.header[2:], values, strict=True), 2)
        if value is None
    ]
    header = [case.header[0], "column", "value"]
    by_column = [
        Check(
            f"column_{number}",
            f"found = [row[2:] for row in table({folder + '/filled.csv'!r}) if row[1:2] == [{name!r}]]\n"
            f"assert found == {literal([[line[2]] for line in log if line[1] == name])}",
        )
        for number, name in enumerate(case.header[2:], 1)
    ]
    return (
        Check("complete", f"assert table({table.path!r}) == {literal([table.header, *rows])}", 3.0),
        *by_column,
        Check("log_of_gaps", f"assert table({folder + '/filled.csv'!r}) == {literal([header, *log])}"),
    )


SKILL = Skill(
    name="data-science/fill-gaps",
    domain="data-science",
    folders=("imputation", "gaps", "incomplete", "protocol"),
    tools=("cat", "grep", "perl", "diff"),
    make=make,
    offers=(Table,),
)
