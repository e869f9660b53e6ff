import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from termforge.adapt import answer
from termforge.adapt.adapt import adapted, without_duplicates
from termforge.adapt.kind import task_of
from termforge.adapt.math import KIND, SAMPLE_COLUMNS, final_answer, units_asked
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.schemas import ImageRecipe, TerminalTask

IMAGE = ImageRecipe(name="scientific-computing", recipe="abc")
PROMPT = Prompt(
    "How many clips?",
    "gsm8k",
    "train-7",
    "1,072",
    "She sold 48/2 = <<48/2=24>>24 clips.\nIn all <<48+24=72>>72.\n#### 72",
    "MIT",
)
GOLDEN = Path(__file__).parents[2] / "golden" / "adapt_math.json"
SAMPLE_FILE = Path(__file__).parents[3] / "prompts" / "adapt" / "sample_math.jsonl"


def adapt_math(prompt: Prompt, image: ImageRecipe) -> TerminalTask:
    return task_of(KIND, prompt, image)


def graded(terminal_task: TerminalTask, written: str | bytes | None, folder: Path) -> Counter[str]:
    """Run the task's own tests, as pytest would in a grader, on a file below `folder`."""
    assert terminal_task.verifier is not None
    file, comparison = terminal_task.verifier.files
    (folder / "answer.py").write_bytes(comparison.content)
    solution = folder / "solution.txt"
    (folder / "test_solution.py").write_bytes(file.content.replace(b"/app/solution.txt", str(solution).encode()))
    if written is not None:
        solution.write_bytes(written.encode() if isinstance(written, str) else written)
    argv = [sys.executable, "-I", "-m", "pytest", "-q", "-rA", "-c", "/dev/null", "--rootdir", str(folder), str(folder)]
    output = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return Counter(line.split()[0] for line in output.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR")))


def test_the_instruction_is_the_prompt_a_blank_line_and_the_papers_suffix() -> None:
    expected = "How many clips?\n\nPlease place your final answer in a file named '/app/solution.txt'."
    assert adapt_math(PROMPT, IMAGE).instruction == expected


def test_an_adapted_task_is_what_it_was() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    task = adapt_math(PROMPT, IMAGE)
    found = json.loads(task.model_dump_json(exclude={"verifier": {"files"}}, exclude_defaults=True))
    assert found == golden


def test_a_prompt_without_an_answer_gets_no_tests_as_in_the_paper() -> None:
    terminal_task = adapt_math(PROMPT._replace(answer=None), IMAGE)
    assert terminal_task.verifier is None
    assert terminal_task.solution is None


def test_an_answer_that_cannot_be_compared_gets_no_tests_but_a_solution() -> None:
    terminal_task = adapt_math(PROMPT._replace(answer="x^2 + 1"), IMAGE)
    assert terminal_task.verifier is None
    assert terminal_task.solution is not None


def test_an_answer_that_would_be_typed_as_keys_gives_no_task_to_play() -> None:
    for final in ("\text{yes}", "\boxed{7}", "\frac{1}{2}", "7\x1b"):
        task = adapt_math(PROMPT._replace(answer=final), IMAGE)
        assert (task.verifier, task.solution) == (None, None)


@pytest.mark.parametrize(
    ("question", "units"),
    [
        ("How many clips?", ("clips",)),
        ("How many more hours did she work than Ben?", ("hours",)),
        ("How long did it take, in minutes?", ("minutes",)),
        ("What percent is left?", ("%",)),
        (r"The angle is $30^\circ$. What is twice as much?", ("°",)),
        ("What is left?", ()),
        ("", ()),
    ],
)
def test_the_question_says_in_which_unit_it_wants_its_answer(question: str, units: tuple[str, ...]) -> None:
    assert units_asked(question) == units


def test_the_expected_answer_stands_in_the_tests_alone() -> None:
    terminal_task = adapt_math(PROMPT, IMAGE)
    assert terminal_task.files == ()
    assert "1,072" not in terminal_task.instruction
    assert terminal_task.verifier is not None
    assert b"EXPECTED = '1,072'" in terminal_task.verifier.files[0].content


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        (None, 0),
        ("", 0),
        ("1072\n", 1),
        ("1072 clips", 1),
        ("1072 hours", 0),
        ("1073", 0),
        ("1072\n1073\n", 0),
        (b"\xff\xfe", 0),
        ("1072" + " " * 5_000, 0),
        ("1072" + "\u3000" * 333 + " or 1073, 1074", 0),
    ],
)
def test_its_own_tests_pass_the_answer_and_nothing_else(written: str | None, passed: int, tmp_path: Path) -> None:
    expected = Counter({"PASSED": passed, "FAILED": 1 - passed})
    assert graded(adapt_math(PROMPT, IMAGE), written, tmp_path) == +expected


