"""Scientific computing: solve small linear systems over the rationals; some have no solution, some have many."""

from fractions import Fraction
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("circuit", "currents", "loop"),
    ("truss", "forces", "joint"),
    ("mixture", "shares", "recipe"),
    ("reaction", "rates", "balance"),
)
Row = list[int]


class System(NamedTuple):
    name: str
    rows: list[Row]
    """Coefficients and, last, the right-hand side."""


def make(random: Random, setting: Setting) -> Fragment:
    theme, unknowns, prefix = random.choice(THEMES)
    systems = _drawn(random, setting.level, prefix)
    source, target = f"{setting.folder}/{theme}.txt", f"{setting.folder}/{unknowns}.csv"
    largest = f"{setting.folder}/largest.txt"
    blocks = [f"{system.name}\n" + "".join(" ".join(map(str, row)) + "\n" for row in system.rows) for system in systems]
    return Fragment(
        title=f"Solve the {theme} equations exactly",
        brief=_brief(source, target, largest),
        files=(text_file(source, "\n".join(blocks)),),
        steps=_steps(random, source, target, largest),
        checks=_checks(systems, target, largest),
        outputs=(target, largest),
    )


def _drawn(random: Random, level: int, prefix: str) -> list[System]:
    """Mostly regular; one contradictory, one dependent, and one whose first pivot is 0. Two share the largest absolute
    value of an unknown, and where it comes first it is negative."""
    kinds = ["regular"] * (3 + level) + ["contradiction", "dependent", "pivot"]
    systems = []
    for kind in random.sample(kinds, len(kinds)):
        size = random.randint(2, 2 + (level > 1))
        rows = [[random.randint(-6, 9) for _ in range(size + 1)] for _ in range(size)]
        if kind == "pivot":
            rows[0][0] = 0
        if kind in ("contradiction", "dependent"):
            factor = random.choice((-2, 2, 3))
            rows[-1] = [factor * cell for cell in rows[0]]
            rows[-1][-1] += (kind == "contradiction") * random.randint(1, 5)
        systems.append(rows)
    _tie(random, systems)
    return [System(f"{prefix}{number}", rows) for number, rows in enumerate(systems, 1)]


def _tie(random: Random, systems: list[list[Row]]) -> None:
    """Puts in a system with the opposite of the solution that reaches furthest from 0."""
    solutions = [[] if isinstance(solution := _solved(rows), str) else solution for rows in systems]
    place = max(range(len(systems)), key=lambda place: max(map(abs, solutions[place]), default=-1))
    opposite = [[*row[:-1], -row[-1]] for row in reversed(systems[place])]
    before = max(solutions[place]) >= -min(solutions[place])
    systems.insert(random.randint(0, place) if before else random.randint(place + 1, len(systems)), opposite)


