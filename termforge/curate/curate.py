"""One pass over trials: each is kept, or turned away with the first reason that applies."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from termforge.curate import quality
from termforge.curate.decontaminate import Index, overlap, terminal_bench_2
from termforge.findings import Rejected
from termforge.schemas import Record, TerminalTask, Trajectory

STAGE = "curate"
Filter = Callable[[TerminalTask, Trajectory], str | None]


class CurateSettings(Record):
    """Defaults are the paper's final corpus: quality filters on, outcome filters off."""

    decontaminate: bool = True
    identity_leaks: bool = True
    chinese_characters: bool = True
    complete_only: bool = False
    success_only: bool = False


class Kept(NamedTuple):
    terminal_task: TerminalTask
    trajectory: Trajectory


def curate(
    pairs: Iterable[tuple[TerminalTask, Trajectory]], settings: CurateSettings, counts: Counter[str]
) -> Iterator[Kept | Rejected]:
    """In the order of `pairs`. `counts` grows as rows are drawn: "rows" = "kept" + one entry for each reason."""
    filters = _filters(settings, terminal_bench_2())
    for terminal_task, trajectory in pairs:
        counts["rows"] += 1
        rejected = _rejected(terminal_task, trajectory, filters)
        counts[rejected.reason if rejected else "kept"] += 1
        yield rejected or Kept(terminal_task, trajectory)


def _filters(settings: CurateSettings, index: Index) -> dict[str, Filter]:
    switches: list[tuple[bool, str, Filter]] = [
        (True, "infrastructure failure", quality.infrastructure_failure),
        (True, "empty reply", quality.empty_reply),
        (settings.decontaminate, "benchmark overlap", _Decontaminate(index)),
        (settings.identity_leaks, "identity leak", quality.identity_leak),
        (settings.chinese_characters, "chinese characters", quality.chinese_characters),
        (settings.complete_only, "incomplete", quality.incomplete),
        (settings.success_only, "unsuccessful", quality.unsuccessful),
    ]
    return {reason: keep_out for on, reason, keep_out in switches if on}


class _Decontaminate:
    """Looks at each task once: a task has several trials."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[str, str | None] = {}

    def __call__(self, terminal_task: TerminalTask, trajectory: Trajectory) -> str | None:
        if trajectory.task_id not in self._known:
            found = overlap(terminal_task, self._index)
            self._known[trajectory.task_id] = (
                found and f"{found.field}: {found.grams} grams, the first at word {found.first_word}"
            )
        return self._known[trajectory.task_id]


def _rejected(terminal_task: TerminalTask, trajectory: Trajectory, filters: dict[str, Filter]) -> Rejected | None:
    for reason, keep_out in filters.items():
        if (detail := keep_out(terminal_task, trajectory)) is not None:
            return Rejected(
                stage=STAGE,
                reason=reason,
                detail=detail,
                task_id=trajectory.task_id,
                trial_id=trajectory.trial_id,
                row=trajectory.model_dump_json(),
            )
    return None
