"""Scientific computing: a Fortran program for powers of integer matrices by a modulus, run on new input."""

from operator import mul
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("walks", "walks through a network", "edges"),
    ("leslie", "a population by age classes", "stages"),
    ("recurrence", "a linear recurrence", "companion"),
    ("markings", "transitions of a token game", "transitions"),
)
Matrix = list[list[int]]


class Case(NamedTuple):
    power: int
    modulus: int
    matrix: Matrix

    @property
    def lines(self) -> list[str]:
        return [f"{len(self.matrix)} {self.power} {self.modulus}", *_shown(self.matrix)]

    @property
    def answer(self) -> list[str]:
        """Rows of the power, then its trace."""
        size = len(self.matrix)
        result = [[int(i == j) % self.modulus for j in range(size)] for i in range(size)]
        base, power = self.matrix, self.power
        while power:
            if power % 2:
                result = self._product(result, base)
            base, power = self._product(base, base), power // 2
        trace = sum(result[place][place] for place in range(size)) % self.modulus
        return [*_shown(result), f"trace {trace}"]

    def _product(self, one: Matrix, other: Matrix) -> Matrix:
        columns = list(zip(*other, strict=True))
        return [[sum(map(mul, row, column)) % self.modulus for column in columns] for row in one]


def _shown(matrix: Matrix) -> list[str]:
    return [" ".join(map(str, row)) for row in matrix]


def make(random: Random, setting: Setting) -> Fragment:
    name, meaning, file = random.choice(THEMES)
    case, folder = _drawn(random, 2 + setting.level), setting.folder
    source, result = f"{folder}/{file}.txt", f"{folder}/power.txt"
    cell, start, modulus, widest = (_drawn(random, size) for size in (1, 2, 2, 20))
    bounds = [cell, start._replace(power=0), modulus._replace(modulus=1), widest._replace(power=9)]
    hidden = [_drawn(random, 2 + setting.level)]
    return Fragment(
        title="Write a matrix program in Fortran",
        brief=f"""\
Write a Fortran program `{folder}/{name}.f90`, which `gfortran` compiles without further options, and a script
`{folder}/run.sh` that compiles it into a temporary folder and then runs it, passing standard input on. The program
serves {meaning}. It reads n, p and m from the first line (1 <= n <= 20, 0 <= p <= 10^15, 1 <= m <= 2*10^9), then the n
rows of a matrix A of integers from 0 to 2*10^9, all separated by blanks.

It prints the n rows of A^p modulo m (entries from 0 to m - 1, separated by single blanks; A^0 is the identity), and a
last line `trace <t>`, where t is the trace of that matrix modulo m. It must answer within seconds for any p.

Write what it prints for `{source}` to `{result}`. `{folder}/run.sh` will be run with bash on other input and from
another folder.""",
        files=(text_file(source, "".join(f"{line}\n" for line in case.lines)),),
        steps=_steps(random, folder, name, source, result),
        checks=(
            Check("result_for_the_file", f"assert lines({result!r}) == {literal(case.answer)}", 2.0),
            _check("program_at_the_bounds", folder, name, bounds),
            _check("program_on_other_input", folder, name, hidden),
            _source_check(f"{folder}/{name}.f90", hidden[0]),
        ),
        outputs=(f"{folder}/{name}.f90", f"{folder}/run.sh", result),
    )


def _drawn(random: Random, size: int) -> Case:
    """Large enough that a product does not fit 32 bits, nor the sum of two products 63."""
    modulus = random.randint(19 * 10**8, 2 * 10**9)
    matrix = [[random.randint(0, 2 * 10**9) for _ in range(size)] for _ in range(size)]
    return Case(random.randint(10**12, 10**15), modulus, matrix)


def _steps(random: Random, folder: str, name: str, source: str, result: str) -> tuple[Step, ...]:
    return (
        step(
            random,
            ("The numbers decide which integers the program needs.", "I look at the input and at the compiler first."),
            ("Show the matrix and the compiler's version.", "Print the input file."),
            run(f"cat {source}"),
            run("gfortran --version | head -n 1"),
        ),
        step(
            random,
            (
                "Entries below 2*10^9 make products below 4*10^18, which fit 64-bit integers if each is reduced before "
                "it is added. A power of 10^15 needs repeated squaring.",
                "With int64 and a reduction after each product nothing overflows; squaring takes 50 rounds at most.",
            ),
            ("Write source and script, run it on the file.", "Put down program and run.sh, then compute the result."),
            write(f"{folder}/{name}.f90", _source(name)),
            write(f"{folder}/run.sh", _runner(name)),
            run(f"bash {folder}/run.sh < {source} > {result}", 3.0),
            run(f"cat {result}"),
        ),
    )


def _source(name: str) -> str:
    return f"""
program {name}
    use iso_fortran_env, only: int64
    implicit none
    integer(int64) :: p, m
    integer(int64), allocatable :: base(:, :), total(:, :)
    integer :: n, i

    read (*, *) n, p, m
    allocate (base(n, n), total(n, n))
    do i = 1, n
        read (*, *) base(i, :)
    end do
    base = mod(base, m)
    total = 0
    do i = 1, n
        total(i, i) = mod(1_int64, m)
    end do
    do while (p > 0)
        if (mod(p, 2_int64) == 1) total = product_mod(total, base)
        base = product_mod(base, base)
        p = p / 2
    end do
    do i = 1, n
        write (*, '(*(i0, 1x))') total(i, :)
    end do
    write (*, '(a, i0)') 'trace ', mod(sum([(total(i, i), i = 1, n)]), m)

contains

    function product_mod(a, b) result(c)
        integer(int64), intent(in) :: a(:, :), b(:, :)
        integer(int64) :: c(n, n)
        integer :: row, column, k

        c = 0
        do column = 1, n
            do row = 1, n
                do k = 1, n
                    c(row, column) = mod(c(row, column) + a(row, k) * b(k, column), m)
                end do
            end do
        end do
    end function product_mod

end program {name}
"""


def _runner(name: str) -> str:
    return f"""
set -e
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gfortran -J "$work" -o "$work/{name}" "$here/{name}.f90"
"$work/{name}"
"""


def _check(name: str, folder: str, program: str, cases: list[Case]) -> Check:
    texts = [("".join(f"{line}\n" for line in case.lines), case.answer) for case in cases]
    return Check(
        name,
        f"assert content({f'{folder}/{program}.f90'!r}).strip(), 'no source'\n"
        f"assert 'gfortran' in content({folder + '/run.sh'!r})\n"
        f"for text, (*rows, trace) in {literal(texts)}:\n"
        f"    printed = output_of({folder + '/run.sh'!r}, text)\n"
        "    assert printed[:-1] == rows, 'another matrix'\n    assert printed[-1] == trace",
        2.0,
    )


def _source_check(source: str, case: Case) -> Check:
    """A script may also run what is not Fortran."""
    given = "".join(f"{line}\n" for line in case.lines)
    return Check(
        "fortran_source",
        "from termforge_grader import run_agent\n\n"
        f"content({source!r})\n"
        f"built = run_agent(['bash', '-c', 'gfortran -o program {source} && ./program'], stdin={given!r})\n"
        f"assert [line.rstrip() for line in built.stdout.splitlines()] == {literal(case.answer)}",
    )


SKILL = Skill(
    name="scientific-computing/fortran-matrix",
    domain="scientific-computing",
    folders=("fortran", "matrix-power", "modular", "solver-code"),
    tools=("cat", "head", "bash", "gfortran", "dirname", "realpath", "mktemp", "rm"),
    make=make,
)
