import ast
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.adapt import answer

SAME = [
    ("72", "72\n"),
    ("72", " 72. "),
    ("72", "72.0"),
    ("72", "$72$"),
    ("72", "$$72.$$"),
    ("72", r"\(72\)"),
    ("72", r"\boxed{72}"),
    ("72", r"$\boxed{72}$."),
    ("72", "+72"),
    ("72", "$72"),
    ("72", "72 $"),
    ("72%", "72"),
    ("72%", "72 percent"),
    ("72%", r"72\%"),
    ("$72", "72"),
    ("-5", "−5"),
    ("-5", "$-5"),
    ("-5", "-$5"),
    ("1,200", "1200"),
    ("1200", "1,200.00"),
    ("1200", "1{,}200"),
    ("1200", "1.2e3"),
    ("0.5", "1/2"),
    ("0.5", ".5"),
    (r"\frac{1}{2}", "0.50"),
    (r"\dfrac{1}{2}", "2/4"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"2\frac{1}{2}", "2 1/2"),
    ("2.5", "5 / 2"),
    (r"5 \text{ cm}", "5 cm"),
    ("0%", "0"),
    ("Tuesday", "tuesday."),
    ("(B)", "B"),
    (r"\text{yes}", "Yes"),
    ("3:2", "3:2"),
    ("3:2", "3 : 2"),
    ("$72", "72 dollars"),
    ("72", "72 dollars"),
    ("72", "$72 dollars"),
    ("90°", "90"),
    ("90°", r"90^\circ"),
    ("90°", r"$90^{\circ}$"),
    ("90 degrees", "90°"),
    ("5 cm", "5cm"),
    ("6 hours", "6 hour"),
    ("6 Hours", "6 hours"),
    ("6 inches", "6 inch"),
    ("72", "**72**"),
    ("72", "x = 72"),
    ("72", "$x = 72$"),
    ("72", "Answer: 72"),
    ("72", "#### 72"),
    ("0.5", r"\frac12"),
    ("0.5", "½"),
    ("2.5", "2½"),
    ("-0.5", r"\frac{1}{-2}"),
    ("1000000", "10^6"),
    ("1000000", "$10^{6}$"),
    ("A", "Option A"),
    ("A", "A)"),
]

DIFFERENT = [
    ("72", "71"),
    ("72", "-72"),
    ("72", "7 2"),
    ("72", "72 73"),
    ("72", "71, 72, 73"),
    ("72", "71\n72"),
    ("72", "72\n72"),
    ("72", "72 or 73"),
    ("72", "72/73"),
    ("72", "$72$ or $73$"),
    ("72", r"\boxed{71}\boxed{72}"),
    ("72", "The answer is 72"),
    ("72", "72..."),
    ("72", "72 thousand"),
    ("72", "72 cents"),
    ("72", "72k"),
    ("72", "0.72"),
    ("72", "€72 %"),
    ("72", ""),
    ("72", "   "),
    ("72", "٧٢"),
    ("72", "0" * 2_000 + "72"),
    ("72", "1e999999999"),
    ("1200", "1 200"),
    ("1200", "1,2,00"),
    ("1200", "12,00"),
    ("1.2", "1,2"),
    ("0.5", "0.5%"),
    ("0.5%", "0.5"),
    ("1", "1%"),
    ("50%", "0.5"),
    ("1/3", "0.333"),
    ("1/3", "0.3333333333"),
    ("2.5", "2 / 5"),
    ("2.5", "2 1/0"),
    ("$5", "€5"),
    ("5 cm", "5 m"),
    ("5 cm", "5"),
    ("Tuesday", "Tuesday or Wednesday"),
    ("B", "A B C D"),
    ("yes", "no"),
    ("3:2", "2:3"),
    ("x^2 + 1", "x^2 + 1"),
    ("5 MW", "5 mW"),
    ("5 Mb", "5 MB"),
    ("2", "2 hours"),
    ("6 hours", "6 minutes"),
    ("72", "x = 71 = 72"),
    ("72", "Answer: 71 or 72"),
    ("72", "**71** **72**"),
    ("72", "x = y"),
    ("1/2", "12"),
    ("106", "10^6"),
    ("2.5", "½2"),
    ("A", "Option AB"),
]


@pytest.mark.parametrize(("expected", "written"), SAME)
def test_spellings_of_one_answer_are_the_same(expected: str, written: str) -> None:
    assert answer.same(expected, written)


@pytest.mark.parametrize(("expected", "written"), DIFFERENT)
def test_another_doubtful_or_longer_answer_is_not_the_same(expected: str, written: str) -> None:
    assert not answer.same(expected, written)
    assert not answer.same(written, expected)


@pytest.mark.parametrize(
    ("expected", "written", "asked", "agrees"),
    [
        ("72", "72 hours", ("hours",), True),
        ("72", "72 hour", ("hours",), True),
        ("72", "72 minutes", ("hours",), False),
        ("72", "72", ("hours",), True),
        ("72 hours", "72", ("hours",), False),
        ("72 hours", "72 minutes", ("minutes",), False),
        ("72", "72%", ("%",), True),
        ("72", "72%", (), False),
        ("0.5", "0.5%", ("%",), False),
        ("0", "0%", ("%",), True),
        ("90", "90°", ("°",), True),
        ("90", "90 degrees", (), False),
    ],
)
def test_a_unit_may_be_added_where_the_question_asks_for_it(
    expected: str, written: str, asked: tuple[str, ...], agrees: bool
) -> None:
    assert answer.same(expected, written, asked) == agrees


@pytest.mark.parametrize("text", ["x^2+1", "(1, 2)", "1, 2", r"\sqrt{2}", "n/a", "a b c d e", "1/0", "[0, 1)", "1-2"])
def test_what_cannot_be_compared_with_certainty_is_no_answer(text: str) -> None:
    assert answer.read(text) is None


@given(st.fractions(max_denominator=10**6))
def test_every_fraction_is_read_as_itself(value: Fraction) -> None:
    assert answer.read(f"{value.numerator}/{value.denominator}") == (value, "")
    sign = "-" if value < 0 else ""
    assert answer.read(rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}") == (value, "")


@given(st.integers(), st.integers())
def test_whole_numbers_agree_only_with_themselves(one: int, other: int) -> None:
    assert answer.same(str(one), f"{one:,}")
    assert answer.same(str(one), str(other)) == (one == other)


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    answer.read(text)


def test_the_comparison_needs_the_standard_library_alone() -> None:
    tree = ast.parse(Path(answer.__file__).read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= sys.stdlib_module_names
