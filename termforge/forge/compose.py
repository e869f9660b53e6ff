"""The forge: TerminalTasks without a model, from a seed alone.

Two or three skills make a part each; the parts share a frame, have folders and test names of their own, and where it
is natural one reads what another writes. The same (seed, index, domain, image, commands) gives the same bytes anywhere.
"""

from collections.abc import Sequence
from random import Random

from termforge.errors import InputError
from termforge.forge import (
    data_processing,
    data_querying,
    data_science,
    debugging,
    file_operations,
    scientific_computing,
    security,
    software_engineering,
    system_administration,
)
from termforge.forge.checks import verifier
from termforge.forge.frame import instruction, overview, review
from termforge.forge.orders import Orders
from termforge.forge.skill import Fragment, Setting, Skill
from termforge.schemas import Domain, ImageRecipe, Provenance, Step, TerminalTask

GENERATOR = "forge@1"
SKILLS: tuple[Skill, ...] = (
    data_processing.SKILL,
    data_querying.SKILL,
    data_science.SKILL,
    debugging.SKILL,
    file_operations.SKILL,
    scientific_computing.SKILL,
    security.SKILL,
    software_engineering.SKILL,
    system_administration.SKILL,
)
FRAME_TOOLS = ("bash", "find", "sort", "head", "ls")
MAX_STEPS = 10
DIFFICULTIES = {1: "easy", 2: "medium", 3: "hard"}


def available(commands: frozenset[str] | None) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Names of the usable skills, and of the others with the commands that they lack. None stands for every command."""
    lacking = {} if commands is None else {skill.name: _lacking(skill, commands) for skill in SKILLS}
    missing = {name: tools for name, tools in lacking.items() if tools}
    return tuple(skill.name for skill in SKILLS if skill.name not in missing), missing


def _lacking(skill: Skill, commands: frozenset[str]) -> tuple[str, ...]:
    return tuple(tool for tool in dict.fromkeys((*FRAME_TOOLS, *skill.tools)) if tool not in commands)


def forge_task(
    index: int, *, seed: str | int, domain: Domain, image: ImageRecipe, commands: frozenset[str] | None = None
) -> TerminalTask:
    """Task number `index` of a seed: its first skill is of `domain`, one or two more are of other domains.

    `commands` are those of the image (None: all that skills ask for); skills that lack one are not drawn.

    Raises: InputError when no skill of the domain can be used, or no second one.
    """
    random = Random(f"{seed}-{index}")
    level, count = random.choice((1, 1, 2, 2, 3)), random.choice((2, 2, 3))
    skills = _drawn_skills(random, domain, commands, count)
    parts = _parts(random, skills, level)
    return TerminalTask(
        image=image,
        domain=domain,
        instruction=instruction(random, parts),
        files=tuple(file for part in parts for file in part.files),
        verifier=verifier([(_prefix(skill), part) for skill, part in zip(skills, parts, strict=True)]),
        solution=_solution(random, parts),
        provenance=Provenance(
            source="forge",
            generator=GENERATOR,
            origin=f"seed {seed}, index {index}",
            license="Apache-2.0",
            skills=tuple(skill.name for skill in skills),
            difficulty=DIFFICULTIES[level],
        ),
    )


def _drawn_skills(random: Random, domain: Domain, commands: frozenset[str] | None, count: int) -> list[Skill]:
    """In the order in which they will be asked for: whoever writes the orders comes before whoever reads them."""
    names, missing = available(commands)
    usable = [skill for skill in SKILLS if skill.name in names]
    own = [skill for skill in usable if skill.domain == domain]
    others = [skill for skill in usable if skill.domain != domain]
    if not own or not others:
        lacking = "; ".join(f"{name}: {', '.join(tools)}" for name, tools in missing.items())
        raise InputError(
            f"the forge cannot make a task for {domain}: commands are missing ({lacking or 'no such domain'})"
        )
    skills = [random.choice(own), *random.sample(others, min(count - 1, len(others)))]
    return sorted(random.sample(skills, len(skills)), key=lambda skill: skill.reads_orders)


def _parts(random: Random, skills: Sequence[Skill], level: int) -> list[Fragment]:
    parts: list[Fragment] = []
    orders: Orders | None = None
    for skill in skills:
        shared = orders if skill.reads_orders and random.random() < 0.8 else None
        part = skill.make(random, Setting(f"/app/{random.choice(skill.folders)}", level, shared))
        orders = part.orders or orders
        parts.append(part)
    return parts


def _prefix(skill: Skill) -> str:
    return skill.domain.replace("-", "_")


def _solution(random: Random, parts: Sequence[Fragment]) -> tuple[Step, ...]:
    steps = (overview(random, parts), *(step for part in parts for step in part.steps))
    return (*steps, review(random, parts)) if len(steps) < MAX_STEPS else steps
