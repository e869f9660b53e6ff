"""Scientific computing: a C simulation of sandpiles neither builds nor relaxes as its notes say; patch it."""

from collections.abc import Sequence
from difflib import unified_diff
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Command, File, Step

NAMES = (("sandpile", "grains"), ("avalanche", "snow"), ("crumble", "rubble"))


class Model(NamedTuple):
    name: str
    matter: str
    limit: int
    """A site that holds so many topples."""


def _source(model: Model) -> str:
    return f"""\
/* Relaxes a pile of {model.matter}. The rules are in NOTES.md. */
#include <stdio.h>
#include "grid.h"

static long lost, topplings;

static void give(struct grid *g, int row, int column, int amount)
{{
    if (row < 0 || row >= g->rows || column < 0 || column >= g->columns)
        lost += amount;
    else
        g->cell[row][column] += amount;
}}

static int sweep(struct grid *g)
{{
    int moved = 0;
    for (int row = 0; row < g->rows; row++)
        for (int column = 0; column < g->columns; column++)
            while (g->cell[row][column] >= LIMIT) {{
                g->cell[row][column] -= LIMIT;
                give(g, row - 1, column, 1);
                give(g, row + 1, column, 1);
                give(g, row, column - 1, 1);
                give(g, row, column + 1, LIMIT - 3);
                topplings++;
                moved = 1;
            }}
    return moved;
}}

int main(void)
{{
    struct grid g;
    if (scanf("%d %d", &g.rows, &g.columns) != 2)
        return 1;
    for (int row = 0; row < g.rows; row++)
        for (int column = 0; column < g.columns; column++)
            if (scanf("%d", &g.cell[row][column]) != 1)
                return 1;
    while (sweep(&g))
        ;
    for (int row = 0; row < g.rows; row++)
        for (int column = 0; column < g.columns; column++)
            printf("%d%c", g.cell[row][column], column + 1 < g.columns ? ' ' : '\\n');
    printf("lost %ld\\ntopplings %ld\\n", lost, topplings);
    return 0;
}}
"""


def _header(model: Model) -> str:
    return f"""\
#define LIMIT {model.limit}
#define SIDE 64

struct grid {{
    int rows, columns;
    int cell[SIDE][SIDE];
}};
"""


def _runner(model: Model) -> str:
    return f"""\
# Builds into a temporary folder and runs on standard input.
set -e
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -std=c11 -Wall -O1 -o "$work/{model.name}" "$here/{model.name}.c"
"$work/{model.name}"
"""


def _damages(model: Model, folder: str) -> tuple[list[Damage], list[Damage]]:
    """Those that keep it from building, and those that change what it prints."""
    source, header, runner = f"{folder}/{model.name}.c", f"{folder}/grid.h", f"{folder}/run.sh"
    build = [
        Damage(source, '#include "grid.h"', '#include "pile.h"', "the header is called grid.h"),
        Damage(header, "    int rows, columns;", "    int rows, cols;", "the member columns was renamed in the header"),
        Damage(
            runner, f"$here/{model.name}.c", f"$work/{model.name}.c", "run.sh looks for the source in its work folder"
        ),
        Damage(header, "cell[SIDE][SIDE];\n", "cell[SIDE][SIDE]\n", "a semicolon is missing in the struct"),
    ]
    output = [
        Damage(source, "column] >= LIMIT)", "column] > LIMIT)", "a site with exactly the limit must topple"),
        Damage(source, "column >= g->columns)", "column >= g->rows)", "the right edge is taken from the rows"),
        Damage(source, "        lost += amount;", "        lost++;", "what is lost is counted by gifts, not by amount"),
        Damage(source, "give(g, row + 1, column, 1);", "give(g, row + 1, column + 1, 1);", "one neighbour is diagonal"),
        Damage(
            source,
            "give(g, row, column + 1, LIMIT - 3);",
            "give(g, row, column + 1, 1);",
            "the right neighbour must get all that remains",
        ),
    ]
    return build, output


