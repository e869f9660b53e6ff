"""Software engineering: rename functions across a package by a plan in which names are swapped and contain each
other."""

from collections.abc import Mapping
from random import Random
from re import sub
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Step


class Theme(NamedTuple):
    package: str
    names: tuple[str, str, str, str, str]
    """Functions, the last of which is never renamed; the second contains the first."""
    fresh: tuple[str, str]
    """Names not in use."""


THEMES = (
    Theme("granary", ("load", "load_all", "check", "weigh", "reload"), ("read_sack", "inspect")),
    Theme("postroom", ("send", "send_later", "route", "seal", "resend"), ("dispatch", "assign_van")),
    Theme("orchard", ("pick", "pick_ripe", "sort_out", "prune", "unpick"), ("harvest", "grade")),
    Theme("foundry", ("cast", "cast_hot", "cool", "polish", "recast"), ("pour", "quench")),
)


def make(random: Random, setting: Setting) -> Fragment:
    theme, folder = random.choice(THEMES), setting.folder
    numbers = [random.randint(2, 9) for _ in range(3)]
    before = _files(theme, numbers)
    plan = _plan(random, theme, setting.level)
    after = {name: _renamed(name, text, plan) for name, text in before.items()}
    root = f"{folder}/{theme.package}"
    tree = Tree(root, tuple(text_file(f"{root}/{name}", text) for name, text in after.items()))
    listed = "".join(f"{old} {new}\n" for old, new in random.sample(sorted(plan.items()), len(plan)))
    return Fragment(
        title=f"Rename functions of {theme.package}",
        brief=_brief(folder, root),
        files=(
            *(text_file(f"{root}/{name}", text) for name, text in before.items()),
            text_file(f"{folder}/renames.txt", listed),
        ),
        steps=_steps(random, folder, root),
        checks=_checks(folder, tree, before, after, plan, numbers),
        outputs=(*(f"{root}/{name}" for name in after if after[name] != before[name]), f"{folder}/changes.txt"),
        offers=(tree,),
    )


def _plan(random: Random, theme: Theme, level: int) -> dict[str, str]:
    """Two names are swapped; the shorter of two that contain each other gets a new one."""
    first, second, third, fourth, _ = theme.names
    plan = {third: fourth, fourth: third, first: theme.fresh[0]}
    if level > 1:
        plan[second] = theme.fresh[1]
    return dict(random.sample(sorted(plan.items()), len(plan)))


def _renamed(name: str, text: str, plan: Mapping[str, str]) -> str:
    if not name.endswith(".py") or name.startswith("vendor/"):
        return text
    return sub(r"\w+", lambda word: plan.get(word[0], word[0]), text)


def _files(theme: Theme, numbers: list[int]) -> dict[str, str]:
    first, second, third, fourth, last = theme.names
    return {
        "core.py": f'''"""Steps that build on {first} and {third}."""


def {first}(n):
    return n + {numbers[0]}


def {third}(n):
    return n * {numbers[1]}


def {fourth}(n):
    return {third}({first}(n)) - {numbers[2]}


def {last}(n):
    return {first}({first}(n))
''',
        "batch.py": f'''"""{second}: the steps for many."""

import core
from core import {fourth}, {third}


def {second}(numbers):
    return [core.{first}(n) + {fourth}(n) - {third}(n) for n in numbers]
''',
        "main.py": f"""import sys

from batch import {second}
from core import {last}

numbers = [int(word) for word in sys.stdin.read().split()]
print(*{second}(numbers), sum(map({last}, numbers)))
""",
        "vendor/shim.py": f"def {first}(n):\n    return n\n\n\n{third} = {first}\n",
        "NOTES.md": f"{first} was once called {third}; see {fourth}.\n",
    }


def _brief(folder: str, root: str) -> str:
    return f"""\
`{folder}/renames.txt` has lines `<old> <new>`. In `{root}`, rename accordingly in every file that ends in `.py`, files
in `{root}/vendor` excepted: each whole word (a longest run of letters, digits and underscores) that is an old name
becomes the new one, wherever it stands, comments and strings included. All lines of the plan hold at the same time:
where one line's new name is another line's old name, nothing is renamed twice. Everything else stays byte for byte.

Also write `{folder}/changes.txt`: for each changed file a line `<path> <words replaced>`, the path relative to
`{root}` without a leading `./`, sorted by path in byte order. No other file may appear below `{root}`."""