def _solved(system: list[Row]) -> list[Fraction] | str:
    """By Gauss-Jordan elimination."""
    rows = [[Fraction(cell) for cell in row] for row in system]
    size, rank = len(rows), 0
    for column in range(size):
        pivot = next((place for place in range(rank, size) if rows[place][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        head = rows[rank][column]
        rows[rank] = [cell / head for cell in rows[rank]]
        for place in range(size):
            if place != rank and (factor := rows[place][column]):
                rows[place] = [a - factor * b for a, b in zip(rows[place], rows[rank], strict=True)]
        rank += 1
    if rank == size:
        return [row[-1] for row in rows]
    return "none" if any(row[-1] for row in rows[rank:]) else "many"


def _brief(source: str, target: str, largest: str) -> str:
    return f"""\
`{source}` holds systems of linear equations, separated by empty lines. The first line of a system is its name; each
further line is an equation: the coefficients of x1, x2, ... and, last, the right-hand side, integers separated by
blanks. There are as many equations as unknowns.

Write `{target}` with the header `system,status,solution`, in the order of the input. `status` is `one`, `none` or
`many`, the number of solutions. `solution` is the exact solution, x1 first, separated by single blanks, each an integer
or a fraction in lowest terms with a positive denominator such as `-3/2`; it is empty where status is not `one`.

Write `{largest}`: one line with the name of the system whose solution has the largest absolute value of an unknown
(among those with status `one`; of equal ones the first), a blank, and that absolute value, written in the same way."""


def _steps(random: Random, source: str, target: str, largest: str) -> tuple[Step, ...]:
    return (
        step(
            random,
            ("I need to see how systems are written and how large they are.", "First the layout of the equations."),
            ("Print the file.", "Show the input and count the systems."),
            run(f"cat {source}"),
            run(f"grep -c -E '^[a-z]' {source}"),
        ),
        step(
            random,
            (
                "The answers are exact fractions, so floating point is out; Perl's Math::BigRat does elimination over "
                "the rationals, and the rank tells singular systems apart.",
                "Gauss-Jordan over rationals in Perl: paragraph mode reads a system at once, rows of zeros decide "
                "between none and many.",
            ),
            ("Write the elimination, run it, read the table.", "Put it into a Perl script and look at both results."),
            write("/tmp/solve.pl", _script()),
            run(f"perl /tmp/solve.pl {source} {target} {largest}", 2.0),
            run(f"cat {target} {largest}"),
        ),
    )


def _script() -> str:
    return """
use strict; use warnings; use Math::BigRat;
my ($source, $target, $largest) = @ARGV;
my ($best, $top) = (Math::BigRat->new(-1), '');
open my $in, '<', $source or die;
open my $out, '>', $target or die;
print $out "system,status,solution\\n";
local $/ = '';
while (my $block = <$in>) {
    my ($name, @lines) = split /\\n/, $block;
    my @m = map { [map { Math::BigRat->new($_) } split ' '] } grep { length } @lines;
    my $rank = 0;
    for my $column (0 .. $#m) {
        my ($pivot) = grep { not $m[$_][$column]->is_zero } $rank .. $#m;
        next unless defined $pivot;
        @m[$rank, $pivot] = @m[$pivot, $rank];
        my $head = $m[$rank][$column];
        $m[$rank] = [map { $_ / $head } @{$m[$rank]}];
        for my $row (grep { $_ != $rank } 0 .. $#m) {
            my $factor = $m[$row][$column];
            $m[$row] = [map { $m[$row][$_] - $factor * $m[$rank][$_] } 0 .. $#{$m[$row]}];
        }
        $rank++;
    }
    my @left = grep { not $m[$_][-1]->is_zero } $rank .. $#m;
    my $status = $rank > $#m ? 'one' : @left ? 'none' : 'many';
    my @x = $status eq 'one' ? map { $$_[-1] } @m : ();
    print $out "$name,$status,@x\\n";
    for my $size (map { abs $_ } @x) {
        ($best, $top) = ($size, $name) if $size > $best;
    }
}
open my $report, '>', $largest or die;
print $report "$top $best\\n";
"""


def _checks(systems: list[System], target: str, largest: str) -> tuple[Check, ...]:
    rows = [["system", "status", "solution"]]
    top, best = "", Fraction(-1)
    for system in systems:
        solution = _solved(system.rows)
        if isinstance(solution, str):
            rows.append([system.name, solution, ""])
            continue
        rows.append([system.name, "one", " ".join(map(str, solution))])
        size = max(map(abs, solution))
        top, best = (system.name, size) if size > best else (top, best)
    return (
        Check("status", f"assert [row[:2] for row in table({target!r})] == {literal([row[:2] for row in rows])}"),
        Check("solutions", f"assert table({target!r}) == {literal(rows)}", 3.0),
        Check("largest", f"assert lines({largest!r}) == {[f'{top} {best}']!r}"),
    )


SKILL = Skill(
    name="scientific-computing/linear-systems",
    domain="scientific-computing",
    folders=("equations", "linear", "balances", "statics"),
    tools=("cat", "grep", "perl"),
    make=make,
)
