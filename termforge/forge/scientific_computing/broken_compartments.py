"""Scientific computing: an awk model of three compartments and its parameters have been spoiled; mend both."""

import re
import shlex
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step

THEMES = (
    ("isotopes", ("parent", "daughter", "stable"), "atoms"),
    ("lakes", ("lake", "river", "sea"), "cubic metres"),
    ("ward", ("ill", "recovering", "home"), "patients"),
    ("drug", ("stomach", "blood", "urine"), "micrograms"),
)


class Model(NamedTuple):
    name: str
    parts: tuple[str, str, str]
    unit: str
    first: int
    """Thousandths that go on from the first to the second part in a step."""
    second: int
    feed: int
    every: int

    def states(self, start: tuple[int, int, int], steps: int) -> list[tuple[int, int, int]]:
        states = [start]
        for number in range(1, steps + 1):
            a, b, c = states[-1]
            out, on = a * self.first // 1000, b * self.second // 1000
            states.append((a - out + self.feed * (number % self.every == 0), b + out - on, c + on))
        return states


class Run(NamedTuple):
    start: tuple[int, int, int]
    steps: int

    @property
    def line(self) -> str:
        return " ".join(map(str, (*self.start, self.steps)))


def _source() -> str:
    return """\
# Three compartments in a row. See MODEL.md.
FILENAME ~ /parameters/ { split($0, pair, "="); p[pair[1]] = pair[2]; next }
{
    a = $1; b = $2; c = $3; steps = $4
    highest = b; when = 0
    print 0, a, b, c
    for (i = 1; i <= steps; i++) {
        out = int(a * p["first"] / 1000)
        on = int(b * p["second"] / 1000)
        a -= out
        b += out - on
        c += on
        if (i % p["every"] == 0) a += p["feed"]
        if (b > highest) { highest = b; when = i }
        print i, a, b, c
    }
    print "highest", highest, when
    print "total", a + b + c
}
"""


def _parameters(model: Model) -> str:
    return f"first={model.first}\nsecond={model.second}\nfeed={model.feed}\nevery={model.every}\n"


def _damages(model: Model, awk: str, parameters: str) -> tuple[Damage, ...]:
    return (
        Damage(awk, "b += out - on", "b += out + on", "what leaves the second part is added to it"),
        Damage(awk, "i <= steps", "i < steps", "the last step is not done"),
        Damage(awk, '% p["every"] == 0', '% p["every"] == 1', "the feed comes one step late"),
        Damage(awk, 'p["second"] / 1000)', 'p["second"] / 1000 + 0.5)', "the second flow is rounded, not cut off"),
        Damage(awk, 'int(a * p["first"] / 1000)', 'int(a * p["first"] / 100)', "the first share is taken as per cent"),
        Damage(awk, "a + b + c", "a + c", "the second part is missing in the total"),
        Damage(
            parameters,
            f"second={model.second}",
            f"second={model.second + 100}",
            "the parameter second is not that of MODEL.md",
        ),
        Damage(parameters, f"feed={model.feed}", f"feed={model.feed}0", "the parameter feed has a digit too many"),
    )


def make(random: Random, setting: Setting) -> Fragment:
    name, parts, unit = random.choice(THEMES)
    first, second = random.randint(101, 399), random.randint(101, 399)
    model = Model(name, parts, unit, first, second, random.randint(105, 900), random.randint(3, 4))
    folder = setting.folder
    awk, parameters = f"{folder}/{name}.awk", f"{folder}/parameters.txt"
    damages = random.sample(_damages(model, awk, parameters), setting.level)
    healthy = (text_file(awk, _source()), text_file(parameters, _parameters(model)))
    example = _drawn(random, model, 6)
    return Fragment(
        title=f"Repair the {name} model",
        brief=f"""\
`awk -f {awk} {parameters} -` simulates what `{folder}/MODEL.md` describes, for a start on standard input. Its results
are wrong: somebody has changed the program, the parameters, or both. Repair `{awk}` and `{parameters}` in place; both
keep their form. `{folder}/example.txt` is a start, `{folder}/example.out` exactly what has to be printed for it. Other
starts and parameters will be tried.""",
        files=(
            *damaged(healthy, damages),
            text_file(f"{folder}/MODEL.md", _manual(model)),
            text_file(f"{folder}/example.txt", f"{example.line}\n"),
            text_file(f"{folder}/example.out", "".join(f"{line}\n" for line in _printed(model, example))),
        ),
        steps=_steps(random, folder, awk, parameters, damages),
        checks=_checks(random, model, awk, parameters),
        outputs=tuple(dict.fromkeys(damage.path for damage in damages)),
    )


