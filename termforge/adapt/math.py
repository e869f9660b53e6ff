"""Math prompts as TerminalTasks (paper, section 3.1), and beyond it a check of the answer where the source has one.

The instruction is the prompt, a blank line and the paper's exact suffix. Answers that cannot be compared with certainty
(formulae, sentences) get no tests: such a trial is ungraded, as all of the paper's adapted trials are.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from termforge.adapt import answer
from termforge.adapt.sources import ColumnMapping, Prompt, without_duplicates
from termforge.schemas import Command, File, ImageRecipe, Provenance, Step, TerminalTask, Test, Verifier

SAMPLE = "adapt/sample_math.jsonl"
"""Below prompts/: fifty prompts of our own, which need nothing beside a clone."""
SAMPLE_COLUMNS = ColumnMapping(
    prompt=("problem",),
    answer="expected_answer",
    solution="solution",
    id="id",
    dataset="termforge/sample_math",
    license="Apache-2.0",
)

GENERATOR = "adapt/math@1"
SUFFIX = "Please place your final answer in a file named '/app/solution.txt'."
SOLUTION = "/app/solution.txt"
TESTS_FILE = "test_solution.py"
TESTS = (
    Test(id=f"{TESTS_FILE}::test_the_answer_is_there", weight=0.1),
    Test(id=f"{TESTS_FILE}::test_the_answer_is_right", weight=0.9),
)
LOOK = Step(
    analysis=f"The command has run; {SOLUTION} should now hold a single line.",
    plan="Print the file to make sure that it holds the answer alone.",
    commands=(Command(keystrokes=f"cat {SOLUTION}\n", duration_s=0.5),),
)
CALCULATOR_MARK = re.compile(r"<<[^<>]*>>")
FINAL_LINE = "####"

CHECKS = """

EXPECTED = {expected}


def given():
    path = Path("{solution}")
    assert path.is_file(), "{solution} is missing"
    with path.open("rb") as file:
        return file.read(LONGEST + 1).decode("utf-8", "replace")


def test_the_answer_is_there():
    assert given().strip(), "{solution} is empty"


def test_the_answer_is_right():
    assert same(EXPECTED, given()), f"not the expected answer, or more than an answer: {{given()[:100]!r}}"
"""


def adapt_prompts(prompts: Iterable[Prompt], image: ImageRecipe, counts: Counter[str]) -> Iterator[TerminalTask]:
    """A task for each prompt that is not an exact duplicate; `counts` grows while the tasks are drawn."""
    for prompt in without_duplicates(prompts, counts):
        terminal_task = adapt_math(prompt, image)
        counts["tasks"] += 1
        counts["with tests" if terminal_task.verifier else "without tests"] += 1
        yield terminal_task


def adapt_math(prompt: Prompt, image: ImageRecipe) -> TerminalTask:
    final, worked = final_answer(prompt)
    return TerminalTask(
        image=image,
        instruction=f"{prompt.text}\n\n{SUFFIX}",
        verifier=_verifier(final) if final and answer.read(final) else None,
        graded_paths=(SOLUTION,),
        solution=_solution(final, worked) if final else None,
        provenance=Provenance(
            source="math", generator=GENERATOR, origin=f"{prompt.dataset}:{prompt.id}", license=prompt.license
        ),
    )


def final_answer(prompt: Prompt) -> tuple[str | None, str]:
    """The answer, and the worked solution without it; an answer column may hold both, divided by `####` (GSM8K)."""
    given, worked = prompt.answer, prompt.solution or ""
    if given and FINAL_LINE in given:
        before, given = (part.strip() for part in given.rsplit(FINAL_LINE, 1))
        worked = worked or before
    return given, CALCULATOR_MARK.sub("", worked.rsplit(FINAL_LINE, 1)[0]).strip()


def _verifier(final: str) -> Verifier:
    checks = CHECKS.format(expected=ascii(final), solution=SOLUTION)
    return Verifier(files=(File(path=f"/tests/{TESTS_FILE}", content=_comparison() + checks.encode()),), tests=TESTS)


@cache
def _comparison() -> bytes:
    source = (resources.files("termforge.adapt") / "answer.py").read_bytes().rstrip() + b"\n"
    fraction = b"from fractions import Fraction\n"
    return source.replace(fraction, fraction + b"from pathlib import Path\n")


def _solution(final: str, worked: str) -> tuple[Step, ...]:
    reasons = f"Working it out:\n{worked}\nSo the answer is {final}." if worked else f"The answer is {final}."
    write = f"printf '%s\\n' {shlex.quote(final)} > {SOLUTION}\n"
    return (
        Step(
            analysis=f"Nothing has been written yet, and the task needs no input files. {reasons}",
            plan=f"Write the answer, and nothing else, to {SOLUTION}.",
            commands=(Command(keystrokes=write, duration_s=0.5),),
        ),
        LOOK,
    )
