"""Command-line programs to be written: specification, hidden input, a reference, and the source a solution types.

Reference and source are written apart from each other, so that the one checks the other.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple


class Output(NamedTuple):
    lines: list[str]
    status: int = 0


class Assignment(NamedTuple):
    name: str
    title: str
    told: str
    source: str
    cases: dict[str, Callable[[Random, int], list[str]]]
    """What each hidden input is about, and how one of a size is drawn."""
    reference: Callable[[list[str]], Output]
    thought: str


TARGETS = (
    "assets",
    "backend",
    "cli",
    "docs",
    "engine",
    "fonts",
    "gateway",
    "images",
    "jobs",
    "kernel",
    "locale",
    "mocks",
)


def _draw_targets(random: Random, size: int) -> list[str]:
    names = random.sample(TARGETS, min(size, len(TARGETS)))
    lines = [
        f"{name}: " + " ".join(random.sample(names[:place], random.randint(0, min(3, place))))
        for place, name in enumerate(names)
    ]
    return [line.rstrip() for line in random.sample(lines, len(lines))]


def _draw_undeclared(random: Random, size: int) -> list[str]:
    return [line if place % 3 else f"{line} vendor zlib" for place, line in enumerate(_draw_targets(random, size))]


def _draw_cycle(random: Random, size: int) -> list[str]:
    first, second, third, *others = random.sample(TARGETS, min(max(size, 6), len(TARGETS)))
    lines = [f"{first}: {second}", f"{second}: {third}", f"{third}: {first}", f"{others[0]}: {second}"]
    return random.sample([*lines, *(f"{name}:" for name in others[1:])], len(lines) + len(others) - 1)


def _build_order(lines: list[str]) -> Output:
    needs: dict[str, set[str]] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        needs.setdefault(name.strip(), set()).update(rest.split())
        for other in rest.split():
            needs.setdefault(other, set())
    order: list[str] = []
    while ready := sorted(name for name in needs if name not in order and needs[name] <= set(order)):
        order.append(ready[0])
    stuck = sorted(set(needs) - set(order))
    return Output([f"cycle: {' '.join(stuck)}"], 1) if stuck else Output(order)


BUILD_ORDER = Assignment(
    "build_order",
    "Write the build-order tool",
    """\
It reads lines `target: dependency dependency ...` from standard input (a target may have no dependencies; each target
is declared on one line only; a dependency that is declared nowhere counts as a target without dependencies; blank
lines mean nothing). It prints all targets, one a line, in build order: again and again the alphabetically first
target, not yet printed, all of whose dependencies are printed. If some targets can never be printed, it prints nothing
but the one line `cycle: ` followed by these targets in alphabetical order, separated by blanks, and ends with status
1; otherwise the status is 0.""",
    """
import sys

needs = {}
for line in sys.stdin:
    if not line.strip():
        continue
    target, rest = line.split(":", 1)
    needs.setdefault(target.strip(), set()).update(rest.split())
    for dependency in rest.split():
        needs.setdefault(dependency, set())

order = []
waiting = dict(needs)
while waiting:
    ready = [target for target in waiting if not waiting[target] - set(order)]
    if not ready:
        print("cycle:", *sorted(waiting))
        sys.exit(1)
    order.append(min(ready))
    del waiting[order[-1]]
print(*order, sep="\\n")
""",
    {"plain_graph": _draw_targets, "undeclared_targets": _draw_undeclared, "cycle": _draw_cycle},
    _build_order,
    "Kahn's algorithm with the alphabetically smallest ready target gives exactly the asked order; whatever waits "
    "when nothing is ready is on a cycle or behind one.",
)


def _version(random: Random, *, candidate: bool) -> str:
    number = ".".join(str(random.choice((0, 1, 2, 3, 9, 10, 11))) for _ in range(3))
    return f"{number}-rc.{random.randint(1, 12)}" if candidate else number


def _draw_versions(random: Random, size: int) -> list[str]:
    low, high = random.choice(("0.9.0", "1.0.0", "1.2.0")), random.choice(("3.0.0", "9.10.0", "10.0.0"))
    return [f">={low} <{high}", *(_version(random, candidate=False) for _ in range(size))]


def _draw_candidates(random: Random, size: int) -> list[str]:
    """Among them a release twice, its candidates on both sides of ten, and candidates of both bounds."""
    release = f"{random.randint(2, 9)}.{random.randint(0, 11)}.{random.randint(0, 11)}"
    told = [release, release, f"{release}-rc.9", f"{release}-rc.10", "1.0.0-rc.3", "10.0.0-rc.1"]
    drawn = [_version(random, candidate=random.random() < 0.5) for _ in range(size)]
    return [">1.0.0 <=10.0.0", *random.sample(told + drawn, len(told + drawn))]


def _draw_no_match(random: Random, size: int) -> list[str]:
    return [">=99.0.0", *(_version(random, candidate=False) for _ in range(size))]


def _precedence(version: str) -> tuple[int, int, int, int, int]:
    number, _, candidate = version.partition("-rc.")
    major, minor, patch = map(int, number.split("."))
    return major, minor, patch, 0 if candidate else 1, int(candidate or 0)


def _matching(lines: list[str]) -> Output:
    def fits(version: str, bound: str) -> bool:
        sign = bound.rstrip("0123456789.")
        here, there = _precedence(version), _precedence(bound[len(sign) :])
        return {">=": here >= there, ">": here > there, "<": here < there, "<=": here <= there}[sign]

    found = sorted(
        {line for line in lines[1:] if all(fits(line, bound) for bound in lines[0].split())}, key=_precedence
    )
    return Output([*found, f"best {found[-1]}"] if found else ["best none"], 0 if found else 1)


VERSIONS = Assignment(
    "versions",
    "Write the version selector",
    """\
