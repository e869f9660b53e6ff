"""Skills of the domain data-querying, one file each."""

from termforge.forge.data_querying import (
    as_of_prices,
    bill_of_materials,
    index_plans,
    nested_json,
    query_dump,
    reconcile,
    repair_queries,
    repair_views,
    search_notes,
    streaks,
    table_questions,
)

SKILLS = (
    as_of_prices.SKILL,
    bill_of_materials.SKILL,
    index_plans.SKILL,
    nested_json.SKILL,
    query_dump.SKILL,
    reconcile.SKILL,
    repair_queries.SKILL,
    repair_views.SKILL,
    search_notes.SKILL,
    streaks.SKILL,
    table_questions.SKILL,
)
