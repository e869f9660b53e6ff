"""Math prompts (paper, section 3.1), and beyond it a check of the answer where the source has one.

Answers that cannot be compared with certainty (formulae, sentences) get no tests: such a trial is ungraded, as all of
the paper's adapted trials are.
"""

import re
import shlex
from functools import lru_cache

from termforge.adapt import answer
from termforge.adapt.kind import TESTS_FILE, UNTYPED, Kind, Parts, Texts, beside_the_tests, step, test_file
from termforge.adapt.sources import ColumnMapping, Prompt
from termforge.schemas import Test, Verifier

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

SOLUTION = "/app/solution.txt"
TESTS = (Test(id=f"{TESTS_FILE}::test_the_answer_is_right"),)
CALCULATOR_MARK = re.compile(r"<<[^<>]*>>")
FINAL_LINE = "####"
COUNTED = re.compile(r"(?:(?:more|fewer|less|total|whole|full|different|of|the) )*+([A-Za-z]+)")
LAST = re.compile(r" in ([A-Za-z]+)[?.]?$")

CHECKS = f"""\
from pathlib import Path

from answer import LONGEST, same

EXPECTED = %s
ASKED = %s


def test_the_answer_is_right():
    path = Path("{SOLUTION}")
    assert path.is_file(), "{SOLUTION} is missing"
    with path.open("rb") as file:
        given = file.read(4 * LONGEST + 1).decode("utf-8", "replace")
    assert same(EXPECTED, given, ASKED), f"not the expected answer, or more than an answer: {{given[:100]!r}}"
"""


def texts(prompt: Prompt) -> Texts:
    """Test file, why the answer is what it is, and the keystrokes that write it."""
    final, worked = final_answer(prompt)
    if not final:
        return None, None, None
    checks, keystrokes = written(final, units_asked(prompt.text))
    if not keystrokes:
        return None, None, None
    reasons = f"Working it out:\n{worked}\nSo the answer is {final}." if worked else f"The answer is {final}."
    analysis = f"Nothing has been written yet, and the task needs no input files. {reasons}"
    return checks, analysis, keystrokes


@lru_cache(2**13)
def written(final: str, asked: tuple[str, ...]) -> tuple[bytes | None, str]:
    """Test file and keystrokes; none where these would be keys. Answers repeat more than prompts do."""
    if UNTYPED.search(final):
        return None, ""
    checks = (CHECKS % (ascii(final), ascii(asked))).encode() if answer.read(final) else None
    return checks, f"printf '%s\\n' {shlex.quote(final)} > {SOLUTION}\n"


def units_asked(text: str) -> tuple[str, ...]:
    """In which the question wants its answer: `How many hours`, `in hours?`, percent, degrees."""
    asked: tuple[str, ...] = ()
    place = max(text.rfind("ow many "), text.rfind("ow much "))
    if place >= 0 and (found := COUNTED.match(text, place + 8)):
        asked = (found[1],)
    place = text.rfind(" in ", -30)
    if place >= 0 and (found := LAST.match(text, place)):
        asked += (found[1],)
    if "%" in text or "percent" in text:
        asked += ("%",)
    if "degree" in text or "\\circ" in text or (not text.isascii() and "°" in text):
        asked += ("°",)
    return asked


def final_answer(prompt: Prompt) -> tuple[str | None, str]:
    """The answer, and the worked solution without it; an answer column may hold both, divided by `####` (GSM8K)."""
    given, worked = prompt.answer, prompt.solution or ""
    if given and FINAL_LINE in given:
        before, given = given.rsplit(FINAL_LINE, 1)
        worked = worked or before
    if FINAL_LINE in worked:
        worked = worked.rsplit(FINAL_LINE, 1)[0]
    worked = (CALCULATOR_MARK.sub("", worked) if "<<" in worked else worked).strip()
    # A tab or form feed in front is what a source that escaped LaTeX too rarely made of "\text" and "\frac".
    return given and given.rstrip().lstrip(" \r\n"), worked


def parts(texts: Texts) -> Parts:
    checks, analysis, keystrokes = texts
    if analysis is None:
        return Parts()
    assert isinstance(analysis, str)
    look = f"The command has run; {SOLUTION} should now hold a single line."
    files = (test_file(checks), beside_the_tests("answer.py")) if checks else ()
    return Parts(
        verifier=Verifier(files=files, tests=TESTS) if files else None,
        solution=(
            step(analysis, f"Write the answer, and nothing else, to {SOLUTION}.", keystrokes),
            step(look, "Print the file to make sure that it holds the answer alone.", f"cat {SOLUTION}\n"),
        ),
    )


KIND = Kind(
    name="math",
    version=3,
    suffix=f"Please place your final answer in a file named '{SOLUTION}'.",
    output=SOLUTION,
    image="scientific-computing",
    texts=texts,
    parts=parts,
    essence=str,
)
