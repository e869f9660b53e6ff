"""Skills of the domain debugging, one file each."""

from termforge.forge.debugging import repair_script

SKILLS = (repair_script.SKILL,)
