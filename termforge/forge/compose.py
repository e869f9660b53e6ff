"""The forge: TerminalTasks without a model, from a seed alone.

Three to five skills make a part each. The parts share a frame, have folders and test names of their own, and wherever
kinds allow one part reads what an earlier one makes. The same (seed, index, domain, image, skills) gives the same bytes
anywhere.
"""

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType

from termforge.errors import InputError
from termforge.forge.artifacts import Artifact
from termforge.forge.catalogue import SKILLS
from termforge.forge.checks import verifier
from termforge.forge.frame import instruction, overview, review
from termforge.forge.skill import Fragment, Setting, Skill
from termforge.schemas import Domain, ImageRecipe, Provenance, TerminalTask

GENERATOR = "forge@4"
PARTS = (3, 3, 3, 4, 4, 5)
LEVELS = (1, 1, 2, 2, 3)
BOOST = 8.0
"""A skill that lacks everything is so much likelier than one that lacks nothing."""
NOTHING: Mapping[str, float] = MappingProxyType({})
DIFFICULTIES = {1: "easy", 2: "medium", 3: "hard"}


def forge_task(
    index: int,
    *,
    seed: str | int,
    domain: Domain,
    image: ImageRecipe,
    skills: Sequence[Skill] = SKILLS,
    lacking: Mapping[str, float] = NOTHING,
) -> TerminalTask:
    """Task number `index` of a seed: a skill of `domain` with two to four others that the image can play, `skills`.

    A skill is drawn the likelier the more of it is `lacking`, from 0 to 1.

    Raises: InputError when there is none of the domain, or too few others.
    """
    random = Random(f"{seed}-{index}")
    level, count = random.choice(LEVELS), random.choice(PARTS)
    drawn = draw_skills(random, domain, skills, count, lacking)
    return assemble(f"seed {seed}, index {index}", drawn, level, domain=domain, image=image)


def extended(task: TerminalTask, extra: int, skills: Sequence[Skill] = SKILLS) -> TerminalTask:
    """A forged task with so many further parts after its own, which stay as they are.

    `skills` are those that the task's image can play. Raises: InputError for a task that this forge did not make, or
    makes otherwise by now, and where no further skills are left.
    """
    known = {skill.name: skill for skill in SKILLS}
    made = task.provenance
    if made.generator != GENERATOR or task.domain is None or not all(name in known for name in made.skills):
        raise InputError(f"task {task.id} is not of this forge ({made.generator or 'unknown'}): it cannot be extended")
    drawn = [known[name] for name in made.skills]
    more = draw_more(Random(f"{made.origin}, more"), drawn, skills, extra)
    level = next(level for level, name in DIFFICULTIES.items() if name == made.difficulty)
    again = assemble(made.origin, drawn, level, domain=task.domain, image=task.image)
    if (again.files, again.verifier) != (task.files, task.verifier):
        raise InputError(f"task {task.id} came of another version of this forge: its parts would not stay as they are")
    return assemble(made.origin, [*drawn, *more], level, domain=task.domain, image=task.image)


def forge_part(number: int, skill: Skill, image: ImageRecipe) -> TerminalTask:
    """A task of one skill alone; the levels come in turn."""
    return assemble(f"{skill.name}, {number}", [skill], 1 + number % 3, domain=skill.domain, image=image)


def assemble(origin: str, skills: Sequence[Skill], level: int, *, domain: Domain, image: ImageRecipe) -> TerminalTask:
    """A task with one part a skill, in this order; `origin` seeds them, and each the same whatever follows it."""
    parts, random = make_parts(Random(f"{origin}, parts"), skills, level), Random(f"{origin}, frame")
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


def draw_skills(
    random: Random, domain: Domain, skills: Sequence[Skill], count: int, lacking: Mapping[str, float] = NOTHING
) -> list[Skill]:
    """A skill of the domain, one that it can be linked with where there is one, and others; in a playable order."""
    own = [skill for skill in skills if skill.domain == domain]
    if not own or len(skills) < count:
        raise InputError(f"the forge cannot make a task of {count} parts for {domain}: {len(skills)} skills are usable")

    def draw(among: Sequence[Skill]) -> Skill:
        return random.choices(among, [1 + BOOST * lacking.get(skill.name, 0.0) for skill in among])[0]

    drawn = [draw(own)]
    if partners := [skill for skill in skills if _linked(drawn[0], skill) or _linked(skill, drawn[0])]:
        drawn.append(draw(partners))
    else:
        drawn += _pair(random, skills)
    while len(drawn) < count:
        drawn.append(draw([skill for skill in skills if skill not in drawn]))
    return _ordered(random.sample(drawn, count))


def draw_more(random: Random, drawn: Sequence[Skill], skills: Sequence[Skill], extra: int) -> list[Skill]:
    """Further skills; those that can read what the drawn ones make come first.

    Raises: InputError when there are not so many.
    """
    rest = [skill for skill in skills if skill not in drawn]
    if len(rest) < extra:
        raise InputError(f"{extra} more parts were asked for, and {len(rest)} skills are left")
    readers = [skill for skill in rest if any(_linked(writer, skill) for writer in drawn)]
    others = [skill for skill in rest if skill not in readers]
    return [*random.sample(readers, len(readers)), *random.sample(others, len(others))][:extra]


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
