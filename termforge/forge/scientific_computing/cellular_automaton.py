"""Scientific computing: run an elementary cellular automaton for some generations and take a census of them."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Lines
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

RULES = (22, 30, 45, 54, 60, 73, 86, 90, 101, 105, 106, 110, 124, 129, 146, 150, 153, 161, 182)
SYMBOLS = (("#", "."), ("O", "-"), ("1", "0"), ("x", "o"))


class Case(NamedTuple):
    rule: int
    ring: bool
    """Left and right end are neighbours; else cells beyond the ends are dead."""
    alive: str
    dead: str
    cells: list[int]
    generations: int

    @property
    def rows(self) -> list[list[int]]:
        """From the start on."""
        rows = [self.cells]
        for _ in range(self.generations):
            last, width = rows[-1], len(self.cells)
            framed = [last[-1], *last, last[0]] if self.ring else [0, *last, 0]
            rows.append([self.rule >> (4 * framed[i] + 2 * framed[i + 1] + framed[i + 2]) & 1 for i in range(width)])
        return rows


AGREEMENT = """
shown, counted = lines({shown!r}), dict(row[:2] for row in table({census!r}) if len(row) > 1)
assert max(map(len, shown)) == min(map(len, shown)), "generations differ in length"
for generation in range({last} + 1):
    assert generation < len(shown), f"generation {{generation}} is not shown"
    alive = str(shown[generation].count({alive!r}))
    assert counted.get(str(generation)) == alive, f"generation {{generation}} was miscounted"
"""


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    pictured = ["".join(case.alive if cell else case.dead for cell in row) for row in case.rows]
    lines = Lines(f"{folder}/generations.txt", tuple(pictured))
    return Fragment(
        title=f"Run the automaton with rule {case.rule}",
        brief=_brief(folder, case),
        files=(text_file(f"{folder}/start.txt", f"{pictured[0]}\n"),),
        steps=_steps(random, folder, case),
        checks=_checks(folder, case, lines),
        outputs=(lines.path, f"{folder}/census.csv", f"{folder}/columns.txt"),
        offers=(lines,),
    )


def _drawn(random: Random, level: int) -> Case:
    """Every neighbourhood occurs at the start, so that each bit of the rule matters, and both ends are alive."""
    patterns = [0, 0, 0, 1, 0, 1, 1, 1, 0, 0]
    cells = [1, *patterns, *(random.randint(0, 1) for _ in range(8 + 6 * level)), 1]
    symbols = random.choice(SYMBOLS)
    return Case(random.choice(RULES), random.random() < 0.5, *symbols, cells, 8 + 3 * level + random.randint(0, 3))


def _brief(folder: str, case: Case) -> str:
    ends = "The row is a ring: its first and last cell are neighbours." if case.ring else "Beyond both ends is dead."
    return f"""\
`{folder}/start.txt` is a row of cells, `{case.alive}` alive and `{case.dead}` dead. In the next generation a cell is
alive exactly if bit 4a + 2b + c of the number {case.rule} is set (bit 0 is worth 1), where a, b and c are its left
neighbour, itself and its right neighbour, each 1 if alive and 0 if dead. {ends}

- Write `{folder}/generations.txt`: the start and the {case.generations} generations after it, one a line, in the same
  symbols.
- Write `{folder}/census.csv` with the header `generation,alive,blocks`, a row for each line of that file, the start
  being generation 0: the number of living cells, and of blocks, that is maximal runs of living cells in the line as it
  is written (a run does not go on from the last cell to the first).
- Write `{folder}/columns.txt`: for each cell, from left to right, a line with the number of generations, the start
  included, in which it is alive."""


def _steps(random: Random, folder: str, case: Case) -> tuple[Step, ...]:
    shown = f"{folder}/generations.txt"
    return (
        step(
            random,
            ("A short look at the start row gives width and symbols.", "First the start, and how wide it is."),
            ("Print it and count its characters.", "Show the row with its length."),
            run(f"cat {folder}/start.txt"),
            run(f"wc -m {folder}/start.txt"),
        ),
        step(
            random,
            (
                "awk with a table of eight outcomes is enough: the rule's bits become the table once, then each cell "
                "looks up its neighbourhood.",
                "I unfold the rule number into its eight bits and apply them to substrings of three cells.",
            ),
            ("Write the awk program, run it, look at the picture.", "Run the automaton in awk and view the lines."),
            write("/tmp/automaton.awk", _awk(case)),
            run(f"awk -f /tmp/automaton.awk {folder}/start.txt > {shown}"),
            run(f"cat {shown}"),
        ),
        step(
            random,
            (
                "gsub counts living cells, and runs of them, line by line; cut takes the columns one by one.",
                "Both statistics read the finished picture: substitutions count cells and blocks.",
            ),
            ("Derive census and columns and print them.", "Write both tables, then look at them."),
            run(f"echo generation,alive,blocks > {folder}/census.csv"),
            run(
                f'awk \'{{a = gsub(/{case.alive}/, "&"); b = gsub(/{case.alive}+/, "&"); '
                f'print NR - 1 "," a "," b}}\' {shown} >> {folder}/census.csv'
            ),
            write("/tmp/columns.sh", _columns(folder, case)),
            run("bash /tmp/columns.sh", 1.0),
            run(f"cat {folder}/census.csv"),
            run(f"paste -s -d ' ' {folder}/columns.txt"),
        ),
    )


def _awk(case: Case) -> str:
    framed = "substr(row, width, 1) row substr(row, 1, 1)" if case.ring else f'"{case.dead}" row "{case.dead}"'
    return f"""
BEGIN {{
    rule = {case.rule}
    for (i = 0; i < 8; i++) {{ bit[i] = rule % 2; rule = int(rule / 2) }}
}}
{{
    row = $0
    width = length(row)
    print row
    for (step = 1; step <= {case.generations}; step++) {{
        wide = {framed}
        row = ""
        for (i = 1; i <= width; i++) {{
            place = 0
            for (j = i; j < i + 3; j++) place = 2 * place + (substr(wide, j, 1) == "{case.alive}")
            row = row (bit[place] ? "{case.alive}" : "{case.dead}")
        }}
        print row
    }}
}}
"""


def _columns(folder: str, case: Case) -> str:
    return f"""
cd {folder}
for place in $(seq {len(case.cells)}); do
    cut -c $place generations.txt | grep -c '{case.alive}'
done > columns.txt
"""


def _checks(folder: str, case: Case, shown: Lines) -> tuple[Check, ...]:
    rows = case.rows
    census = [["generation", "alive", "blocks"]]
    census += [
        [str(number), str(sum(row)), str(sum(b > a for a, b in zip([0, *row], row, strict=False)))]
        for number, row in enumerate(rows)
    ]
    columns = [str(sum(column)) for column in zip(*rows, strict=True)]
    return (
        Check("generations", f"assert lines({shown.path!r}) == {literal(list(shown.lines))}", 3.0),
        Check("census", f"assert table({folder + '/census.csv'!r}) == {literal(census)}"),
        Check("columns", f"assert lines({folder + '/columns.txt'!r}) == {columns!r}"),
        Check(
            "agreement",
            AGREEMENT.format(
                shown=shown.path, census=f"{folder}/census.csv", last=len(shown.lines) - 1, alive=case.alive
            ),
        ),
    )


SKILL = Skill(
    name="scientific-computing/cellular-automaton",
    domain="scientific-computing",
    folders=("automaton", "cells", "lattice", "growth"),
    tools=("cat", "wc", "awk", "bash", "seq", "cut", "grep", "paste"),
    make=make,
    offers=(Lines,),
)
