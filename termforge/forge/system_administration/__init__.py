"""Skills of the domain system-administration, one file each."""

from termforge.forge.system_administration import accounts_and_cron

SKILLS = (accounts_and_cron.SKILL,)
