"""Skills of the domain system-administration, one file each."""

from termforge.forge.system_administration import (
    accounts_and_cron,
    backup_retention,
    feed_metrics,
    firewall_matrix,
    layered_settings,
    process_snapshot,
    repair_units,
    repair_zones,
    rotate_logs,
    segment_log,
    start_order,
)

SKILLS = (
    accounts_and_cron.SKILL,
    rotate_logs.SKILL,
    repair_units.SKILL,
    repair_zones.SKILL,
    start_order.SKILL,
    feed_metrics.SKILL,
    firewall_matrix.SKILL,
    layered_settings.SKILL,
    process_snapshot.SKILL,
    backup_retention.SKILL,
    segment_log.SKILL,
)
