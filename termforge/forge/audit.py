"""`python -m termforge.forge.audit`: how broad is the forge? A line a figure with its bar; status 1 when one is missed.

Likeness of two skills is the Jaccard index of their solutions' (or tests') token sets, taken over nine seeds a skill.
Before that every path becomes one token, every number another, and every name a third: a name is what the text itself
binds or expands (`x = `, `for x`, `def x`, `$x`) and what fewer than a third of the seeds hold, that is drawn data. The
frame of a task (opening, headings, first and last step, test helpers) is the same for all skills and left out.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from random import Random
from statistics import median
from typing import NamedTuple

from termforge.forge.catalogue import SKILLS
from termforge.forge.compose import DIFFICULTIES, forge_task
from termforge.forge.skill import Check, Fragment, Setting, Skill
from termforge.forge.typed import jaccard, keystrokes, library_calls, masked, perl_modules, programs, steady, typed
from termforge.schemas import DOMAINS, ImageRecipe, TerminalTask

SEEDS = 9
"""A skill; the three levels in turn."""
LIKENESS = 0.6
TASKS = 10_000
HOST = ImageRecipe(name="host", recipe="")


class Figure(NamedTuple):
    what: str
    value: float
    bar: float
    below: bool = False
    """The value must stay below the bar instead of reaching it."""
    where: str = ""
    """What comes nearest to missing it."""

    @property
    def met(self) -> bool:
        return self.value < self.bar if self.below else self.value >= self.bar


def samples(skill: Skill) -> list[Fragment]:
    """One a seed, all in the same folder."""
    folder = f"/app/{skill.folders[0]}"
    return [
        skill.make(Random(f"audit-{skill.name}-{seed}"), Setting(folder, 1 + seed % len(DIFFICULTIES)))
        for seed in range(SEEDS)
    ]


def audit_skills(made: Sequence[tuple[Skill, Sequence[Fragment]]]) -> list[Figure]:
    """Figures that need nothing but the skills and their samples."""
    skills = [skill for skill, _ in made]
    return [
        Figure("skills", len(skills), 90),
        fewest_in_a_domain("skills", skills, 10),
        fewest_in_a_domain("skills that repair", [skill for skill in skills if skill.repairs], 2),
        fewest_in_a_domain("skills that offer an artifact", [skill for skill in skills if skill.offers], 3),
        fewest_in_a_domain("skills that read an artifact", [skill for skill in skills if skill.reads], 2),
        closest("solutions", {skill.name: [keystrokes(part) for part in parts] for skill, parts in made}),
        closest("tests", {skill.name: [_tests(part) for part in parts] for skill, parts in made}),
        Figure("programs and library calls", len(vocabulary(made)), 120),
    ]


def fewest_in_a_domain(what: str, skills: Sequence[Skill], bar: int) -> Figure:
    counts = Counter(skill.domain for skill in skills)
    poorest = min(DOMAINS, key=lambda domain: counts[domain])
    return Figure(f"{what}, fewest a domain", counts[poorest], bar, where=poorest)


def closest(what: str, texts: dict[str, list[str]]) -> Figure:
    """The two skills that are most alike after masking, and all others that are too much alike."""
    tokens = {name: steady(of_seeds) for name, of_seeds in texts.items()}
    pairs = sorted(
        ((jaccard(tokens[one], tokens[other]), f"{one} and {other}") for one, other in combinations(tokens, 2)),
        reverse=True,
    )
    shown = [pair for value, pair in pairs if value >= LIKENESS] or [pairs[0][1]]
    return Figure(f"likeness of {what}, greatest", pairs[0][0], LIKENESS, below=True, where="; ".join(shown))


def _tests(part: Fragment) -> str:
    return "\n".join(check.body for check in part.checks)


def vocabulary(made: Sequence[tuple[Skill, Sequence[Fragment]]]) -> set[str]:
    """Distinct programs and library calls over all solutions."""
    words: set[str] = set()
    for skill, parts in made:
        for part in parts:
            text = typed(part)
            words |= programs(skill, text.shell) | perl_modules(keystrokes(part))
            for source in text.python:
                words |= library_calls(skill, source)
    return words


def dependent_assertions(parts: Sequence[Fragment]) -> dict[int, float]:
    """By level: assertions, `assert_same` included, in tests whose text another random source changes."""
    counts: dict[int, float] = {}
    for level in DIFFICULTIES:
        one, *others = parts[level - 1 :: len(DIFFICULTIES)]
        counts[level] = median(
            sum(assertions(check) for check in other.checks if check not in one.checks) for other in others
        )
    return counts


def assertions(check: Check) -> int:
    return sum(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "assert_same")
        for node in ast.walk(ast.parse(check.body))
    )


class Shape(NamedTuple):
    """What is counted of a composed task."""

    skills: tuple[str, ...]
    level: int
    steps: int
    files: int
    skeleton: str
    """What the parts' texts say, without the frame, quoted code, numbers and paths."""


def forged_shape(index: int) -> Shape:
    """Of one task of the whole catalogue, the domains in turn."""
    return shape(forge_task(index, seed="audit", domain=DOMAINS[index % len(DOMAINS)], image=HOST))


def shape(task: TerminalTask) -> Shape:
    _, *paragraphs, _ = task.instruction.split("\n\n")
    said = " ".join(text for text in paragraphs if not text.startswith(("#", "**")))
    return Shape(
        skills=task.provenance.skills,
        level=next(level for level, name in DIFFICULTIES.items() if name == task.provenance.difficulty),
        steps=len(task.solution or ()),
        files=len(task.files),
        skeleton=" ".join(masked(re.sub(r"`[^`]*`", "PATH", said))),
    )


def audit_tasks(shapes: Sequence[Shape], dependent: dict[str, dict[int, float]]) -> list[Figure]:
    """Figures of composed tasks; `dependent` has each skill's assertions by level."""
    counted = [sum(dependent[name][one.level] for name in one.skills) for one in shapes]
    kinds = {(one.skills, one.level, one.skeleton) for one in shapes}
    return [
        Figure("steps of a task's solution, median", median(one.steps for one in shapes), 8),
        Figure("input files of a task, median", median(one.files for one in shapes), 2),
        Figure("assertions that depend on the input, median", median(counted), 6),
        Figure(f"distinct masked tasks among {len(shapes)}", len(kinds), 5_000),
    ]


def report(figures: Sequence[Figure]) -> int:
    """Prints a line a figure; 1 when one misses its bar."""
    for figure in figures:
        bar = f"{'<' if figure.below else '>='} {figure.bar:g}"
        mark = "" if figure.met else "MISSED"
        print(f"{figure.what:<46}{figure.value:>9.4g}  {bar:<9}{mark:<8}{figure.where}".rstrip())
    return 0 if all(figure.met for figure in figures) else 1


def main() -> int:
    made = [(skill, samples(skill)) for skill in SKILLS]
    with ProcessPoolExecutor() as pool:
        shapes = list(pool.map(forged_shape, range(TASKS), chunksize=100))
    dependent = {skill.name: dependent_assertions(parts) for skill, parts in made}
    return report([*audit_skills(made), *audit_tasks(shapes, dependent)])


if __name__ == "__main__":
    sys.exit(main())
