"""What gives a solution away, and what only looks like it."""

import pytest

from termforge.schemas import File
from termforge.synthesize import Reason, SeedProblem
from termforge.synthesize.isolation import check_isolation, results
from termforge.synthesize.reply import MalformedReply, Sections

REFERENCE = """\
def longest_chain(times):
    best = solve_ivp(times, method="dijkstra")
    return mean(best) if best else [place for place in sorted(times) if place not in best]
"""
SEED = SeedProblem(
    id="s", domain="debugging", problem="Find the 12345 chains with a binary search.", reference=REFERENCE
)
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


def refusal(
    instruction: str, files: dict[str, str], seed: SeedProblem | None = SEED, tests: str = TESTS
) -> Reason | None:
    sections = Sections(instruction, "", tests, "", "", "Hard: a Fenwick tree serves.")
    laid = tuple(File(path=path, content=text.encode()) for path, text in files.items())
    try:
        check_isolation(sections, laid, seed)
    except MalformedReply as malformed:
        return malformed.reason
    return None


@pytest.mark.parametrize(
    ("instruction", "files", "reason"),
    [
        (f"Do it like this: {REFERENCE}", {}, Reason.REFERENCE_LEAKED),
        ("Sort.", {"/app/tool.py": "x = 1\n" + REFERENCE.upper()}, Reason.REFERENCE_LEAKED),
        ("Write longest_chain.", {}, Reason.REFERENCE_LEAKED),
        ("Sort.", {"/app/tool.py": "# see solve_ivp\n"}, Reason.REFERENCE_LEAKED),
        ("Use Dijkstra's method.", {}, Reason.METHOD_NAMED),
        ("Use a fenwick-tree.", {}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/notes.md": "A FenwickTree would do."}, Reason.METHOD_NAMED),
        ("The sum is 98,765.", {}, Reason.RESULT_TOLD),
        ("Check that it is -98765.0!", {}, Reason.RESULT_TOLD),
        ("The first is 17.25.", {}, Reason.RESULT_TOLD),
        ("x is 3.141", {}, Reason.RESULT_TOLD),
        ("Its hash is 8f14e45fceea167a5a36dedd4bea2543.", {}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/README": "You should get 17.25."}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/data.csv": "a,b\n# expect 17.25\n"}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/expected-output.json": "{}"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/solution.py": "pass"}, Reason.ANSWER_KEY),
        ("It is graded by /tests/test_outputs.py.", {}, Reason.TESTS_MENTIONED),
    ],
)
def test_what_gives_the_solution_away_is_refused(instruction: str, files: dict[str, str], reason: Reason) -> None:
    assert refusal(instruction, files) is reason


@pytest.mark.parametrize(
    ("instruction", "files"),
    [
        ("Find the 12345 chains with a binary search.", {}),
        ("Write the mean, sorted by place, for all times.", {}),
        (
            "Use 0.05, 10, 1440, 1, 0, the year 2024, 65536 bytes, 4321 rows, a rate of 532.75 and a factor of 777.77.",
            {},
        ),
        ("Version 17.25.3 of 17.251 reads 117.25 and x17.25.", {}),
        ("Sort.", {"/app/data.csv": "time,level\n1,17.25\n2,98765\n"}),
        ("Sort.", {"/app/survey_answers.csv": "a\n", "/app/expected_schema.json": "{}", "/app/solvent.txt": "x"}),
        ("Sort.", {"/app/buggy.py": "def bellman_ford(): ...  # Bellman-Ford\n"}),
        ("The Kahnweiler prize, retrieval, and the heaps of sorts.", {}),
        ("Compute the SHA-256 and the Kaplan-Meier estimate by a t-test.", {}),
    ],
)
def test_what_the_task_must_say_is_not_refused(instruction: str, files: dict[str, str]) -> None:
    assert refusal(instruction, files) is None


def test_a_method_that_is_nowhere_in_the_solution_is_not_refused() -> None:
    assert refusal("The report about Viterbi and Dijkstra.", {}, seed=None) is None


def test_twelve_words_of_the_reference_in_a_row_are_a_passage_and_eleven_are_not() -> None:
    words = [f"word{number}" for number in range(40)]
    seed = SEED.model_copy(update={"reference": " ".join(words)})
    assert refusal(" ".join(words[5:17]), {}, seed) is Reason.REFERENCE_LEAKED
    assert refusal(" ".join(words[5:16]), {}, seed) is None


def test_a_short_reference_counts_as_a_whole() -> None:
    short = SEED.model_copy(update={"reference": "Add them up, twice, then halve."})
    assert refusal("First add THEM up, twice; then halve.", {}, short) is Reason.REFERENCE_LEAKED
    assert refusal("First add them up.", {}, short) is None


def test_only_telling_literals_on_a_side_of_a_comparison_are_results() -> None:
    assert results(TESTS) == {17.25, "8f14e45fceea167a5a36dedd4bea2543", 98765.0, 3.141}
