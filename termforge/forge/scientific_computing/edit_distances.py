"""Scientific computing: weighted edit distances between the first lines of a text, and who is nearest to whom."""

from itertools import pairwise
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step

ALPHABETS = (("reads", "ACGT"), ("peptides", "ADEGKLRST"), ("calls", "abcd-"), ("melodies", "cdefgah"))


class Case(NamedTuple):
    path: str
    about: str
    files: tuple[File, ...]
    lines: list[str]
    """What is compared: the first lines, cut."""
    width: int
    gap: int
    change: int

    def distance(self, one: str, other: str) -> int:
        """By dynamic programming, a row a character of `one`."""
        row = [self.gap * place for place in range(len(other) + 1)]
        for number, letter in enumerate(one, 1):
            above, row = row, [self.gap * number]
            for place, wanted in enumerate(other):
                changed = above[place] + (0 if letter == wanted else self.change)
                row.append(min(changed, above[place + 1] + self.gap, row[place] + self.gap))
        return row[-1]


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _case(random, setting), setting.folder
    distances, path = f"{folder}/distances.csv", f"{folder}/path.txt"
    return Fragment(
        title="Compute edit distances",
        brief=f"""\
{case.about} Only its first {len(case.lines)} lines count, numbered from 1, and of each only the first {case.width}
characters. The distance of two lines is the least total cost of turning the one into the other by inserting or deleting
a character (cost {case.gap} each) and replacing a character by another (cost {case.change}).

- Write `{distances}` with the header `first,second,distance`: a row for each pair of different line numbers, the
  smaller one first, sorted by both as numbers.
- Write `{path}`: the order in which the lines are visited, one number a line, if one begins at line 1 and always goes
  on to the nearest line that has not been visited yet (of equally near ones the one with the smallest number).
- Write `{folder}/drift.txt`: one line with the sum of the distances of lines 1 and 2, 2 and 3, and so on.""",
        files=case.files,
        steps=_steps(random, folder, case, distances, path),
        checks=_checks(folder, case, distances, path),
        outputs=(distances, path, f"{folder}/drift.txt"),
    )


def _case(random: Random, setting: Setting) -> Case:
    gap, change = random.choice(((2, 3), (3, 4), (3, 5), (4, 5)))
    count, width = 5 + setting.level, 8 + 2 * setting.level
    if isinstance(setting.given, Lines):
        path, about, files = setting.given.path, "which another part of this job produces, is the input.", ()
        return Case(path, f"`{path}`, {about}", files, _cut(setting.given, count, width), width, gap, change)
    lines = _drawn(random, setting)
    about = f"`{lines.path}` holds a sequence a line."
    cut = _cut(lines, count, width)
    return Case(lines.path, about, (text_file(lines.path, lines.text),), cut, width, gap, change)


def _cut(lines: Lines, count: int, width: int) -> list[str]:
    return [line[:width] for line in lines.lines[:count]]


def _drawn(random: Random, setting: Setting) -> Lines:
    """Each line is an altered copy of the one before it."""
    name, alphabet = random.choice(ALPHABETS)
    line = "".join(random.choice(alphabet) for _ in range(random.randint(12, 20)))
    lines = []
    for _ in range(12):
        lines.append(line)
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(line) - 1)
            line = line[:place] + random.choice(alphabet) * random.randint(0, 2) + line[place + random.randint(0, 1) :]
            line = line if len(line) > 6 else line + alphabet
    return Lines(f"{setting.folder}/{name}.txt", tuple(lines))


