"""Skills of the domain software-engineering, one file each."""

from termforge.forge.software_engineering import command_line_tool

SKILLS = (command_line_tool.SKILL,)
