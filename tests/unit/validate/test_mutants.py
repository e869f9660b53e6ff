"""Faults in results: which there are, and what each looks like."""

from random import Random

import pytest

from termforge.schemas import File, ImageRecipe, Provenance, TerminalTask
from termforge.validate.mutants import of_results, truncated, with_another_number, without_a_line

TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="Do it.",
    files=(File(path="/app/in.csv", content=b"a,b\n"),),
    provenance=Provenance(source="forge", generator="test@1"),
)
CSV = b"id,sum\n1,20\n2,30\n3,40\n"


def kinds(*contents: bytes) -> dict[str, set[str]]:
    """Of the mutants, by path."""
    results = {f"/app/{number}.csv": File(path=f"/app/{number}.csv", content=c) for number, c in enumerate(contents)}
    found: dict[str, set[str]] = {}
    for kind, what, changed in of_results(TASK, results, Random(0)):
        assert set(changed) <= set(results)
        found.setdefault(what.split(",")[0], set()).add(kind)
    return found


def test_a_single_result_is_only_damaged() -> None:
    """That it is missing, empty or an input says no more than doing nothing and the cheaters."""
    assert kinds(CSV) == {"/app/0.csv": {"truncated result", "dropped line", "changed number"}}
    assert kinds(b"yes\n") == {}


def test_one_of_several_results_may_be_missing_empty_or_an_input() -> None:
    replaced = {"missing result", "empty result", "copied input"}
    assert kinds(b"yes\n", b"a,b\n") == {
        "/app/0.csv": replaced,
        "/app/1.csv": replaced - {"copied input"},
        "all results": {"touched files"},
    }


def test_what_the_task_laid_is_no_result_where_only_its_mode_changed() -> None:
    results = {"/app/in.csv": TASK.files[0].model_copy(update={"mode": 0o755})}
    assert list(of_results(TASK, results, Random(0))) == []


@pytest.mark.parametrize(
    ("content", "others"),
    [
        (b"n: 7, m: 19\n", {b"n: 8, m: 19\n", b"n: 7, m: 20\n"}),
        (b'{"a": -3}', {b'{"a": -4}'}),
        (b"1,099,x\n", {b"2,099,x\n", b"1,100,x\n"}),
        (b"2.625\n", {b"3.625\n"}),
        (b"5.\n", {b"6.\n"}),
        (b"2026-01-02", {b"2027-01-02", b"2026-02-02", b"2026-01-03"}),
    ],
)
def test_a_number_is_larger_by_one(content: bytes, others: set[bytes]) -> None:
    found = {changed[1] for seed in range(50) if (changed := with_another_number(content, Random(seed)))}
    assert found == others


@pytest.mark.parametrize("content", [b"", b"none here\n", b"v2 and x_1 and .5\n", b"\xff 1\n", b"1234567890\n"])
def test_what_holds_no_number(content: bytes) -> None:
    assert with_another_number(content, Random(0)) is None


def test_it_says_which_number() -> None:
    assert with_another_number(b"a\nb 9\n", Random(0)) == ("line 2: 9 became 10", b"a\nb 10\n")


def test_a_line_from_the_middle_is_dropped() -> None:
    found = {without_a_line(b"\na\n\nb\nc\nd\n\n", Random(seed)) for seed in range(50)}
    assert found == {("line 4", b"\na\n\nc\nd\n\n"), ("line 5", b"\na\n\nb\nd\n\n")}
    assert without_a_line(b"a\n\nb\n", Random(0)) is None


def test_the_last_line_is_cut() -> None:
    assert truncated(b"a\nb\n\n") == b"a\n"
    assert truncated(b"a\n") is None
