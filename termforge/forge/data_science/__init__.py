"""Skills of the domain data-science, one file each."""

from termforge.forge.data_science import group_statistics

SKILLS = (group_statistics.SKILL,)
