"""Measure everything, write bench.json and the README's table: `python -m tests.benchmarks [KEY ...] [--harbor DIR]`.

Figures are of this machine. Without KEY all keys are measured; with some, the others stay as bench.json has them.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from tests.benchmarks import (
    adapting,
    forging,
    harbor,
    live,
    machine,
    observations,
    starting,
    table,
    throughput,
    turns,
    verdicts,
    yes,
)
from tests.benchmarks.bars import BARS, Measured, met

BENCH = Path("bench.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("keys", nargs="*", metavar="KEY", help=", ".join(BARS))
    parser.add_argument(
        "--harbor", type=Path, help="folder with Harbor, made by the kit's setup.sh: fills the baseline"
    )
    wanted = parser.parse_args()
    if unknown := set(wanted.keys) - BARS.keys():
        parser.error(f"no such key: {', '.join(sorted(unknown))}")
    rows: dict[str, Any] = json.loads(BENCH.read_text())["figures"] if wanted.keys and BENCH.exists() else {}
    baseline = harbor.baseline(wanted.harbor.resolve()) if wanted.harbor else None
    for keys, measure in _measures(baseline):
        if wanted.keys and not keys & set(wanted.keys):
            continue
        start = time.monotonic()
        figures = measure()
        rows |= {key: figure.row(BARS[key]) for key, figure in figures.items()}
        _say(figures, rows, time.monotonic() - start)
        _write(rows)
    table.update(json.loads(BENCH.read_text()))
    return 1 if any(met(row) is False for row in rows.values()) else 0


def _measures(baseline: harbor.Baseline | None) -> list[tuple[set[str], Callable[[], dict[str, Measured]]]]:
    """What gives which keys, in the order in which it is run."""
    kinds = ("bubblewrap", "docker")
    turn_ms, batch_s = baseline or (None, None)
    return [
        ({f"turn_ms_{kind}" for kind in kinds}, lambda: turns.turn_ms(turn_ms)),
        ({"batch_settle_s", "batch_full_s"}, lambda: throughput.batches(batch_s)),
        ({f"trials_per_min_{kind}" for kind in kinds}, throughput.trials_per_min),
        ({"start_ms_bubblewrap", *(f"teardown_ms_{kind}" for kind in kinds)}, starting.start_and_teardown),
        ({"host_processes_per_turn"}, turns.host_processes),
        ({f"{key}_{kind}" for key in ("cpu_s_per_trial", "grading_cpu_s") for kind in kinds}, turns.cpu_s),
        ({"live_sandboxes_docker"}, lambda: live.live_sandboxes("docker")),
        ({"live_sandboxes_bubblewrap"}, lambda: live.live_sandboxes("bubblewrap")),
        ({"memory_mb_under_yes"}, yes.memory_under_yes),
        ({"verdicts_differing_1_vs_64"}, verdicts.verdicts_differing),
        ({"observation_parity", "observation_parity_excluded"}, observations.parity),
        (
            {"adapt_prompts_per_s", "near_duplicates_per_s", "adapt_over_copy", "adapt_swe_mb_per_s"},
            adapting.adapting,
        ),
        ({"adapt_memory_mb", "adapt_memory_mb_long_tests"}, adapting.memory),
        ({"forge_tasks_per_s"}, forging.forge_tasks_per_s),
        ({"validate_tasks_per_min"}, forging.validate_tasks_per_min),
    ]


def _say(figures: dict[str, Measured], rows: dict[str, Any], seconds: float) -> None:
    for key in figures:
        row = rows[key]
        ratio = f"  {row['ratio']} x faster than {row['baseline']}" if "ratio" in row else ""
        verdict = {True: "met", False: "MISSED", None: ""}[met(row)]
        print(f"{key:34} {row['value']:>8} {row['unit']:6}{ratio}  {verdict}", flush=True)
    print(f"    ({seconds:.0f} s)", flush=True)


def _write(rows: dict[str, Any]) -> None:
    figures = {key: rows[key] for key in BARS if key in rows}
    content = {"date": datetime.now(UTC).date().isoformat(), "machine": machine.described(), "figures": figures}
    BENCH.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
