"""pass@k without bias, bands, and deficits that the next growth can use."""

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.exceptions import ParameterTypeError

from flows.attack_tasks import attack_tasks
from flows.harden_tasks import harden_tasks
from flows.measure_difficulty import measure_difficulty
from termforge.difficulty import NAMED, Band, as_markdown, deficits, difficulties, pass_at_k
from termforge.errors import InfrastructureError, InputError
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


def test_a_band_upside_down_is_refused_before_anything_is_tried() -> None:
    with pytest.raises(InputError, match=r"low, high: no pass@2 is both at least 0\.9 and at most 0\.1"):
        measure_difficulty.fn(k=2, low=0.9, high=0.1)


@pytest.mark.parametrize("tasks", ["tasks", "forged-tasks"])
def test_hardening_wants_the_version_that_it_began_with(tasks: str) -> None:
    with pytest.raises(ParameterTypeError, match="tasks: String should match pattern '@'"):
        harden_tasks.validate_parameters({"tasks": tasks})
    assert harden_tasks.validate_parameters({"tasks": f"{tasks}@1"})


def test_the_oracle_is_not_offered_as_an_adversary() -> None:
    adversary = attack_tasks.parameters.properties["adversary"]
    assert "litellm" in adversary["description"]
    assert "oracle" not in adversary["description"]


@pytest.mark.parametrize(("trials", "passes", "limit"), [(10, 1, 0.1), (20, 2, 0.1), (10, 3, 0.3), (30, 27, 0.9)])
def test_both_ends_of_a_band_are_in_it(trials: int, passes: int, limit: float) -> None:
    assert Band(low=limit, high=limit).standing(pass_at_k(trials, passes, 1)) == "in band"


def test_attempts_that_were_graded_count() -> None:
    one, other = task(1, "a"), task(2, "b")
    trials = [
        trial(one, 0, True),
        trial(one, 1, False),
        trial(one, 2, False, ending=Ending.SANDBOX_LOST),
        trial(one, 2, True, attempt=1),
        trial(one, 3, False, ending=Ending.SANDBOX_LOST),
        trial(one, 4, False, verdict=Verdict(error="broken")),
        trial(one, 5, False, verdict=None),
        trial(other, 0, True),
    ]
    rows, counts = difficulties([one, other], trials, Band(k=2, low=0.5))
    (row,) = rows
    assert (row.task_id, row.trials, row.passes, row.pass_at_1, row.pass_at_k) == (one.id, 3, 2, 2 / 3, 1.0)
    assert (row.standing, row.skills, row.solver) == ("too easy", ("a",), "m")
    assert counts == {"too easy": 1, "fewer than 2 graded trials": 1}


LOST = {"ending": Ending.SANDBOX_LOST}
BROKEN = {"verdict": Verdict(error="broken")}
UNTESTED = {"verdict": None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([LOST, LOST], r"\(2 sandbox lost\)"),
        ([LOST, BROKEN], r"\(1 sandbox lost, 1 verifier failed\)"),
        ([{"ending": Ending.TEACHER_UNAVAILABLE}, UNTESTED], r"\(1 teacher unavailable\)"),
        ([{"ending": Ending.BUDGET_EXHAUSTED}], r"\(1 budget exhausted\)"),
    ],
)
def test_machines_that_failed_every_trial_measure_nothing(changes: list[dict[str, object]], told: str) -> None:
    trials = [trial(task(1), sample, False, **change) for sample, change in enumerate(changes)]
    with pytest.raises(InfrastructureError, match=f"no trial was graded {told}"):
        difficulties([task(1)], trials, Band())


@pytest.mark.parametrize("changes", [[], [UNTESTED], [LOST, {}]])
def test_a_trial_that_was_graded_or_that_no_machine_failed_is_no_accident(changes: list[dict[str, object]]) -> None:
    trials = [trial(task(1), sample, False, **change) for sample, change in enumerate(changes)]
    rows, counts = difficulties([task(1)], trials, Band())
    assert [row.trials for row in rows] == [1] * ({} in changes)
    assert counts.total() == 1


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


def test_a_table_names_what_lacks_most_by_domain() -> None:
    many = {f"s{number:02}": 1.0 for number in range(NAMED + 2)}
    _, _, security, debugging, querying = as_markdown(
        {"security": {"d": 1.0, "a": 0.0, "c": 0.5, "b": 1.0}, "debugging": many, "data-querying": {"x": 0.0}}
    ).splitlines()
    assert security == "| security | 62% | 2 of 4 | b 100%, d 100%, c 50% |"
    assert debugging.startswith(f"| debugging | 100% | {NAMED + 2} of {NAMED + 2} | s00 100%, ")
    assert debugging.endswith(f"s{NAMED - 1} 100%, and 2 more |")
    assert querying == "| data-querying | 0% | 0 of 1 |  |"
