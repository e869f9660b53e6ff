"""Debugging: a Python package that cannot be imported since its modules depend on each other in a circle."""

from difflib import unified_diff
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Command, Step


class Theme(NamedTuple):
    package: str
    item: str
    """Class of what a line stands for."""
    unit: str
    limit: int
    """More than that in one line is refused."""


THEMES = (
    Theme("stockroom", "Crate", "kg", 400),
    Theme("fleet", "Trip", "km", 900),
    Theme("cellar", "Cask", "l", 250),
    Theme("gridwatch", "Reading", "kWh", 700),
)
FORMS = {
    "__init__.py": '''"""{item}s read from lines, and a report on them."""

LIMIT = {limit}
''',
    "model.py": '''"""What a line stands for."""

from {package} import LIMIT
from {package}.text import key_of


class {item}:
    def __init__(self, name, amount):
        if amount > LIMIT:
            raise ValueError("too much")
        self.key = key_of(name)
        self.amount = amount
''',
    "text.py": '''"""Spelling of names and amounts."""

UNIT = "{unit}"


def key_of(name):
    return name.strip().lower()


def shown(amount):
    return str(amount) + " " + UNIT
''',
    "store.py": '''"""Sums by name; refused lines are counted."""

from {package}.model import {item}


class Store:
    def __init__(self):
        self.sums = {{}}
        self.refused = 0

    def add(self, name, amount):
        try:
            item = {item}(name, amount)
        except ValueError:
            self.refused += 1
            return
        self.sums[item.key] = self.sums.get(item.key, 0) + item.amount
''',
    "report.py": '''"""Lines of the report."""

from {package}.store import Store
from {package}.text import shown


def read(lines):
    store = Store()
    for line in lines:
        name, _, amount = line.rpartition(" ")
        store.add(name, int(amount))
    return store


def lines_of(store):
    for key in sorted(store.sums):
        yield key + ": " + shown(store.sums[key])
    yield "refused: " + str(store.refused)
''',
}
MAIN = """import sys

from {package}.report import lines_of, read

print(*lines_of(read(sys.stdin)), sep="\\n")
"""


def make(random: Random, setting: Setting) -> Fragment:
    theme = random.choice(THEMES)
    package = f"{setting.folder}/{theme.package}"
    words = theme._asdict()
    files = [text_file(f"{package}/{name}", form.format(**words)) for name, form in FORMS.items()]
    main = text_file(f"{setting.folder}/run.py", MAIN.format(**words))
    drawn = random.sample(_damages(theme, package), min(3, setting.level + 1))
    broken = damaged(files, drawn)
    sample = _lines(random, theme, 6)
    return Fragment(
        title=f"{theme.package} no longer imports",
        brief=_brief(setting.folder, theme, sample, random),
        files=(*broken, main, text_file(f"{setting.folder}/sample.txt", "".join(f"{line}\n" for line in sample))),
        steps=_steps(random, setting.folder, theme, drawn, [file.content.decode() for file in (*broken, *files)]),
        checks=_checks(random, setting.folder, theme),
        outputs=tuple(sorted({damage.path for damage in drawn})),
    )


def _damages(theme: Theme, package: str) -> list[Damage]:
    name, item = theme.package, theme.item
    return [
        Damage(
            f"{package}/__init__.py",
            f"LIMIT = {theme.limit}\n",
            f"from {name}.report import lines_of, read\n\nLIMIT = {theme.limit}\n",
            "__init__ imports report before LIMIT exists, and report leads back to it through store and model",
        ),
        Damage(
            f"{package}/model.py",
            f"from {name}.text import key_of\n",
            f"from {name}.store import Store\nfrom {name}.text import key_of\n",
            f"model imports store for a name that it never uses, while store needs {item} from model",
        ),
        Damage(
            f"{package}/text.py",
            f'UNIT = "{theme.unit}"\n',
            f'from {name}.report import lines_of\n\nUNIT = "{theme.unit}"\n',
            "text imports report, although it is report that builds on text",
        ),
        Damage(
            f"{package}/store.py",
            f"from {name}.model import {item}\n",
            f"from model import {item}\n",
            "store imports model as if it were outside the package",
        ),
        Damage(
            f"{package}/model.py",
            "        if amount > LIMIT:\n",
            "        if amount >= LIMIT:\n",
            "model refuses an amount equal to the limit",
        ),
    ]


def _lines(random: Random, theme: Theme, count: int) -> list[str]:
    """One line exactly at the limit, one above it, and names that differ in casing."""
    names = random.sample(("Elm", "Oak", "Fir", "Ash", "Yew"), 3)
    lines = [f"{random.choice(names)} {random.randint(1, theme.limit - 1)}" for _ in range(count)]
    lines += [f"{names[0].upper()} {theme.limit}", f"{names[1]} {theme.limit + 1}", f"{names[1].lower()}  7"]
    return random.sample(lines, len(lines))


def _report(theme: Theme, lines: list[str]) -> list[str]:
    pairs = [(line.split()[0].lower(), int(line.split()[1])) for line in lines]
    fitting = [(name, amount) for name, amount in pairs if amount <= theme.limit]
    sums = [(name, sum(amount for key, amount in fitting if key == name)) for name in sorted(dict(fitting))]
    return [*(f"{name}: {total} {theme.unit}" for name, total in sums), f"refused: {len(pairs) - len(fitting)}"]


