"""Which literals of the tests are results, and which sentences tell one."""

import ast
from decimal import Decimal

import pytest

from termforge.synthesize.results import results, told

TESTS = """\
EXPECTED = {"rows": [17.25, "8f14e45fceea167a5a36dedd4bea2543"]}
RATE = 532.75

def test_it():
    got = load()
    assert got["rows"] == EXPECTED["rows"]
    assert got["sum"] == pytest.approx(-98765.0) and len(got) == 4321
    assert abs(got["x"] - 3.141) < 0.0001 and got["year"] == 2024 and got["size"] == 65536
    assert got["y"] == round(RATE * 777.77, 2) and got["level"] in (0.05, 10, 1440)
"""
FOUND = {Decimal("17.25"), Decimal("98765.25")}


def test_only_telling_literals_on_a_side_of_a_comparison_are_results() -> None:
    numbers = {Decimal("17.25"), Decimal(98765), Decimal("3.141")}
    assert results(ast.parse(TESTS)) == numbers | {"8f14e45fceea167a5a36dedd4bea2543"}


@pytest.mark.parametrize(
    "tests",
    [
        "assert total() == 98765.25",
        "assert total() == '98765.25'",
        "assert total() == Decimal('98765.25')",
        "assert total() == round(98765.25, 2)",
        "assert total() == str(98765.25)",
        "assert total() == - - -98765.25",
        "assert math.isclose(total(), 98765.25)",
        "def same(got, want):\n    assert got == want\n\nsame(total(), 98765.25)",
        "def same(got, want):\n    assert got == want\n\nsame(total(), want=98765.25)",
        "CASES = [('a', 98765.25)]\nfor name, wanted in CASES:\n    assert total(name) == wanted",
        "TOTALS = {'a': 98765.25}\nassert all(got[name] == total for name, total in TOTALS.items())",
        "TOTALS = [98765.25]\nassert all(one == other for one, other in zip(got, TOTALS))",
        "SUMS = (98765.25,)\nOTHER = SUMS\nassert got == OTHER[0]",
        "EXPECTED_TOTAL = 98765.25",
    ],
)
def test_a_result_is_found_however_it_reaches_the_comparison(tests: str) -> None:
    assert results(ast.parse(tests)) == {Decimal("98765.25")}


@pytest.mark.parametrize(
    "tests",
    [
        "EXPECTED_LINES = 1342\nassert len(rows) == EXPECTED_LINES",
        "assert read('rolling_mean_temperature_7d_of_the_north')",
        "assert names == ['rolling_mean_temperature_7d', 'inventory_report_2024-01.csv']",
        "assert start == '2024-03-01T00:00:00+00:00'",
        "assert id == '123e4567-e89b-12d3-a456-426614174000'",
        "assert x in (float('nan'), 1e999, -1e999, True, None, 2j, 0, 1e-300 * 3)",
    ],
)
def test_what_is_given_or_says_nothing_is_no_result(tests: str) -> None:
    assert results(ast.parse(tests)) == set()


@pytest.mark.parametrize("number", ["1" + "0" * 400, f"1{'0' * 400}7", "0x" + "f" * 5000, "1e308", "1" * 4299])
def test_integers_and_nesting_of_any_size_are_read(number: str) -> None:
    """A float holds none of these, and some cannot be printed."""
    results(ast.parse(f"assert f() == {number}"))
    assert results(ast.parse(f"assert f() == {'-' * 150}17.25 == {'[' * 150}{number}{']' * 150}")) >= {Decimal("17.25")}


@pytest.mark.parametrize(
    "sentence",
    [
        "The sum is 98,765.25.",
        "Check that it is -98765.25!",
        "The mean of the daily\nreadings should be exactly 17.25.",
        "You should get 3 rows, 98765.25 altogether.",
        "- total: 98765.25",
        '{"total": 98765.25}',
        "We expect about $98,765.25.",
        "expected 17.25",
        "It must equal 17.25.",
        "All of it adds up to 98,765.25.",
        "17.25 is the correct one.",
        "The correct value is `17.25`.",
        "the answer will be 17.25",
        "You'll see 17.25.",
    ],
)
def test_a_sentence_that_tells_a_result_is_found(sentence: str) -> None:
    assert told(f"Read the file. {sentence} Then stop.") & FOUND


@pytest.mark.parametrize(
    "sentence",
    [
        "The service listens on port 8443, as the user with the uid 12001.",
        "Use a rate of 0.0725 and echo it.",
        "You are expected to write a server on port 8443.",
        "The port must be 8443.",
        "The output file has 1342 lines at a rate of 0.0725.",
        "The result should be written to port 8443.",
        "The fix is in commit 8f14e45fceea167a5a36dedd4bea2543.",
        "Buckets start at 2024-03-01T00:00:00+00:00.",
        "Take the total. Version 17.251 and x17.25 differ.",
    ],
)
def test_a_sentence_that_gives_a_value_tells_nothing(sentence: str) -> None:
    assert told(sentence) == set()


def test_a_hash_that_should_come_out_is_told() -> None:
    assert told("You should get 8f14e45fceea167a5a36dedd4bea2543.") == {"8f14e45fceea167a5a36dedd4bea2543"}