It reads from standard input: the first line holds one or more bounds separated by blanks, each one of `>=`, `>`, `<=`,
`<` directly followed by a version `MAJOR.MINOR.PATCH`; every other line is a version, `MAJOR.MINOR.PATCH` or
`MAJOR.MINOR.PATCH-rc.N`. Versions compare by their numbers from left to right, numerically; a release candidate comes
before the release with the same numbers, and candidates compare by N. The program prints each distinct version that
meets all bounds once, in ascending order, and then a line `best ` with the greatest of them, and ends with status 0.
If none meets them it prints just `best none` and ends with status 1.""",
    """
import operator
import sys

SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def key(version):
    numbers, _, candidate = version.partition("-rc.")
    rank = (0, int(candidate)) if candidate else (1, 0)
    return tuple(int(part) for part in numbers.split(".")) + rank


def bound(text):
    sign = text[:2] if text[:2] in SIGNS else text[:1]
    return SIGNS[sign], key(text[len(sign) :])


first, *versions = [line.strip() for line in sys.stdin if line.strip()]
bounds = [bound(text) for text in first.split()]
found = sorted({v for v in versions if all(holds(key(v), limit) for holds, limit in bounds)}, key=key)
print(*found, "best " + (found[-1] if found else "none"), sep="\\n")
sys.exit(0 if found else 1)
""",
    {"releases": _draw_versions, "release_candidates": _draw_candidates, "no_match": _draw_no_match},
    _matching,
    "Comparing tuples of integers does the ordering; a release gets a rank above any candidate of the same numbers.",
)


def _draw_program(random: Random, size: int) -> list[str]:
    lines, depth = [], 0
    for _ in range(size):
        possible = (
            ["push", "push"]
            + ["dup"] * (depth > 0)
            + ["add", "sub", "mul", "swap"] * (depth > 1)
            + ["print"] * (depth > 0)
        )
        word = random.choice(possible)
        lines.append(f"push {random.randint(-20, 20)}" if word == "push" else word)
        depth += {"push": 1, "dup": 1, "swap": 0}.get(word, -1)
    return [*lines, "push 7", "print"]


def _draw_underflow(random: Random, size: int) -> list[str]:
    return [*_draw_program(random, size), *["print"] * size, random.choice(("add", "swap"))]


def _draw_unknown(random: Random, size: int) -> list[str]:
    lines = _draw_program(random, size)
    lines.insert(len(lines) // 2, random.choice(("pop", "push x", "jump 3", "div")))
    return lines


def _executed(lines: list[str]) -> Output:
    stack: list[int] = []
    printed: list[str] = []
    taken = {"dup": 1, "print": 1, "add": 2, "sub": 2, "mul": 2, "swap": 2}
    for number, line in enumerate(lines, 1):
        word, *rest = line.split()
        if word == "push" and len(rest) == 1 and rest[0].lstrip("-").isdigit():
            stack.append(int(rest[0]))
            continue
        if word not in taken or rest:
            return Output([*printed, f"error line {number}: unknown instruction"], 2)
        if len(stack) < taken[word]:
            return Output([*printed, f"error line {number}: stack underflow"], 3)
        operands = stack[-taken[word] :]
        del stack[-taken[word] :]
        if word == "print":
            printed.append(str(operands[0]))
        elif word == "dup":
            stack += [operands[0], operands[0]]
        elif word == "swap":
            stack += [operands[1], operands[0]]
        else:
            a, b = operands
            stack.append({"add": a + b, "sub": a - b, "mul": a * b}[word])
    return Output(printed)


STACK_MACHINE = Assignment(
    "stack_machine",
    "Write the stack machine",
    """\
It reads a program from standard input, one instruction a line, and runs it on a stack of integers of any size:
`push N` (N decimal, perhaps with a leading `-`), `dup` (push a copy of the top), `swap` (exchange the two on top),
`add`, `sub`, `mul` (take b from the top, then a, and put a+b, a-b or a*b) and `print` (take the top and print it on a
line of its own). At an instruction that is none of these, a `push` without a proper number included, it prints
`error line K: unknown instruction` (K counts from 1) and ends with status 2; where the stack holds too few numbers for
an instruction it prints `error line K: stack underflow` and ends with status 3. Errors go to standard output, after
what was printed before. A program that runs to its end has status 0; there are no blank lines.""",
    """
import re
import sys

stack = []
SIZES = {"dup": 1, "print": 1, "swap": 2, "add": 2, "sub": 2, "mul": 2}


def fail(number, message, status):
    print(f"error line {number}: {message}")
    sys.exit(status)


for number, line in enumerate(sys.stdin, 1):
    word = line.strip()
    if re.fullmatch(r"push -?[0-9]+", word):
        stack.append(int(word.split()[1]))
        continue
    if word not in SIZES:
        fail(number, "unknown instruction", 2)
    if len(stack) < SIZES[word]:
        fail(number, "stack underflow", 3)
    b = stack.pop()
    if word == "print":
        print(b)
        continue
    if word == "dup":
        stack += [b, b]
        continue
    a = stack.pop()
    results = {"swap": [b, a], "add": [a + b], "sub": [a - b], "mul": [a * b]}
    stack += results[word]
""",
    {"arithmetic": _draw_program, "underflow": _draw_underflow, "unknown_instruction": _draw_unknown},
    _executed,
    "A list is the stack. Checking the instruction first and the stack's size second gives the two errors their order.",
)

ASSIGNMENTS = (BUILD_ORDER, VERSIONS, STACK_MACHINE)
