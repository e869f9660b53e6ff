"""Skills of the domain data-querying, one file each."""

from termforge.forge.data_querying import query_dump

SKILLS = (query_dump.SKILL,)
