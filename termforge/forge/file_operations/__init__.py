"""Skills of the domain file-operations, one file each."""

from termforge.forge.file_operations import (
    carve_container,
    link_listing,
    nested_archives,
    pack_tree,
    permission_scheme,
    rejoin_parts,
    rename_by_plan,
    sort_drop_folder,
    sync_by_manifest,
    text_encodings,
    tree_inventory,
)

SKILLS = (
    sort_drop_folder.SKILL,
    rename_by_plan.SKILL,
    sync_by_manifest.SKILL,
    rejoin_parts.SKILL,
    nested_archives.SKILL,
    pack_tree.SKILL,
    permission_scheme.SKILL,
    link_listing.SKILL,
    text_encodings.SKILL,
    tree_inventory.SKILL,
    carve_container.SKILL,
)
