"""What gives a solution away, and what only looks like it."""

import pytest

from termforge.schemas import File
from termforge.synthesize import Reason, SeedProblem
from termforge.synthesize.isolation import check_isolation
from termforge.synthesize.reply import MalformedReply, Sections

REFERENCE = """\
def longest_chain(times):
    best = solve_ivp(times, method="dijkstra")
    return mean(best) if best else [place for place in sorted(times) if place not in best]


def decay_time(rows): ...
"""
SEED = SeedProblem(
    id="s", domain="debugging", problem="Find the 12345 chains with a binary search.", reference=REFERENCE
)
TESTS = """\
EXPECTED = {"rows": [17.25, "8f14e45fceea167a5a36dedd4bea2543"], "port": 8443, "rate": 0.0725}

def test_it():
    got = load()
    assert got["rows"] == EXPECTED["rows"] and got["port"] == EXPECTED["port"]
    assert got["sum"] == pytest.approx(-98765.0) and got["decay_time"] == 3
"""


def refusal(
    instruction: str, files: dict[str, str], seed: SeedProblem | None = SEED, tests: str = TESTS
) -> Reason | None:
    sections = Sections(instruction, "", tests, "", "", "Hard: a Fenwick tree serves, or breadth-first search.")
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
        ("Sort.", {"/app/tool.py": "x = 1  # see longest_chain\n"}, Reason.REFERENCE_LEAKED),
        ("Use Dijkstra's method.", {}, Reason.METHOD_NAMED),
        ("Use a fenwick-tree.", {}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/notes.md": "A FenwickTree would do."}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/notes.txt": "Fenwick trees would do."}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/tool.py": 'def f():\n    """To do: a Fenwick\n    tree."""\n'}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/tool.c": "int x; /* maybe\n   a Fenwick tree */\n"}, Reason.METHOD_NAMED),
        ("Sort.", {"/app/README": "You should get 17.25."}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/data.csv": "a,b\n# expect 17.25\n"}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/tool.sh": "run  # the sum is -98,765\n"}, Reason.RESULT_TOLD),
        ("Sort.", {"/app/expected-output.json": "{}"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/expected.json": "{}"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/expected/report.json": "{}"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/answers.json": "{}"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/ground_truth.csv": ""}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/.solution.py": "pass"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/solution_v2.py": "pass"}, Reason.ANSWER_KEY),
        ("Sort.", {"/app/solutions.sh": "pass"}, Reason.ANSWER_KEY),
        ("It is graded by /tests/test_outputs.py.", {}, Reason.TESTS_MENTIONED),
        ("Hidden tests will check that.", {}, Reason.TESTS_MENTIONED),
        ("The file will be verified by automated tests.", {}, Reason.TESTS_MENTIONED),
        ("The autograder wants JSON.", {}, Reason.TESTS_MENTIONED),
    ],
)
def test_what_gives_the_solution_away_is_refused(instruction: str, files: dict[str, str], reason: Reason) -> None:
    assert refusal(instruction, files) is reason


@pytest.mark.parametrize(
    ("instruction", "files"),
    [
        ("Find the 12345 chains with a binary search.", {}),
        ("Write the mean, sorted by place, for all times, and each decay_time.", {}),
        ("It listens on port 8443 and echoes the rate of 0.0725.", {}),
        ("Sort.", {"/app/data.csv": "time,level\n1,17.25\n2,98765\n"}),
        ("Sort.", {"/app/survey_answers.csv": "a\n", "/app/expected_schema.json": "{}", "/app/solvent.txt": "x"}),
        ("Sort.", {"/app/data/solutions.csv": "a\n", "/app/project/tests/expected/out.json": "{}"}),
        ("Sort.", {"/app/buggy.py": "def bellman_ford(): ...  # Bellman-Ford\n"}),
        ("Mend what /app/project/tests/test_parser.py shows; the suite below /app/tests fails.", {}),
        ("Add `def test_roundtrip()`; it will be run with pytest, which checks the gradients.", {}),
        ("Water will be tested by the plant; exams are graded by teachers.", {}),
    ],
)
def test_what_the_task_must_say_is_not_refused(instruction: str, files: dict[str, str]) -> None:
    assert refusal(instruction, files) is None


def test_a_method_that_is_nowhere_in_the_solution_is_not_refused() -> None:
    assert refusal("The report about Viterbi and Dijkstra.", {}, seed=None) is None


def test_a_row_of_equal_words_or_of_numbers_is_no_passage() -> None:
    grid = SEED.model_copy(update={"reference": "GRID = [" + "0, " * 30 + "]\nROW = " + ", ".join(map(str, range(30)))})
    assert refusal("Sort.", {"/app/grid.txt": "0 " * 40 + " ".join(map(str, range(30)))}, grid) is None


def test_twelve_words_of_the_reference_in_a_row_are_a_passage_and_eleven_are_not() -> None:
    words = [f"word{number}" for number in range(40)]
    seed = SEED.model_copy(update={"reference": " ".join(words)})
    assert refusal(" ".join(words[5:17]), {}, seed) is Reason.REFERENCE_LEAKED
    assert refusal(" ".join(words[5:16]), {}, seed) is None


def test_a_short_reference_counts_as_a_whole() -> None:
    short = SEED.model_copy(update={"reference": "Add them up, twice, then halve."})
    assert refusal("First add THEM up, twice; then halve.", {}, short) is Reason.REFERENCE_LEAKED
    assert refusal("First add them up.", {}, short) is None


@pytest.mark.parametrize("digits", [400, 4300, 60_000])
def test_numbers_of_any_length_are_read(digits: int) -> None:
    tests = f"assert f() == {'7' * min(digits, 4300)} == 0x{'f' * digits}\n"
    assert refusal(f"The sum is {'7' * digits}.", {}, tests=tests) is None