def make(random: Random, setting: Setting) -> Fragment:
    name, matter = random.choice(NAMES)
    model, folder = Model(name, matter, random.choice((5, 6, 7))), setting.folder
    build, output = _damages(model, folder)
    damages = [*random.sample(output, (setting.level + 1) // 2), *random.sample(build, setting.level // 2)]
    healthy = (
        text_file(f"{folder}/{name}.c", _source(model)),
        text_file(f"{folder}/grid.h", _header(model)),
        text_file(f"{folder}/run.sh", _runner(model)),
    )
    broken = damaged(healthy, damages)
    example = _drawn(random, model, 3, 5)
    return Fragment(
        title=f"Repair the {name} simulation",
        brief=f"""\
`{folder}/run.sh`, a bash script, builds `{folder}/{name}.c` and runs it on standard input. Since the last change
it does not do what `{folder}/NOTES.md` says. Find the cause or causes in `{name}.c`, `grid.h` and `run.sh` of that
folder and repair them in place; `{name}.c` must stay a C program that `gcc` builds. `{folder}/example.in` is an input,
`{folder}/example.out` what has to be printed for it. The script will be run on input that is not shown.""",
        files=(
            *broken,
            text_file(f"{folder}/NOTES.md", _notes(model)),
            text_file(f"{folder}/example.in", "".join(f"{line}\n" for line in _lines(example))),
            text_file(f"{folder}/example.out", "".join(f"{line}\n" for line in _relaxed(model, example))),
        ),
        steps=_steps(random, folder, damages, broken, healthy),
        checks=(
            *(
                _check(f"unseen_{kind}_pile", folder, model, _drawn(random, model, *shape))
                for kind, shape in (("wide", (2, 6)), ("tall", (5, 3)), ("larger", (4, 5)))
            ),
            _source_check(f"{folder}/{name}.c", model, _drawn(random, model, 3, 4)),
        ),
        outputs=tuple(dict.fromkeys(damage.path for damage in damages)),
    )


def _notes(model: Model) -> str:
    return f"""\
# {model.name}

Input: numbers of rows and columns (at most 64 each), then the {model.matter} on each site, row by row.

A site that holds {model.limit} or more topples: it loses {model.limit}, of which the sites above, below and to the left
get 1 each and the site to the right gets the remaining {model.limit - 3}. What would go beyond the edge is lost. Sites
topple until none can; the order does not matter for the result.

Output: the rows of the relaxed grid, numbers separated by single blanks, then `lost <{model.matter} lost>` and
`topplings <number of topplings>`.
"""


def _drawn(random: Random, model: Model, rows: int, columns: int) -> list[list[int]]:
    """Its corners hold exactly the limit, and something topples at every edge."""
    grid = [[random.randint(0, 2 * model.limit) for _ in range(columns)] for _ in range(rows)]
    for row in (0, -1):
        grid[row][0] = grid[row][-1] = model.limit
    return grid


def _lines(grid: list[list[int]]) -> list[str]:
    return [f"{len(grid)} {len(grid[0])}", *(" ".join(map(str, row)) for row in grid)]


def _relaxed(model: Model, start: list[list[int]]) -> list[str]:
    grid = [list(row) for row in start]
    rows, columns, lost, topplings = len(grid), len(grid[0]), 0, 0
    waiting = [(row, column) for row in range(rows) for column in range(columns)]
    while waiting:
        row, column = waiting.pop()
        times = grid[row][column] // model.limit
        if not times:
            continue
        topplings += times
        grid[row][column] -= times * model.limit
        gifts = ((-1, 0, 1), (1, 0, 1), (0, -1, 1), (0, 1, model.limit - 3))
        for down, right, amount in gifts:
            if 0 <= row + down < rows and 0 <= column + right < columns:
                grid[row + down][column + right] += times * amount
                waiting.append((row + down, column + right))
            else:
                lost += times * amount
    return [*(" ".join(map(str, row)) for row in grid), f"lost {lost}", f"topplings {topplings}"]


def _steps(
    random: Random, folder: str, damages: list[Damage], broken: Sequence[File], healthy: Sequence[File]
) -> tuple[Step, ...]:
    test = run(f"bash {folder}/run.sh < {folder}/example.in | diff - {folder}/example.out && echo agrees", 2.0)
    causes = "; ".join(damage.cause for damage in damages)
    return (
        step(
            random,
            ("Notes first, then the three sources.", "I read what it should do and then what it does."),
            ("Print notes, header, script and program.", "Read everything before running it."),
            run(f"cat {folder}/NOTES.md {folder}/grid.h {folder}/run.sh"),
            run(f"cat {folder}/*.c"),
        ),
        step(
            random,
            (f"Read against the notes: {causes}.", f"The sources differ from the notes so: {causes}."),
            (
                "Run the example for the record, apply a patch with the corrections, run it again.",
                "Confirm the failure, patch, and compare with the expected output.",
            ),
            test,
            _patch(folder, broken, healthy),
            test,
        ),
    )


def _patch(folder: str, broken: Sequence[File], healthy: Sequence[File]) -> Command:
    lines: list[str] = []
    for wrong, right in zip(broken, healthy, strict=True):
        name = wrong.path.rpartition("/")[2]
        before, after = (file.content.decode().splitlines() for file in (wrong, right))
        lines += unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="", n=2)
    text = "\n".join(lines)
    return Command(keystrokes=f"patch -p1 -d {folder} <<'EOF'\n{text}\nEOF\n", duration_s=0.5)


def _check(name: str, folder: str, model: Model, grid: list[list[int]]) -> Check:
    return Check(
        name,
        f"pile = {literal(_lines(grid))}\nrelaxed = output_of({folder + '/run.sh'!r}, '\\n'.join(pile) + '\\n')\n"
        f"assert relaxed == {literal(_relaxed(model, grid))}",
        2.0,
    )


def _source_check(source: str, model: Model, grid: list[list[int]]) -> Check:
    """A script may also run what is not C."""
    text, words = "".join(f"{line}\n" for line in _lines(grid)), " ".join(_relaxed(model, grid))
    return Check(
        "c_source",
        "from termforge_grader import run_agent\n\n"
        f"build = 'gcc -o relax {source} && ./relax < pile'\n"
        f"made = run_agent(['sh', '-c', build], files={{'pile': {text!r}}})\n"
        "assert not made.returncode, made.stderr\n"
        f"assert made.stdout.split() == {words!r}.split()",
    )


SKILL = Skill(
    name="scientific-computing/broken-sandpile",
    domain="scientific-computing",
    folders=("sandpile", "relaxation", "avalanches", "pile-model"),
    tools=("cat", "bash", "diff", "patch", "gcc", "dirname", "realpath", "mktemp", "rm"),
    make=make,
    repairs=True,
)
