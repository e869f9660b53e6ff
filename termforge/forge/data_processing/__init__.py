"""Skills of the domain data-processing, one file each."""

from termforge.forge.data_processing import (
    clean_orders,
    fixed_width,
    flatten_json,
    merge_streams,
    parse_log,
    partition,
    pivot,
    repair_export,
    repair_pipeline,
    sessionize,
    unify_encodings,
)

SKILLS = (
    clean_orders.SKILL,
    fixed_width.SKILL,
    flatten_json.SKILL,
    merge_streams.SKILL,
    parse_log.SKILL,
    partition.SKILL,
    pivot.SKILL,
    repair_export.SKILL,
    repair_pipeline.SKILL,
    sessionize.SKILL,
    unify_encodings.SKILL,
)
