"""Skills of the domain file-operations, one file each."""

from termforge.forge.file_operations import sort_drop_folder

SKILLS = (sort_drop_folder.SKILL,)
