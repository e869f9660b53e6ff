"""All skills, and which of them an image can play."""

from typing import NamedTuple

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
from termforge.forge.skill import Skill
from termforge.images import Inventory

SKILLS: tuple[Skill, ...] = (
    *data_processing.SKILLS,
    *data_querying.SKILLS,
    *data_science.SKILLS,
    *debugging.SKILLS,
    *file_operations.SKILLS,
    *scientific_computing.SKILLS,
    *security.SKILLS,
    *software_engineering.SKILLS,
    *system_administration.SKILLS,
)
FRAME_TOOLS = ("bash", "find", "sort", "head", "ls")
"""What the first and the last step of a solution type."""


class Usable(NamedTuple):
    """What an image can play of the catalogue."""

    skills: tuple[Skill, ...]
    lacking: dict[str, tuple[str, ...]]
    """Names of the others, with the commands and modules that they lack."""


def usable(inventory: Inventory) -> Usable:
    installed = frozenset(inventory.commands), frozenset(inventory.modules)
    lacking = {skill.name: missing for skill in SKILLS if (missing := _missing(skill, *installed))}
    return Usable(tuple(skill for skill in SKILLS if skill.name not in lacking), lacking)


def _missing(skill: Skill, commands: frozenset[str], modules: frozenset[str]) -> tuple[str, ...]:
    tools = dict.fromkeys((*FRAME_TOOLS, *skill.tools))
    return (*(tool for tool in tools if tool not in commands), *(name for name in skill.modules if name not in modules))
