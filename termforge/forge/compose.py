"""The forge: TerminalTasks without a model, from a seed alone.

Three to five skills make a part each. The parts share a frame, have folders and test names of their own, and wherever
kinds allow one part reads what an earlier one makes. The same (seed, index, domain, image, skills) gives the same bytes
anywhere.
"""

from collections.abc import Sequence
from random import Random

from termforge.errors import InputError
from termforge.forge.artifacts import Artifact
from termforge.forge.catalogue import SKILLS
from termforge.forge.checks import verifier
from termforge.forge.frame import instruction, overview, review
from termforge.forge.skill import Fragment, Setting, Skill
from termforge.schemas import Domain, ImageRecipe, Provenance, TerminalTask

GENERATOR = "forge@2"
PARTS = (3, 3, 3, 4, 4, 5)
LEVELS = (1, 1, 2, 2, 3)
DIFFICULTIES = {1: "easy", 2: "medium", 3: "hard"}


def forge_task(
    index: int, *, seed: str | int, domain: Domain, image: ImageRecipe, skills: Sequence[Skill] = SKILLS
) -> TerminalTask:
    """Task number `index` of a seed: a skill of `domain` with two to four others that the image can play, `skills`.

    Raises: InputError when there is none of the domain, or too few others.
    """
    random = Random(f"{seed}-{index}")
    level, count = random.choice(LEVELS), random.choice(PARTS)
    drawn = draw_skills(random, domain, skills, count)
    return assemble(random, drawn, level, domain=domain, image=image, origin=f"seed {seed}, index {index}")


def assemble(
    random: Random, skills: Sequence[Skill], level: int, *, domain: Domain, image: ImageRecipe, origin: str
) -> TerminalTask:
    """A task with one part a skill, in this order."""
    parts = make_parts(random, skills, level)
    return TerminalTask(
        image=image,
        domain=domain,
        instruction=instruction(random, parts),
        files=tuple(file for part in parts for file in part.files),
        verifier=verifier([(skill.slug, part) for skill, part in zip(skills, parts, strict=True)]),
        solution=(overview(random, parts), *(step for part in parts for step in part.steps), review(random, parts)),
        provenance=Provenance(
            source="forge",
            generator=GENERATOR,
            origin=origin,
            license="Apache-2.0",
            skills=tuple(skill.name for skill in skills),
            difficulty=DIFFICULTIES[level],
        ),
    )


def draw_skills(random: Random, domain: Domain, skills: Sequence[Skill], count: int) -> list[Skill]:
    """A skill of the domain, one that it can be linked with where there is one, and others; in a playable order."""
    own = [skill for skill in skills if skill.domain == domain]
    if not own or len(skills) < count:
        raise InputError(f"the forge cannot make a task of {count} parts for {domain}: {len(skills)} skills are usable")
    first = random.choice(own)
    partners = [skill for skill in skills if _linked(first, skill) or _linked(skill, first)]
    drawn = [first, random.choice(partners)] if partners else [first, *_pair(random, skills)]
    rest = [skill for skill in skills if skill not in drawn]
    return _ordered(random.sample([*drawn, *random.sample(rest, count - len(drawn))], count))


def _pair(random: Random, skills: Sequence[Skill]) -> tuple[Skill, ...]:
    """One that writes and one that reads it, if there are any; neither is linked with the task's first."""
    pairs = [(writer, reader) for writer in skills for reader in skills if _linked(writer, reader)]
    return random.choice(pairs) if pairs else ()


def _linked(writer: Skill, reader: Skill) -> bool:
    return writer is not reader and reader.reads in writer.offers


def _ordered(skills: Sequence[Skill]) -> list[Skill]:
    """Whoever reads comes after those it can read from; a circle is cut where it is met first."""
    ordered: list[Skill] = []

    def place(skill: Skill, waiting: tuple[Skill, ...]) -> None:
        for writer in skills:
            if _linked(writer, skill) and writer not in ordered and writer not in waiting:
                place(writer, (*waiting, skill))
        if skill not in ordered:
            ordered.append(skill)

    for skill in skills:
        place(skill, (skill,))
    return ordered


def make_parts(random: Random, skills: Sequence[Skill], level: int) -> list[Fragment]:
    parts: list[Fragment] = []
    offered: list[Artifact] = []
    folders: set[str] = set()
    for skill in skills:
        folder = random.choice([name for name in skill.folders if name not in folders])
        folders.add(folder)
        fitting = [artifact for artifact in offered if skill.reads is not None and isinstance(artifact, skill.reads)]
        given = random.choice(fitting) if fitting else None
        part = skill.make(random, Setting(f"/app/{folder}", level, given))
        offered += part.offers
        parts.append(part)
    return parts
