"""Skills of the domain debugging, one file each."""

from termforge.forge.debugging import (
    allocation_trace,
    awk_filter,
    bisect_history,
    c_bounds,
    circular_imports,
    crash_buckets,
    lock_order,
    minimal_input,
    repair_script,
    report_pipeline,
    settings_precedence,
)

SKILLS = (
    repair_script.SKILL,
    allocation_trace.SKILL,
    awk_filter.SKILL,
    bisect_history.SKILL,
    c_bounds.SKILL,
    circular_imports.SKILL,
    crash_buckets.SKILL,
    lock_order.SKILL,
    minimal_input.SKILL,
    report_pipeline.SKILL,
    settings_precedence.SKILL,
)
