import io
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from termforge import evaluate
from termforge.errors import InputError
from termforge.evaluate import CLUSTERED, WILSON, ScoredTrial, interval, minimum_detectable_effect, report
from termforge.schemas import (
    Ending,
    File,
    Image,
    ImageRecipe,
    Provenance,
    TerminalTask,
    Test,
    Trajectory,
    Verdict,
    Verifier,
)

counts = st.lists(st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=60)


def trials(passes: dict[str, list[bool]], domain: str = "debugging") -> list[ScoredTrial]:
    return [trial(task, sample, solved, domain) for task, row in passes.items() for sample, solved in enumerate(row)]


def trial(task: str, sample: int, solved: bool, domain: str = "debugging", **more: Any) -> ScoredTrial:
    fields = {"solved": solved, "infrastructure": False, "outcome": "solved" if solved else "unsolved"} | more
    return ScoredTrial(task_id=task, domain=domain, sample=sample, **fields)


@pytest.mark.parametrize(("passes", "percent"), [(58, "13.03"), (90, "20.22"), (122, "27.42")])
def test_the_papers_headline_rates_come_out_of_its_counts(passes: int, percent: str):
    rows = [trial(f"t{i % 89}", i // 89, i < passes) for i in range(445)]
    result = report(rows)
    assert f"| {passes}/445 | {percent} |" in evaluate.markdown(result)
    assert (result.overall.tasks, result.overall.trials) == (89, 445)
    assert result.overall.low < passes / 445 < result.overall.high


def test_one_trial_a_task_gives_wilsons_interval():
    result = interval([(1, 1)] * 14 + [(0, 1)] * 75)
    assert result.method == WILSON
    assert result.low == pytest.approx(0.0961, abs=5e-5)
    assert result.high == pytest.approx(0.2469, abs=5e-5)
    assert interval([(1, 1)] + [(0, 1)] * 9)[:2] == pytest.approx((0.0179, 0.4042), abs=5e-5)


def test_repeating_identical_trials_adds_no_certainty():
    once = interval([(1, 1)] * 20 + [(0, 1)] * 69)
    five_times = interval([(5, 5)] * 20 + [(0, 5)] * 69)
    assert five_times.method == CLUSTERED
    assert five_times.low == pytest.approx(once.low, abs=0.005)
    assert five_times.high == pytest.approx(once.high, abs=0.005)


def test_alike_trials_widen_the_interval():
    alike = interval([(5, 5)] * 20 + [(0, 5)] * 80)
    independent = interval([(1, 5)] * 100)
    assert alike.high - alike.low > 2 * (independent.high - independent.low)


def test_the_clustered_interval_covers_about_as_often_as_it_says():
    from random import Random

    covered = 0
    for seed in range(400):
        random = Random(seed)
        rates = [random.betavariate(0.4, 1.2) for _ in range(60)]  # mean 0.25, strongly alike within a task
        result = interval([(sum(random.random() < rate for _ in range(5)), 5) for rate in rates])
        covered += result.low <= 0.25 <= result.high
    assert 0.92 <= covered / 400 <= 0.98


@given(counts)
def test_an_interval_holds_its_estimate_and_stays_within_bounds(tasks: list[tuple[int, int]]):
    result = interval(tasks)
    assert 0 <= result.low <= result.high <= 1
    n = sum(n for _, n in tasks)
    if n:
        assert result.low <= sum(k for k, _ in tasks) / n <= result.high
        assert result.low < result.high


@given(counts.filter(bool))
def test_swapping_passes_and_failures_mirrors_the_interval(tasks: list[tuple[int, int]]):
    result, mirrored = interval(tasks), interval([(n - k, n) for k, n in tasks])
    assert isclose(result.low, 1 - mirrored.high, abs_tol=1e-9)
    assert isclose(result.high, 1 - mirrored.low, abs_tol=1e-9)


def test_nothing_scored_says_nothing():
    result = report([])
    assert (result.overall.trials, result.overall.rate) == (0, None)
    assert (result.overall.low, result.overall.high) == (0.0, 1.0)
    assert "| 0/0 | - |" in evaluate.markdown(result)


def test_all_passed_or_none_passed_counts_tasks_not_trials():
    assert interval([(0, 5)] * 10).high == pytest.approx(interval([(0, 1)] * 10).high)
    assert interval([(5, 5)] * 10).low == pytest.approx(interval([(1, 1)] * 10).low)


def test_infrastructure_failures_are_counted_apart():
    rows = trials({"a": [True, False], "b": [True]})
    lost = trial("b", 1, False, infrastructure=True, outcome="sandbox lost")
    with_lost = report([*rows, lost])
    assert with_lost.overall.infrastructure == 1
    assert (with_lost.overall.passes, with_lost.overall.trials, with_lost.overall.tasks) == (2, 3, 2)
    assert (with_lost.overall.low, with_lost.overall.high) == (report(rows).overall.low, report(rows).overall.high)
    assert with_lost.outcomes == {"sandbox lost": 1, "solved": 2, "unsolved": 1}


def test_a_domain_of_infrastructure_failures_has_no_rate():
    rows = [
        *trials({"a": [True]}),
        trial("z", 0, False, "security", infrastructure=True, outcome="teacher unavailable"),
    ]
    security = report(rows).domains[1]
    assert (security.domain, security.tasks, security.trials, security.infrastructure) == ("security", 0, 0, 1)
    assert security.rate is None


def test_domains_add_up_to_the_whole():
    rows = trials({"a": [True, False]}) + trials({"b": [False], "c": [True]}, "security")
    result = report(rows)
    assert [score.domain for score in result.domains] == ["debugging", "security"]
    assert sum(score.trials for score in result.domains) == result.overall.trials == 4
    assert sum(score.passes for score in result.domains) == result.overall.passes == 2
    assert sum(score.tasks for score in result.domains) == result.overall.tasks == 3


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([trial("a", 0, False), trial("a", 0, True, attempt=1)], "retry"),
        ([trial("a", 0, True, attempt=1)], "retry"),
        ([trial("a", 0, False), trial("a", 0, True)], "two first attempts"),
        ([trial("a", 0, False), trial("a", 1, True, "security")], "elsewhere debugging"),
        ([trial("a", 0, True, infrastructure=True)], "at once"),
    ],
)
def test_anything_but_first_attempts_is_refused(rows: list[ScoredTrial], complaint: str):
    with pytest.raises(InputError, match=complaint):
        report(rows)


