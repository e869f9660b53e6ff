"""Skills of the domain data-processing, one file each."""

from termforge.forge.data_processing import clean_orders

SKILLS = (clean_orders.SKILL,)