def test_the_test_ids_are_those_that_pytest_reports(tmp_path: Path) -> None:
    terminal_task = adapt_math(PROMPT, IMAGE)
    assert terminal_task.verifier is not None
    for file in terminal_task.verifier.files:
        (tmp_path / Path(file.path).name).write_bytes(file.content)
    argv = [sys.executable, "-I", "-m", "pytest", "-q", "--collect-only", "--rootdir", str(tmp_path), str(tmp_path)]
    output = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    assert [line for line in output.splitlines() if "::" in line] == [test.id for test in terminal_task.verifier.tests]


def test_an_expected_answer_is_data_and_never_code(tmp_path: Path) -> None:
    nasty = adapt_math(PROMPT._replace(answer="$'$"), IMAGE)
    assert nasty.verifier is None
    quoted = adapt_math(PROMPT._replace(answer="$\n7 \n$"), IMAGE)
    assert graded(quoted, "7", tmp_path) == {"PASSED": 1}


def test_the_solution_played_in_a_shell_writes_the_answer(tmp_path: Path) -> None:
    for final in ("1,072", r"\frac{1}{2}", "it's", "$5", "-5", "50%"):
        steps = adapt_math(PROMPT._replace(answer=final), IMAGE).solution
        assert steps is not None
        typed = "".join(command.keystrokes for step in steps for command in step.commands)
        script = typed.replace("/app/", f"{tmp_path}/")
        output = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
        assert output == (tmp_path / "solution.txt").read_text() == f"{final}\n"


def test_calculator_marks_and_the_final_line_leave_the_worked_solution() -> None:
    assert final_answer(PROMPT) == ("1,072", "She sold 48/2 = 24 clips.\nIn all 72.")


def test_an_answer_column_may_hold_the_worked_solution_too() -> None:
    both = PROMPT._replace(answer=PROMPT.solution, solution=None)
    assert final_answer(both) == ("72", "She sold 48/2 = 24 clips.\nIn all 72.")


def test_ids_depend_on_content_and_not_on_provenance() -> None:
    assert adapt_math(PROMPT, IMAGE).id == adapt_math(PROMPT._replace(id="other", dataset="d"), IMAGE).id
    assert adapt_math(PROMPT, IMAGE).id != adapt_math(PROMPT._replace(answer="5"), IMAGE).id


def near_misses(value: str) -> list[str]:
    number = int(value.replace(",", ""))
    return [
        str(number + 1),
        str(-number) if number else "1",
        f"{number}0" if number else "10",
        f"{number} or {number + 1}",
        f"{number}\n{number + 1}",
        f"The answer is {number}.",
        f"{number}.5",
        "",
    ]


def assert_each_accepts_its_own_answer_only(prompts: list[Prompt]) -> None:
    for prompt in prompts:
        assert prompt.answer is not None
        assert answer.same(prompt.answer, f"{prompt.answer}\n"), prompt.id
        if prompt.answer.replace(",", "").lstrip("-").isdigit():
            assert not [miss for miss in near_misses(prompt.answer) if answer.same(prompt.answer, miss)], prompt.id


def test_every_answer_of_the_sample_passes_and_its_near_misses_fail() -> None:
    prompts = list(read_prompts(SAMPLE_FILE, SAMPLE_COLUMNS))
    assert_each_accepts_its_own_answer_only(prompts)
    assert all(adapt_math(prompt, IMAGE).verifier for prompt in prompts)


def test_every_answer_of_the_real_prompts_passes_and_its_near_misses_fail(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    mapping = ColumnMapping(prompt=("problem",), answer="expected_answer", solution="solution", id="id")
    prompts = list(read_prompts(shared / "data" / "math_gsm8k_train.jsonl.gz", mapping))
    assert_each_accepts_its_own_answer_only(prompts)
    counts: Counter[str] = Counter()
    tables = adapted(KIND, without_duplicates(prompts, counts), IMAGE, counts)
    assert len({id for table in tables for id in table["id"].to_pylist()}) == 7_473
    assert counts == {"tasks": 7_473, "with tests": 7_473, "with a solution": 7_473}