def test_the_minimum_detectable_effect_is_the_references():
    assert minimum_detectable_effect(0.13, 445, 1, 0.0) == pytest.approx(0.063, abs=5e-4)
    assert minimum_detectable_effect(0.13, 89, 5, 0.0) == minimum_detectable_effect(0.13, 445, 1, 0.0)
    assert minimum_detectable_effect(0.13, 89, 5, 1.0) == pytest.approx(minimum_detectable_effect(0.13, 89, 1, 0.0))


@given(st.floats(0.01, 0.99), st.integers(1, 500), st.integers(1, 10), st.floats(0, 1))
def test_more_tasks_detect_smaller_effects(rate: float, tasks: int, per_task: int, icc: float):
    effect = minimum_detectable_effect(rate, tasks, per_task, icc)
    assert minimum_detectable_effect(rate, 4 * tasks, per_task, icc) == pytest.approx(effect / 2)


@pytest.mark.parametrize("bad", [(0.0, 9, 1, 0.0), (0.5, 0, 1, 0.0), (0.5, 9, 0, 0.0), (0.5, 9, 1, 1.5)])
def test_an_effect_of_nonsense_is_refused(bad: tuple[float, int, int, float]):
    with pytest.raises(InputError):
        minimum_detectable_effect(*bad)


def test_the_table_prints_counts_and_the_intervals_name():
    result = report(trials({"a": [True, False], "b": [False, False]}))
    console = Console(file=io.StringIO(), width=120)
    console.print(evaluate.table(result))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1/4" in text
    assert "25.00" in text
    assert CLUSTERED in text
    assert "overall" in text


def test_a_trajectory_becomes_a_scored_trial():
    task = _task()
    assert evaluate.scored(task, _trajectory(task, solved=True)).model_dump() == {
        "task_id": task.id,
        "domain": "security",
        "sample": 3,
        "attempt": 0,
        "solved": True,
        "infrastructure": False,
        "outcome": "solved",
    }
    lost = evaluate.scored(task, _trajectory(task, ending=Ending.SANDBOX_LOST, verdict=None))
    assert (lost.solved, lost.infrastructure, lost.outcome) == (False, True, "sandbox lost")
    broken = evaluate.scored(task, _trajectory(task, verdict=Verdict(error="no report")))
    assert (broken.solved, broken.infrastructure) == (False, True)
    late = evaluate.scored(task, _trajectory(task, ending=Ending.TURN_LIMIT))
    assert (late.solved, late.infrastructure, late.outcome) == (False, False, "turn limit")


def test_an_ungraded_trial_is_refused():
    task = _task()
    with pytest.raises(InputError, match="ungraded"):
        evaluate.scored(task, _trajectory(task, verdict=None))
    bare = task.model_copy(update={"verifier": None})
    with pytest.raises(InputError, match="ungraded"):
        evaluate.scored(bare, _trajectory(bare, ending=Ending.TURN_LIMIT, verdict=None))
    with pytest.raises(InputError, match="not of"):
        evaluate.scored(task, _trajectory(_task("Do something else.")))


def _task(instruction: str = "Do it.") -> TerminalTask:
    verifier = Verifier(files=(File(path="/tests/test_a.py", content=b""),), tests=(Test(id="test_a.py::test_a"),))
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        domain="security",
        instruction=instruction,
        verifier=verifier,
        provenance=Provenance(source="forge", generator="forge@1"),
    )


def _trajectory(task: TerminalTask, *, solved: bool = False, **more: Any) -> Trajectory:
    fields: dict[str, Any] = {"ending": Ending.COMPLETED, "verdict": Verdict(solved=solved, score=float(solved))} | more
    return Trajectory(
        trial_id="x",
        task_id=task.id,
        sample=3,
        model="termforge/oracle",
        template="own",
        template_sha256="",
        image=Image(name="host", recipe="", digest="d", inventory="i"),
        sandbox="bubblewrap",
        **fields,
    )
