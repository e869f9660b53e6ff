"""pass@k without bias, bands, and deficits that the next growth can use."""

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from termforge.difficulty import Band, deficits, difficulties, pass_at_k
from termforge.errors import InputError
from termforge.findings import Difficulty
from termforge.schemas import Ending, Image, ImageRecipe, Provenance, TerminalTask, Trajectory, Verdict

IMAGE = Image(name="host", recipe="", digest="0", inventory="0")


def task(number: int, *skills: str) -> TerminalTask:
    made = Provenance(source="forge", generator="test@1", skills=skills)
    recipe = ImageRecipe(name="host", recipe="")
    return TerminalTask(image=recipe, domain="security", instruction=f"Task {number}.", provenance=made)


def trial(of: TerminalTask, sample: int, solved: bool, **changes: object) -> Trajectory:
    fields: dict[str, object] = {
        "trial_id": f"{of.id}-{sample}",
        "task_id": of.id,
        "sample": sample,
        "model": "m",
        "template": "termforge",
        "template_sha256": "0",
        "image": IMAGE,
        "sandbox": "bubblewrap",
        "ending": Ending.COMPLETED,
        "verdict": Verdict(solved=solved, score=float(solved)),
    }
    return Trajectory.model_validate(fields | changes)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_choices_that_hold_a_pass(outcomes: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(outcomes)))
    chosen = list(combinations(outcomes, k))
    assert isclose(pass_at_k(len(outcomes), sum(outcomes), k), sum(map(any, chosen)) / len(chosen))


@pytest.mark.parametrize(("trials", "passes", "k"), [(3, 1, 4), (3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_what_cannot_be_estimated_is_refused(trials: int, passes: int, k: int) -> None:
    with pytest.raises(InputError, match="cannot be estimated"):
        pass_at_k(trials, passes, k)


def test_a_band_includes_its_ends() -> None:
    band = Band(low=0.25, high=0.75)
    assert [band.standing(estimate) for estimate in (0.2, 0.25, 0.75, 0.8)] == [
        "too hard",
        "in band",
        "in band",
        "too easy",
    ]
    with pytest.raises(ValidationError, match="is above high"):
        Band(low=0.9, high=0.1)


def test_only_first_attempts_that_were_graded_count() -> None:
    one, other = task(1, "a"), task(2, "b")
    trials = [
        trial(one, 0, True),
        trial(one, 1, False),
        trial(one, 2, True, attempt=1),
        trial(one, 3, False, ending=Ending.SANDBOX_LOST),
        trial(one, 4, False, verdict=Verdict(error="broken")),
        trial(one, 5, False, verdict=None),
        trial(other, 0, True),
    ]
    rows, counts = difficulties([one, other], trials, Band(k=2, low=0.5))
    (row,) = rows
    assert (row.task_id, row.trials, row.passes, row.pass_at_1, row.pass_at_k) == (one.id, 2, 1, 0.5, 1.0)
    assert (row.standing, row.skills, row.solver) == ("too easy", ("a",), "m")
    assert counts == {"too easy": 1, "fewer than 2 graded trials": 1}


def measured(standing: str, *skills: str) -> Difficulty:
    fields = {"task_id": "t", "solver": "m", "trials": 1, "passes": 0, "k": 1, "pass_at_1": 0.0, "pass_at_k": 0.0}
    return Difficulty.model_validate(fields | {"standing": standing, "skills": skills})


def test_a_skill_lacks_what_the_best_supplied_one_has_in_band() -> None:
    rows = [
        *[measured("in band", "a", "b")] * 2,
        *[measured("in band", "a")] * 2,
        measured("too easy", "c"),
        measured("too hard", "c"),
    ]
    found = deficits(rows, {"security": ["a", "b", "c", "d"], "debugging": ["e"]})
    assert found == {"security": {"a": 0.0, "b": 0.5, "c": 1.0, "d": 1.0}, "debugging": {"e": 1.0}}
    assert deficits([], {"security": ["a"]}) == {"security": {"a": 1.0}}
