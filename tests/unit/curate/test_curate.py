from collections import Counter

import pytest

from termforge.curate import decontaminate
from termforge.curate.curate import CurateSettings, Kept, curate
from termforge.findings import Rejected
from termforge.schemas import Ending, Image, ImageRecipe, Provenance, TerminalTask, Trajectory, Turn, Verdict


def pair(
    reply: str = "ls", ending: Ending = Ending.COMPLETED, verdict: Verdict | None = None, instruction: str = "Do it."
) -> tuple[TerminalTask, Trajectory]:
    terminal_task = TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction=instruction,
        provenance=Provenance(source="forge", generator="test@1"),
    )
    trajectory = Trajectory(
        trial_id=f"trial of {instruction[:20]}",
        task_id=terminal_task.id,
        model="m",
        template="x",
        template_sha256="y",
        image=Image(name="host", recipe="", digest="d", inventory="i"),
        sandbox="bubblewrap",
        turns=(Turn(prompt="shell", reply=reply),),
        ending=ending,
        verdict=verdict,
    )
    return terminal_task, trajectory


PAIRS = [
    pair(),
    pair(ending=Ending.TURN_LIMIT),
    pair(verdict=Verdict(score=0.0)),
    pair("我"),
    pair("I am Claude"),
    pair(" "),
    pair(ending=Ending.SANDBOX_LOST),
]


def test_failed_and_unfinished_trials_are_kept_by_default() -> None:
    counts: Counter[str] = Counter()
    outcomes = list(curate(PAIRS, CurateSettings(), counts))
    assert [isinstance(outcome, Kept) for outcome in outcomes] == [True] * 3 + [False] * 4
    assert counts == {
        "rows": 7,
        "kept": 3,
        "chinese characters": 1,
        "identity leak": 1,
        "empty reply": 1,
        "infrastructure failure": 1,
    }


def test_counts_add_up_under_every_setting() -> None:
    for settings in (CurateSettings(), CurateSettings(complete_only=True), CurateSettings(identity_leaks=False)):
        counts: Counter[str] = Counter()
        assert len(list(curate(PAIRS, settings, counts))) == counts["rows"] == len(PAIRS)
        assert sum(counts.values()) == 2 * counts["rows"]


def test_each_switch_turns_one_filter() -> None:
    def kept(**switches: bool) -> int:
        counts: Counter[str] = Counter()
        list(curate(PAIRS, CurateSettings(**switches), counts))
        return counts["kept"]

    assert kept(complete_only=True) == 2
    assert kept(identity_leaks=False) == 4
    assert kept(chinese_characters=False) == 4


def test_a_rejected_row_keeps_everything_and_its_reason() -> None:
    terminal_task, trajectory = pair("我")
    (rejected,) = curate([(terminal_task, trajectory)], CurateSettings(), Counter())
    assert isinstance(rejected, Rejected)
    assert (rejected.stage, rejected.reason, rejected.detail) == ("curate", "chinese characters", "turn 1: '我'")
    assert (rejected.task_id, rejected.trial_id) == (terminal_task.id, trajectory.trial_id)
    assert Trajectory.model_validate_json(rejected.row) == trajectory


def test_curating_what_was_kept_keeps_it_all() -> None:
    kept = [outcome for outcome in curate(PAIRS, CurateSettings(), Counter()) if isinstance(outcome, Kept)]
    assert list(curate(kept, CurateSettings(), Counter())) == kept


def test_benchmark_text_is_turned_away_with_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    words = " ".join(f"word{n}" for n in range(20))
    index = decontaminate.load(decontaminate.build([words], "test"), "test")
    monkeypatch.setattr("termforge.curate.curate.terminal_bench_2", lambda: index)
    pairs = [pair(instruction=f"Please: {words}"), pair(instruction="Do that.")]
    rejected, kept = curate(pairs, CurateSettings(), Counter())
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.detail) == ("benchmark overlap", "instruction: 7 grams, the first at word 1")
    assert isinstance(kept, Kept)
    assert all(isinstance(o, Kept) for o in curate(pairs, CurateSettings(decontaminate=False), Counter()))