def _drawn(random: Random, model: Model, steps: int) -> Run:
    """The second flow of the first step has a fraction of a half or more, so that rounding shows."""
    second = next(size for size in range(random.randint(300, 3000), 9999) if size * model.second % 1000 >= 500)
    return Run((random.randint(2000, 9000), second, random.randint(1, 500)), steps)


def _printed(model: Model, run: Run) -> list[str]:
    states = model.states(run.start, run.steps)
    middle = [b for _, b, _ in states]
    rows = [" ".join(map(str, (number, *state))) for number, state in enumerate(states)]
    return [*rows, f"highest {max(middle)} {middle.index(max(middle))}", f"total {sum(states[-1])}"]


def _manual(model: Model) -> str:
    a, b, c = model.parts
    return f"""\
# {model.name}

Three parts hold {model.unit}: {a}, {b}, {c}. A start is a line with the contents of the three and the number of steps.

In each step {model.first} thousandths of what {a} holds at the beginning of the step go to {b}, and {model.second}
thousandths of what {b} holds at the beginning of the step go to {c}, both cut off to integers. After every
{model.every} steps (steps {model.every}, {2 * model.every}, ...) {a} is fed another {model.feed} as the step ends.

Printed are: for the start (step 0) and after each step a line with the number of the step and the contents of all
three; `highest`, the greatest content of {b}, and the first step at which it is reached; `total`, what all three hold
at the end.
"""


def _steps(random: Random, folder: str, awk: str, parameters: str, damages: list[Damage]) -> tuple[Step, ...]:
    compare = run(f"awk -f {awk} {parameters} - < {folder}/example.txt | diff -y -W 60 - {folder}/example.out")
    causes = "; ".join(damage.cause for damage in damages)
    return (
        step(
            random,
            (
                "The first step at which the numbers part tells which flow is wrong, so I compare side by side.",
                "I read the model and look at where the output leaves the expected one.",
            ),
            ("Print the manual, both files, and the comparison.", "Read all, then diff side by side."),
            run(f"cat {folder}/MODEL.md {parameters} {awk}"),
            compare,
        ),
        step(
            random,
            (f"That explains it: {causes}.", f"From the table and the manual: {causes}."),
            ("Correct it with sed and compare again.", "Edit in place; the columns should agree then."),
            *(run(f"sed -i 's|{_escaped(d.wrong)}|{_escaped(d.right)}|' {d.path}") for d in damages),
            compare,
        ),
    )


def _escaped(text: str) -> str:
    """For both sides of sed's s command."""
    return re.sub(r"[\[\]*.&]", r"\\\g<0>", text)


def _checks(random: Random, model: Model, awk: str, parameters: str) -> tuple[Check, ...]:
    other = model._replace(first=random.randint(101, 399), feed=random.randint(105, 900), every=7 - model.every)
    laid = f"printf %s {shlex.quote(_parameters(other))} > parameters.txt; awk -f {awk} parameters.txt -"
    own = f"awk -f {awk} {parameters} -"
    return (
        _check("few_steps", (own, model, _drawn(random, model, 5))),
        _check("more_steps", (own, model, _drawn(random, model, 9))),
        _check("many_steps", (own, model, _drawn(random, model, 16)), (laid, other, _drawn(random, other, 8))),
    )


def _check(name: str, *trials: tuple[str, Model, Run]) -> Check:
    """Commands with the model that they have to follow."""
    told = [(command, f"{run.line}\n", _printed(model, run)) for command, model, run in trials]
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"for command, start, printed in {literal(told)}:\n"
        "    found = run_agent(['bash', '-c', command], stdin=start)\n"
        "    assert [line.rstrip() for line in found.stdout.splitlines()] == printed",
        2.0,
    )


SKILL = Skill(
    name="scientific-computing/broken-compartments",
    domain="scientific-computing",
    folders=("compartments", "transfer-model", "flows", "kinetics"),
    tools=("cat", "awk", "diff", "sed"),
    make=make,
    repairs=True,
)
