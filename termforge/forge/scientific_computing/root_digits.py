"""Scientific computing: roots of polynomials to many digits, cut off, which needs more than double precision."""

from itertools import pairwise
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("volumes", "tank", "fill heights"),
    ("orbits", "body", "orbit radii"),
    ("gases", "gas", "molar volumes"),
    ("cables", "cable", "sag parameters"),
)


class Polynomial(NamedTuple):
    name: str
    coefficients: list[int]
    """The highest power's first. One root above 1, where the sign changes, and none beyond it."""

    def sign_at(self, numerator: int, denominator: int) -> int:
        value, scale = 0, 1
        for coefficient in self.coefficients:
            value = value * numerator + coefficient * scale
            scale *= denominator
        return (value > 0) - (value < 0)

    def root(self, digits: int) -> int:
        """The greatest k with the root at or above k / 10^digits."""
        scale = int("1" + "0" * digits)
        above = self.coefficients[0] > 0
        low, high = scale, 2 * scale
        while self.sign_at(high, scale) != (1 if above else -1):
            high *= 2
        while high - low > 1:
            middle = (low + high) // 2
            sign = self.sign_at(middle, scale)
            low, high = (low, middle) if sign == (1 if above else -1) else (middle, high)
        return low


def make(random: Random, setting: Setting) -> Fragment:
    file, prefix, meaning = random.choice(THEMES)
    digits = random.randint(24, 40)
    polynomials = _drawn(random, prefix, setting.level)
    source, target = f"{setting.folder}/{file}.txt", f"{setting.folder}/roots.txt"
    nearest = f"{setting.folder}/nearest.txt"
    lines = [" ".join([p.name, *map(str, p.coefficients)]) for p in polynomials]
    return Fragment(
        title=f"Compute {meaning} to {digits} decimals",
        brief=f"""\
Each line of `{source}` is a name and the integer coefficients of a polynomial, that of the highest power first, all
separated by blanks. Each polynomial has exactly one root above 1; it is below 1000.

Write `{target}`: a line `<name> <root>` for each, in the same order, the root with exactly {digits} decimals, cut off
and not rounded. Every digit counts.

Write `{nearest}`: the names of the two polynomials whose roots are closest to each other, in the order of the
file, separated by a blank.""",
        files=(text_file(source, "".join(f"{line}\n" for line in lines)),),
        steps=_steps(random, source, target, nearest, digits),
        checks=_checks(polynomials, target, nearest, digits),
        outputs=(target, nearest),
    )


def _drawn(random: Random, prefix: str, level: int) -> list[Polynomial]:
    """One sign change, so one positive root; one of the roots is a short decimal."""
    found = []
    for number in range(1, 4 + level):
        degree = random.randint(2, 2 + level)
        rest = [random.randint(1, 3), *(random.randint(0, 9) for _ in range(degree - 1))]
        sign = random.choice((-1, 1))
        constant = -(sum(rest) + random.randint(5, 4000))
        found.append(Polynomial(f"{prefix}{number}", [sign * c for c in (*rest, constant)]))
    found[random.randrange(len(found))] = _with_short_root(random, f"{prefix}0")
    return found


def _with_short_root(random: Random, name: str) -> Polynomial:
    """(4x - quarters)(x + b)."""
    quarters, b = 4 * random.randint(2, 30) + random.randint(1, 3), random.randint(1, 9)
    return Polynomial(name, [4, 4 * b - quarters, -quarters * b])


def _steps(random: Random, source: str, target: str, nearest: str, digits: int) -> tuple[Step, ...]:
    return (
        step(
            random,
            ("First the polynomials and their degrees.", "I look at the coefficients, some of which may be negative."),
            ("Print the file.", "Show the input."),
            run(f"cat {source}"),
        ),
        step(
            random,
            (
                f"{digits} decimals are far beyond double precision. In units of 10^-{digits} the root is an integer "
                "that bisection over integers finds exactly, and bc has integers of any size.",
                "Cut-off digits must be exact, so I scale by a power of ten and bisect integers in bc: the sign of the "
                "scaled polynomial decides, no rounding is involved.",
            ),
            (
                "Let awk turn each line into bc calls, run them, and put names and roots side by side.",
                "Write the bisection in bc, feed it the coefficients, paste the names to it.",
            ),
            write("/tmp/bisect.bc", _bisection(digits)),
            write("/tmp/calls.awk", _calls()),
            run(
                f"awk -f /tmp/calls.awk {source} | bc /tmp/bisect.bc | paste -d ' ' <(cut -d ' ' -f1 {source}) - "
                f"> {target}",
                1.5,
            ),
            run(f"cat {target}"),
        ),
        step(
            random,
            ("Sorted by value, the closest roots are neighbours.", "The smallest gap is between neighbours in order."),
            ("Sort, take differences, and put the two names in order.", "Find the smallest difference with awk."),
            write("/tmp/closest.sh", _closest(target, nearest)),
            run("bash /tmp/closest.sh"),
            run(f"cat {nearest}"),
        ),
    )


def _bisection(digits: int) -> str:
    return f"""
s = 10 ^ {digits}
define f(k) {{
    auto v, i, t
    t = 1
    for (i = n; i >= 0; i--) {{
        v = v * k + a[i] * t
        t *= s
    }}
    return v
}}
define r() {{
    auto l, h, m
    l = s
    h = 1000 * s
    while (h - l > 1) {{
        m = (l + h) / 2
        if (f(m) * a[n] > 0) h = m else l = m
    }}
    scale = {digits}
    l = l / s
    scale = 0
    return l
}}
"""


def _calls() -> str:
    return """
{
    printf "n = %d", NF - 2
    for (i = 2; i <= NF; i++) printf "; a[%d] = %s", NF - i, $i
    print "; r()"
}
END { print "quit" }
"""


def _closest(target: str, nearest: str) -> str:
    return f"""
pair=$(sort -k2,2g {target} | awk '
    NR > 1 && (best == "" || $2 - value < best) {{ best = $2 - value; pair = name "|" $1 }}
    {{ name = $1; value = $2 }}
    END {{ print pair }}')
cut -d ' ' -f1 {target} | grep -x -E "$pair" | paste -s -d ' ' > {nearest}
"""


def _checks(polynomials: list[Polynomial], target: str, nearest: str, digits: int) -> tuple[Check, ...]:
    roots = [polynomial.root(digits) for polynomial in polynomials]
    text = [f"{root // 10**digits}.{root % 10**digits:0{digits}d}" for root in roots]
    expected = [f"{polynomial.name} {root}" for polynomial, root in zip(polynomials, text, strict=True)]
    whole = [line.split(".")[0] for line in expected]
    order = sorted(range(len(roots)), key=lambda place: roots[place])
    first, second = min(pairwise(order), key=lambda pair: roots[pair[1]] - roots[pair[0]])
    names = " ".join(polynomials[place].name for place in sorted((first, second)))
    return (
        Check("whole_parts", f"assert [line.split('.')[0] for line in lines({target!r})] == {literal(whole)}"),
        Check("digits", f"assert lines({target!r}) == {literal(expected)}", 3.0),
        Check("nearest", f"assert lines({nearest!r}) == {[names]!r}"),
    )


SKILL = Skill(
    name="scientific-computing/root-digits",
    domain="scientific-computing",
    folders=("roots", "polynomials", "digits", "precision"),
    tools=("cat", "awk", "bc", "paste", "cut", "sort", "grep", "bash"),
    make=make,
)
