"""What is measured, in which unit, and where the bar lies."""

from typing import Any, NamedTuple


class Bar(NamedTuple):
    """One line of the table. `most` or `least` is the bar of the value, `ratio` that of the baseline over the value."""

    what: str
    unit: str
    most: float | None = None
    least: float | None = None
    ratio: float | None = None


BARS = {
    "turn_ms_docker": Bar("a turn beside the teacher and the requested waits, Docker", "ms", most=10, ratio=50),
    "turn_ms_bubblewrap": Bar("the same in bubblewrap", "ms", most=5),
    "batch_settle_s": Bar("8 trials of 13 turns at once, Docker, settle waits, graded", "s", ratio=20),
    "batch_full_s": Bar("the same with full waits", "s", ratio=10),
    "trials_per_min_docker": Bar("fresh one-turn trials, start to teardown, graded, Docker", "1/min", least=100),
    "trials_per_min_bubblewrap": Bar("the same in bubblewrap", "1/min", least=400),
    "start_ms_bubblewrap": Bar("cold start to the first prompt, bubblewrap", "ms", most=50),
    "teardown_ms_bubblewrap": Bar("teardown, bubblewrap", "ms", most=10),
    "teardown_ms_docker": Bar("teardown, Docker", "ms", most=500),
    "host_processes_per_turn": Bar("processes forked outside the sandbox for a turn", "1", most=0),
    "cpu_s_per_trial_bubblewrap": Bar("core seconds of a 13-turn trial before grading, bubblewrap", "s", most=0.3),
    "cpu_s_per_trial_docker": Bar("the same in Docker, its engine included", "s", most=0.8),
    "grading_cpu_s_bubblewrap": Bar("core seconds of grading a trial, bubblewrap", "s"),
    "grading_cpu_s_docker": Bar("the same in Docker, its engine included", "s"),
    "live_sandboxes_docker": Bar("held at once, every trial solved, Docker", "1", least=256),
    "live_sandboxes_bubblewrap": Bar("held at once, every trial solved, bubblewrap", "1", least=1000),
    "memory_mb_under_yes": Bar("growth of engine and tmux while a pane runs `yes` for 60 s", "MB", most=50),
    "verdicts_differing_1_vs_64": Bar("verdicts that differ between one at a time and 64 at once", "1", most=0),
    "observation_parity": Bar("captures equal to Harbor's byte for byte", "share", least=1.0),
    "observation_parity_excluded": Bar("captures excluded by a rule", "share", most=0.03),
    "adapt_prompts_per_s": Bar("prompts adapted to validated Parquet on one core, GSM8K repeated", "1/s", least=30_000),
    "near_duplicates_per_s": Bar("prompts compared with all before them by MinHash", "1/s", least=5_000),
    "adapt_over_copy": Bar("time of adapting over polars reading and writing the same bytes", "1", most=10),
    "adapt_memory_mb": Bar("peak memory of adapting 230,000 prompts less near-duplicates, none alike", "MB", most=1000),
    "adapt_memory_mb_long_tests": Bar("the same of 2,000 code prompts with tests of 200 kB each", "MB", most=1000),
    "adapt_swe_mb_per_s": Bar("SWE prompts adapted, gold patches tried, files laid", "MB/s"),
    "forge_tasks_per_s": Bar("tasks of three to five parts forged on one core", "1/s", least=200),
    "validate_tasks_per_min": Bar("forged tasks proven: solved twice, failed by nothing and by cheaters", "1/min"),
}  # fmt: skip


class Measured(NamedTuple):
    value: float
    baseline: float | None = None
    """Harbor's figure of the same run, where it was measured."""
    note: str = ""

    def row(self, bar: Bar) -> dict[str, Any]:
        """The JSON object of a key."""
        limits = {"most": bar.most, "least": bar.least, "ratio": bar.ratio}
        row: dict[str, Any] = {
            "value": _rounded(self.value),
            "unit": bar.unit,
            "bar": {name: limit for name, limit in limits.items() if limit is not None},
            "what": bar.what,
        }
        if self.baseline is not None:
            row |= {"baseline": _rounded(self.baseline), "ratio": _rounded(self.baseline / self.value)}
        if self.note:
            row["note"] = self.note
        return row


def met(row: dict[str, Any]) -> bool | None:
    """Whether a row meets its bars; None where there are none, or one needs a baseline that was not measured."""
    bar = row["bar"]
    kept = [row["value"] <= bar["most"]] if "most" in bar else []
    kept += [row["value"] >= bar["least"]] if "least" in bar else []
    if "ratio" in bar and "ratio" in row:
        kept.append(row["ratio"] >= bar["ratio"])
    if not all(kept):
        return False
    return None if not kept or ("ratio" in bar and "ratio" not in row) else True


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)