def _steps(random: Random, folder: str, case: Case, distances: str, path: str) -> tuple[Step, ...]:
    return (
        step(
            random,
            ("First the lines that count, cut as asked.", "I want to see the sequences side by side."),
            ("Show the first lines, cut and numbered.", "Print what will be compared."),
            run(f"head -n {len(case.lines)} {case.path} | cut -c 1-{case.width} | nl"),
        ),
        step(
            random,
            (
                "The classical dynamic programme with two rows is enough; costs differ for gaps and replacements.",
                "A table of minimal costs over prefixes gives each distance. Perl's substr and arrays make it short.",
            ),
            (
                "Write the distance function and the loops in Perl, run it, look at the results.",
                "Compute all pairs once, keep them in a hash, then walk from line 1.",
            ),
            write("/tmp/distances.pl", _script(folder, case, distances, path)),
            run(f"mkdir -p {folder}"),
            run(f"perl /tmp/distances.pl {case.path}", 1.0),
            run(f"cat {distances}"),
            run(f"paste -s -d ' ' {path} {folder}/drift.txt"),
        ),
    )


def _script(folder: str, case: Case, distances: str, path: str) -> str:
    return f"""
use strict; use warnings; use List::Util qw(min sum);
my ($gap, $change) = ({case.gap}, {case.change});
sub distance {{
    my ($s, $t) = map {{ [split //, $_] }} @_;
    my @row = map {{ $gap * $_ }} 0 .. @$t;
    for my $i (1 .. @$s) {{
        my @above = @row;
        @row = ($gap * $i);
        for my $j (1 .. @$t) {{
            my $same = $above[$j - 1] + ($$s[$i - 1] eq $$t[$j - 1] ? 0 : $change);
            push @row, min($same, $above[$j] + $gap, $row[-1] + $gap);
        }}
    }}
    return $row[-1];
}}
chomp(my @lines = <>);
@lines = map {{ substr $_, 0, {case.width} }} @lines[0 .. {len(case.lines) - 1}];
my %far;
open my $table, '>', '{distances}' or die;
print $table "first,second,distance\\n";
for my $i (1 .. @lines) {{
    for my $j ($i + 1 .. @lines) {{
        my $cost = distance($lines[$i - 1], $lines[$j - 1]);
        $far{{$i}}{{$j}} = $far{{$j}}{{$i}} = $cost;
        print $table "$i,$j,$cost\\n";
    }}
}}
open my $path, '>', '{path}' or die;
my @left = 2 .. @lines;
my $here = 1;
while (1) {{
    print $path "$here\\n";
    last unless @left;
    my ($next) = sort {{ $far{{$here}}{{$a}} <=> $far{{$here}}{{$b}} || $a <=> $b }} @left;
    @left = grep {{ $_ != $next }} @left;
    $here = $next;
}}
open my $drift, '>', '{folder}/drift.txt' or die;
print $drift sum(map {{ $far{{$_}}{{$_ + 1}} }} 1 .. $#lines), "\\n";
"""


def _checks(folder: str, case: Case, distances: str, path: str) -> tuple[Check, ...]:
    count = len(case.lines)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    far = {pair: case.distance(*(case.lines[place] for place in pair)) for pair in pairs}
    rows = [["first", "second", "distance"], *([str(i + 1), str(j + 1), str(far[i, j])] for i, j in pairs)]
    visited = [0]
    while len(visited) < count:
        left = [place for place in range(count) if place not in visited]
        visited.append(min(left, key=lambda place: (far[min(place, visited[-1]), max(place, visited[-1])], place)))
    drift = sum(far[pair] for pair in pairwise(range(count)))
    return (
        Check("distances", f"assert table({distances!r}) == {literal(rows)}", 3.0),
        Check("nearest_path", f"assert lines({path!r}) == {[str(place + 1) for place in visited]!r}"),
        Check("drift", f"assert lines({folder + '/drift.txt'!r}) == {[str(drift)]!r}"),
    )


SKILL = Skill(
    name="scientific-computing/edit-distances",
    domain="scientific-computing",
    folders=("alignment", "distances", "edits", "variants-found"),
    tools=("cat", "head", "cut", "nl", "mkdir", "perl", "paste"),
    make=make,
    reads=Lines,
)