def _brief(folder: str, theme: Theme, sample: list[str], random: Random) -> str:
    modules = ", ".join(f"`{name.removesuffix('.py')}`" for name in FORMS if name != "__init__.py")
    shown = "\n".join(f"    {line}" for line in _report(theme, sample))
    must = random.choice(("It must print", "Expected is"))
    return f"""\
`python3 {folder}/run.py < {folder}/sample.txt` ends in a traceback since the last merge. Mend the package
`{folder}/{theme.package}`; `run.py`, the names of modules, classes, functions and constants, and what they do stay as
they are. {must}:

{shown}

- A line is a name and a whole number of {theme.unit}; names that differ only in casing are the same. Amounts above
  `{theme.package}.LIMIT` are refused and counted, an amount equal to it is not.
- Each of the modules {modules} of `{theme.package}` must be importable first in a fresh interpreter that has `{folder}`
  on its path.
- Functions keep their modules. No module imports one that it has no use for, and `__init__.py` imports none at all."""


def _steps(random: Random, folder: str, theme: Theme, damages: list[Damage], texts: list[str]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    sources = " ".join(FORMS)
    start = run("python3 -B run.py < sample.txt", 1.0)
    return (
        Step(
            analysis=random.choice(
                (
                    "The traceback names the import that closes the circle; a grep shows all the edges at once.",
                    "I reproduce the failure, then list who imports whom.",
                )
            ),
            plan=random.choice(("Run it, grep the imports, read the modules.", "Traceback first, then the sources.")),
            commands=(
                run(f"cd {folder}"),
                start,
                run(f"grep -n import {theme.package}/*.py"),
                run(f"cd {theme.package} && cat {sources}; cd .."),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    f"Imports should point one way: report, store, model, text. What does not fit: {causes}.",
                    f"Reading from the bottom module upwards: {causes}.",
                )
            ),
            plan=random.choice(
                (
                    "Apply a patch that takes these back, run the sample, and import each lower module alone.",
                    "Type the patch, run it again; since the order of imports matters, start from each module once.",
                )
            ),
            commands=(
                _patch(theme, texts),
                start,
                *(run(f"python3 -B -c 'import {theme.package}.{name}' && echo ok") for name in ("model", "text")),
                run(f"python3 -B -c 'import {theme.package}.store' && echo ok; cd /app"),
            ),
        ),
    )


def _patch(theme: Theme, texts: list[str]) -> Command:
    broken, healthy = texts[: len(FORMS)], texts[len(FORMS) :]
    diffs = [
        "".join(unified_diff(wrong.splitlines(True), right.splitlines(True), f"a/{name}", f"b/{name}"))
        for name, wrong, right in zip(FORMS, broken, healthy, strict=True)
    ]
    return Command(keystrokes=f"patch -d {theme.package} -p1 <<'EOF'\n{''.join(diffs)}EOF\n", duration_s=0.5)


def _checks(random: Random, folder: str, theme: Theme) -> tuple[Check, ...]:
    main = f"{folder}/run.py"
    runs = [(lines := _lines(random, theme, 5), _report(theme, lines)) for _ in range(3)]
    asked, printed, graph = runs[2][0], runs[2][1], {"__init__": [], "text": [], "model": ["text"]}
    graph |= {"store": ["model"], "report": ["store", "text"]}
    names = {"model": theme.item, "text": "key_of", "store": "Store", "report": "read"}
    start = f"import sys; sys.path.insert(0, {folder!r}); import {theme.package}"
    programs = {
        f"{start}.{module} as m; print(m.{name}.__module__)": f"{theme.package}.{module}\n"
        for module, name in names.items()
    }
    programs[f"{start}; print({theme.package}.LIMIT)"] = f"{theme.limit}\n"
    return (
        *(_run_check(name, main, *case) for name, case in zip(("report", "limits"), runs[:2], strict=True)),
        Check(
            "each_module_first",
            "from termforge_grader import run_agent\n\n"
            f"for program, shown in {literal(programs)}.items():\n"
            "    assert run_agent(['python3', '-c', program]).stdout == shown",
            2.0,
        ),
        Check(
            "layers",
            f"import ast\n\ngiven = {asked!r}\n"
            f"assert output_of({main!r}, ''.join(line + '\\n' for line in given)) == {printed!r}\n"
            f"for module, allowed in {literal(graph)}.items():\n"
            f"    nodes = list(ast.walk(ast.parse(content(f'{folder}/{theme.package}/{{module}}.py'))))\n"
            "    found = [alias.name for node in nodes if hasattr(node, 'names') for alias in node.names]\n"
            "    found += [node.module or '' for node in nodes if isinstance(node, ast.ImportFrom)]\n"
            "    parts = {part for name in found for part in name.split('.')}\n"
            "    assert parts & {'model', 'text', 'store', 'report'} <= set(allowed)",
        ),
    )


def _run_check(name: str, main: str, lines: list[str], printed: list[str]) -> Check:
    return Check(
        name,
        f"given = {lines!r}\nassert output_of({main!r}, ''.join(line + '\\n' for line in given)) == {printed!r}",
        2.0,
    )


SKILL = Skill(
    name="debugging/circular-imports",
    domain="debugging",
    folders=("package", "imports", "merge-damage", "pylib"),
    tools=("python3", "grep", "cat", "patch"),
    make=make,
    repairs=True,
)
