"""Skills of the domain software-engineering, one file each."""

from termforge.forge.software_engineering import (
    c_library,
    catch_mutants,
    changelog,
    command_line_tool,
    generated_lookup,
    history_surgery,
    lock_versions,
    makefile_dependencies,
    packaging_metadata,
    patch_series,
    rename_symbols,
)

SKILLS = (
    command_line_tool.SKILL,
    c_library.SKILL,
    catch_mutants.SKILL,
    changelog.SKILL,
    generated_lookup.SKILL,
    history_surgery.SKILL,
    lock_versions.SKILL,
    makefile_dependencies.SKILL,
    packaging_metadata.SKILL,
    patch_series.SKILL,
    rename_symbols.SKILL,
)
