"""Skills of the domain security, one file each."""

from termforge.forge.security import secret_scan

SKILLS = (secret_scan.SKILL,)
