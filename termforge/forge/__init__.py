"""Procedural generators: instruction, files, solution and tests by construction, composed from skills.

`python -m termforge.forge SKILL` makes tasks of one skill and puts them through the gates.
"""

from termforge.forge.catalogue import SKILLS, Usable, usable
from termforge.forge.compose import forge_task

__all__ = ["SKILLS", "Usable", "forge_task", "usable"]