def _steps(random: Random, folder: str, root: str) -> tuple[Step, ...]:
    files = "find . -name '*.py' -not -path './vendor/*'"
    program = (
        "BEGIN { open my $plan, q{<}, q{../renames.txt}; %new = map split, <$plan> } "
        "s/(\\w+)/exists $new{$1} ? ($count{$ARGV}++, $new{$1})[1] : $1/ge; "
        "END { print STDOUT substr($_, 2), qq{ $count{$_}\\n} for keys %count }"
    )
    return (
        Step(
            analysis=random.choice(
                (
                    "Some names contain others and some are swapped, so a chain of substitutions would go wrong.",
                    "Before I rename anything I look at the plan and at every place where its words occur.",
                )
            ),
            plan=random.choice(("Print the plan, grep its words.", "Show the plan and the lines it touches.")),
            commands=(
                run(f"cd {root}"),
                run("cat ../renames.txt"),
                run("cut -d ' ' -f 1 ../renames.txt | grep -rnwFf - . | head -n 40"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "One substitution that looks every word up in a hash renames all at once, swaps included.",
                    "A single pass with a lookup per word cannot rename anything twice.",
                )
            ),
            plan=random.choice(
                ("Let perl edit in place and count; then run the program.", "Rename with perl -pi and try the result.")
            ),
            commands=(
                run(f"{files} | xargs perl -i -pe '{program}' | sort > ../changes.txt"),
                run("cat ../changes.txt"),
                run("echo 3 4 | python3 -B main.py; cd /app", 1.0),
            ),
        ),
    )


def _checks(
    folder: str,
    tree: Tree,
    before: dict[str, str],
    after: dict[str, str],
    plan: Mapping[str, str],
    numbers: list[int],
) -> tuple[Check, ...]:
    changed = [name for name in sorted(after) if after[name] != before[name]]
    counts = [f"{name} {_count(before[name], plan)}" for name in changed]
    untouched = {name: text for name, text in after.items() if name not in changed}
    names = sorted(after)
    return (
        Check(
            "renamed",
            f"for name, text in {literal({name: after[name] for name in changed})}.items():\n"
            f"    assert content(f'{tree.path}/{{name}}') == text, name",
            3.0,
        ),
        Check("changes", f"assert lines({folder + '/changes.txt'!r}) == {counts!r}", 2.0),
        Check(
            "nothing_else",
            f"assert content({f'{tree.path}/{changed[0]}'!r}) == {after[changed[0]]!r}\n"
            f"for name, text in {literal(untouched)}.items():\n"
            f"    assert content(f'{tree.path}/{{name}}') == text, name\n"
            f"root = Path({tree.path!r})\n"
            "found = [path.relative_to(root).as_posix() for path in root.rglob('*') if path.is_file()]\n"
            f"assert sorted(name for name in found if '__pycache__' not in name) == {names!r}",
        ),
        Check(
            "still_runs",
            f"assert content({f'{tree.path}/core.py'!r}) == {after['core.py']!r}\n"
            f"found = output_of({tree.path + '/main.py'!r}, '5 11 2')\n"
            f"assert found == [{_printed([5, 11, 2], *numbers)!r}]",
        ),
    )


def _count(text: str, plan: Mapping[str, str]) -> int:
    return sum(word in plan for word in sub(r"\W+", " ", text).split())


def _printed(given: list[int], first: int, third: int, fourth: int) -> str:
    """What main.py prints, by hand."""
    batch = [n + first + (n + first) * third - fourth - n * third for n in given]
    return " ".join(map(str, (*batch, sum(n + 2 * first for n in given))))


SKILL = Skill(
    name="software-engineering/rename-symbols",
    domain="software-engineering",
    folders=("refactor", "renaming", "api-names", "cleanup-names"),
    tools=("cat", "cut", "grep", "head", "find", "xargs", "perl", "sort", "python3"),
    make=make,
    offers=(Tree,),
)
