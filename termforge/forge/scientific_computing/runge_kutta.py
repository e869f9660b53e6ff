"""Scientific computing: integrate a small dynamical system with the classical Runge-Kutta method and report on it.

The models use + - * / only, which IEEE 754 fixes bit by bit: expected values are the same on every machine.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

State = tuple[float, ...]
STEPS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 1.5, 2.0)
TOLERANCE = 1.5e-6
"""Two roundings to 6 decimals differ by 1e-6 at most."""


class Model(NamedTuple):
    name: str
    variables: tuple[str, ...]
    equations: str
    parameters: dict[str, tuple[int, int]]
    """Bounds of each parameter in hundredths."""
    start: dict[str, tuple[int, int]]
    """Bounds of each starting value in hundredths."""
    code: str
    """The right-hand side in Python: parameters in `p`, variables by name."""
    slope: Callable[[dict[str, float], State], State]


MODELS = (
    Model(
        "damped oscillator",
        ("x", "v"),
        "dx/dt = v, dv/dt = -(k x + c v) / m",
        {"m": (50, 300), "k": (100, 900), "c": (5, 60)},
        {"x": (-300, 300), "v": (-200, 200)},
        'return v, -(p["k"] * x + p["c"] * v) / p["m"]',
        lambda p, s: (s[1], -(p["k"] * s[0] + p["c"] * s[1]) / p["m"]),
    ),
    Model(
        "predator and prey",
        ("prey", "predator"),
        "dprey/dt = a prey - b prey predator, dpredator/dt = d prey predator - g predator",
        {"a": (60, 140), "b": (20, 60), "d": (10, 40), "g": (40, 90)},
        {"prey": (100, 500), "predator": (50, 250)},
        'return p["a"] * prey - p["b"] * prey * predator, p["d"] * prey * predator - p["g"] * predator',
        lambda p, s: (p["a"] * s[0] - p["b"] * s[0] * s[1], p["d"] * s[0] * s[1] - p["g"] * s[1]),
    ),
    Model(
        "epidemic",
        ("susceptible", "infected", "recovered"),
        "dsusceptible/dt = -b susceptible infected, dinfected/dt = b susceptible infected - g infected, "
        "drecovered/dt = g infected",
        {"b": (60, 160), "g": (10, 45)},
        {"susceptible": (85, 99), "infected": (1, 8), "recovered": (0, 0)},
        'new = p["b"] * susceptible * infected\n    return -new, new - p["g"] * infected, p["g"] * infected',
        lambda p, s: (-p["b"] * s[0] * s[1], p["b"] * s[0] * s[1] - p["g"] * s[1], p["g"] * s[1]),
    ),
)


class Case(NamedTuple):
    model: Model
    parameters: dict[str, float]
    start: dict[str, float]
    step: float
    steps: int
    every: int
    """A row of the trajectory is written each so many steps."""


def make(random: Random, setting: Setting) -> Fragment:
    case = _drawn(random, setting.level)
    config = f"{setting.folder}/model.json"
    return Fragment(
        title=f"Integrate the {case.model.name} model",
        brief=_brief(setting, case, config),
        files=(text_file(config, _config(case)),),
        steps=_steps(random, setting, case, config),
        checks=_checks(setting, case),
        outputs=(f"{setting.folder}/trajectory.csv", f"{setting.folder}/result.json"),
    )


def _drawn(random: Random, level: int) -> Case:
    """The smallest step length that shows in the rows; a system at rest by the first row is drawn anew."""
    model = random.choice(MODELS)
    every = random.choice((10, 20, 25, 50))
    case = Case(
        model,
        {name: random.randint(*bounds) / 100 for name, bounds in model.parameters.items()},
        {name: random.randint(*bounds) / 100 for name, bounds in model.start.items()},
        STEPS[0],
        every * random.randint(6 * level, 10 * level),
        every,
    )
    telling = (trial for trial in (case._replace(step=step) for step in STEPS) if _depends_on_step(trial))
    return next(telling, None) or _drawn(random, level)


def _depends_on_step(case: Case) -> bool:
    """Does half the step length give other rows, as seen with the tests' tolerance?"""
    finer = _integrated(case._replace(step=case.step / 2, steps=2 * case.steps))[:: 2 * case.every]
    rows = zip(_integrated(case)[:: case.every], finer, strict=True)
    return any(abs(a - b) > 2 * TOLERANCE for row, other in rows for a, b in zip(row, other, strict=True))


def _config(case: Case) -> str:
    """JSON laid out by hand: one value a line."""
    blocks = [
        f'  "{title}": {{\n' + ",\n".join(f'    "{name}": {value!r}' for name, value in values.items()) + "\n  }"
        for title, values in (("parameters", case.parameters), ("initial", case.start))
    ]
    return "{\n" + ",\n".join([*blocks, f'  "step": {case.step!r}', f'  "steps": {case.steps}']) + "\n}\n"


