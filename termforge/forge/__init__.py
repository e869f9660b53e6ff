"""Procedural generators: instruction, files, solution and tests by construction, composed from skills."""

from termforge.forge.compose import SKILLS, available, forge_task

__all__ = ["SKILLS", "available", "forge_task"]
