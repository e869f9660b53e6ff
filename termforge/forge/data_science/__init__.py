"""Skills of the domain data-science, one file each."""

from termforge.forge.data_science import (
    confusion_matrix,
    correlation_table,
    cross_tabulation,
    encode_features,
    experiment_summary,
    fill_gaps,
    group_statistics,
    leaky_pipeline,
    mend_dataset,
    nearest_neighbours,
    resample_series,
)

SKILLS = (
    group_statistics.SKILL,
    confusion_matrix.SKILL,
    fill_gaps.SKILL,
    encode_features.SKILL,
    nearest_neighbours.SKILL,
    correlation_table.SKILL,
    cross_tabulation.SKILL,
    resample_series.SKILL,
    experiment_summary.SKILL,
    leaky_pipeline.SKILL,
    mend_dataset.SKILL,
)