def _integrated(case: Case) -> list[State]:
    """States at step 0, 1, ..., case.steps."""
    h = case.step

    def moved(state: State, slope: State, by: float) -> State:
        return tuple(value + by * rate for value, rate in zip(state, slope, strict=True))

    states = [tuple(case.start[name] for name in case.model.variables)]
    for _ in range(case.steps):
        now = states[-1]
        k1 = case.model.slope(case.parameters, now)
        k2 = case.model.slope(case.parameters, moved(now, k1, h / 2))
        k3 = case.model.slope(case.parameters, moved(now, k2, h / 2))
        k4 = case.model.slope(case.parameters, moved(now, k3, h))
        mean = tuple(a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
        states.append(moved(now, mean, h / 6))
    return states


def _brief(setting: Setting, case: Case, config: str) -> str:
    names = ", ".join(case.model.variables)
    return f"""\
`{config}` holds the parameters, the initial values, the step length `step` and the number of `steps` of this system
({case.model.name}; variables {names}):

    {case.model.equations}

Integrate it from t = 0 with the classical fourth-order Runge-Kutta method and exactly that step length and number
of steps, in double precision.

Write `{setting.folder}/trajectory.csv` with the header `t,{",".join(case.model.variables)}`: the state at t = 0 and
after every {case.every} steps (t rounded to 4
decimals, the variables to 6). Write `{setting.folder}/result.json` with the keys `final` (object with the value of
each variable after the last step),
`peak` (greatest value of `{case.model.variables[0 if len(case.model.variables) == 2 else 1]}` over all steps, the
start included) and `peak_step` (the number of the first step at which it is reached,
0 for the start). Numbers need at least 6 correct decimals."""


def _peak(case: Case, states: list[State]) -> tuple[float, int]:
    column = 0 if len(case.model.variables) == 2 else 1
    values = [state[column] for state in states]
    return max(values), values.index(max(values))


def _steps(random: Random, setting: Setting, case: Case, config: str) -> tuple[Step, ...]:
    script = f"{setting.folder}/integrate.py"
    look = Step(
        analysis=random.choice(
            (
                f"The equations are given; parameters, initial values and step length come from {config}.",
                f"First the configuration of the {case.model.name} model, so that the names in my program match its "
                "keys.",
            )
        ),
        plan="Read the configuration.",
        commands=(run(f"cat {config}"),),
    )
    integrate = Step(
        analysis=random.choice(
            (
                f"The system has {len(case.model.variables)} variables and {case.steps} steps, which plain Python "
                "does at once. The method is fixed, so I write the four stages out instead of using an adaptive "
                "solver.",
                "The result must come from classical Runge-Kutta with this very step, so a hand-written stepper is "
                "the right tool. I keep unrounded states and round only on output.",
            )
        ),
        plan=random.choice(
            (
                f"Write {script} with the right-hand side and the stepper, run it, look at the result and the first "
                "rows.",
                "Put the stepper into a script, write both outputs from the stored states, and inspect them.",
            )
        ),
        commands=(
            write(script, _script(setting, case, config)),
            run(f"python3 {script}", 2.0),
            run(f"cat {setting.folder}/result.json"),
            run(f"head -n 4 {setting.folder}/trajectory.csv"),
        ),
    )
    return look, integrate


def _script(setting: Setting, case: Case, config: str) -> str:
    names = case.model.variables
    column = 0 if len(names) == 2 else 1
    return f'''
import json

with open("{config}") as file:
    config = json.load(file)
p, h = config["parameters"], config["step"]
names = {list(names)}


def slope(state):
    {", ".join(names)} = state
    {case.model.code}


def moved(state, rates, by):
    return [value + by * rate for value, rate in zip(state, rates)]


states = [[config["initial"][name] for name in names]]
for _ in range(config["steps"]):
    now = states[-1]
    k1 = slope(now)
    k2 = slope(moved(now, k1, h / 2))
    k3 = slope(moved(now, k2, h / 2))
    k4 = slope(moved(now, k3, h))
    states.append([value + h / 6 * (a + 2 * b + 2 * c + d) for value, a, b, c, d in zip(now, k1, k2, k3, k4)])

with open("{setting.folder}/trajectory.csv", "w") as out:
    print("t", *names, sep=",", file=out)
    for number in range(0, len(states), {case.every}):
        print(f"{{number * h:.4f}}", *(f"{{value:.6f}}" for value in states[number]), sep=",", file=out)
watched = [state[{column}] for state in states]
peak = max(watched)
result = {{"final": dict(zip(names, states[-1])), "peak": peak, "peak_step": watched.index(peak)}}
with open("{setting.folder}/result.json", "w") as out:
    json.dump(result, out, indent=2)
'''


def _checks(setting: Setting, case: Case) -> tuple[Check, ...]:
    states = _integrated(case)
    rows = [
        [round(number * case.step, 4), *(round(value, 6) for value in states[number])]
        for number in range(0, len(states), case.every)
    ]
    peak, peak_step = _peak(case, states)
    final = {name: round(value, 8) for name, value in zip(case.model.variables, states[-1], strict=True)}
    trajectory, result = f"{setting.folder}/trajectory.csv", f"{setting.folder}/result.json"
    return (
        Check(
            "trajectory",
            f"rows = table({trajectory!r})\nassert rows[0] == {['t', *case.model.variables]!r}\n"
            f"found = [[number(cell, 'cell') for cell in row] for row in rows[1:]]\n"
            f"assert_same(found, {literal(rows)}, tolerance={TOLERANCE})",
            2.0,
        ),
        Check(
            "final_state",
            f"found = document({result!r})\nassert isinstance(found, dict)\n"
            f"assert_same(found.get('final'), {literal(final)}, tolerance={TOLERANCE})",
            2.0,
        ),
        Check(
            "peak",
            f"found = document({result!r})\nassert isinstance(found, dict)\n"
            f"assert_same(found.get('peak'), {round(peak, 8)!r}, tolerance={TOLERANCE})\n"
            f"assert_same(found.get('peak_step'), {peak_step})",
        ),
    )


SKILL = Skill(
    name="scientific-computing/runge-kutta",
    domain="scientific-computing",
    folders=("simulation", "model", "dynamics", "integrator"),
    tools=("python3", "cat", "head"),
    make=make,
)
