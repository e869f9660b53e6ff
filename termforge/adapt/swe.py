"""SWE prompts (paper, section 3.1): an issue and quoted files, answered with a patch.

Every quoted file is laid at its path below /app. The source's gold patch is in no file that the agent sees: it says
which files a right patch touches, and the oracle plays it. Where the source gives tests, the patched files must pass
them; else the patch must apply, change what the gold patch's files do (tests, documentation and comments aside) and
leave Python valid. A prompt without a gold patch has no tests, as in the paper.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import ValidationError

from termforge.adapt.kind import (
    TESTS_FILE,
    Kind,
    LeftOut,
    Parts,
    Text,
    Texts,
    beside_the_tests,
    step,
    test_file,
    written,
)
from termforge.adapt.patches import DoesNotApply, edited
from termforge.adapt.sources import Prompt
from termforge.adapt.touched import parsed, touched
from termforge.schemas import File, Step, Test, Verifier

SOLUTION = "/app/solution.patch"
ORIGINALS, SUFFIX = "/tests/original", ".original"
START, END = "[start of ", "[end of "
MARKED = re.compile(r"^\[start of [^\r\n]+\]\r\n", re.M)
FENCED = re.compile(r"^### (?P<path>[^\s`]+)\n(?P<fence>`{3,})\w*\n(?P<text>(?s:.)*?)^(?P=fence)$", re.M)
NUMBERED = re.compile(r"\d+ ?")
TIMEOUT_S = 300.0
PATCH_TESTS = tuple(
    Test(id=f"{TESTS_FILE}::{name}", weight=weight)
    for name, weight in (
        ("test_the_patch_applies", 0.4),
        ("test_the_right_files_change", 0.4),
        ("test_python_stays_valid", 0.2),
    )
)
GIVEN_TESTS = (*PATCH_TESTS, Test(id=f"{TESTS_FILE}::test_the_tests_of_the_source_pass", weight=2.0))

PATCH_CHECKS = """\
from repaired import changed, originals, patched
from touched import parsed

TOUCHED = %s


def test_the_patch_applies():
    assert changed()


def test_the_right_files_change():
    assert changed() == TOUCHED


def test_python_stays_valid():
    for path, text in patched().items():
        if path.endswith(".py") and text is not None and parsed(originals().get(path, "")):
            assert parsed(text), f"{path} is no longer Python"
"""

GIVEN_CHECKS = """

from repaired import passes  # noqa: E402

GIVEN = %s


def test_the_tests_of_the_source_pass():
    assert passes(GIVEN)
"""


class Quoted(NamedTuple):
    path: str
    """Relative, as the prompt names it."""
    text: str


def quoted_files(prompt: str) -> Iterator[Quoted]:
    """Every `[start of PATH] ... [end of PATH]`, or without these every `### PATH` above a fence; numbers before the
    lines are taken off."""
    if "\r\n" in prompt and (MARKED.search(prompt) or START not in prompt):
        prompt = prompt.replace("\r\n", "\n")
    if START not in prompt:
        yield from (Quoted(found["path"], found["text"]) for found in FENCED.finditer(prompt))
    place = 0
    while (start := prompt.find(START, place)) >= 0:
        path, _, _ = prompt[start + len(START) : start + 4096].partition("]\n")
        begin = start + len(START) + len(path) + 2
        end = prompt.find(f"\n{END}{path}]", begin - 1)
        if "\n" in path or end < 0:
            place = start + 1
            continue
        yield Quoted(path, _unnumbered(prompt[begin:end]) + "\n" if end > begin else "")
        place = end


def _unnumbered(text: str) -> str:
    if not text.startswith("1 "):
        return text
    lines = text.split("\n")
    if any(not line.startswith(f"{number} ") and line != str(number) for number, line in enumerate(lines, start=1)):
        return text
    return "\n".join(NUMBERED.sub("", line, count=1) for line in lines)


def texts(prompt: Prompt) -> Texts:
    """Two test files (with and without given tests), keystrokes of the gold patch, then for each quoted file its path,
    its path beside the tests, and its content."""
    files = dict(quoted_files(prompt.text))
    if not files:
        raise LeftOut("without quoted files")
    if any(other.startswith(f"{path}/") for path in files for other in files):
        raise LeftOut("with a file in the place of a folder")
    checks, given, keystrokes = _graded(prompt, files)
    laid = [(_laid(path), f"{ORIGINALS}/{path}{SUFFIX}", text.encode()) for path, text in files.items()]
    return (checks, given, keystrokes, *(text for file in laid for text in file))


def _graded(prompt: Prompt, files: dict[str, str]) -> tuple[Text, Text, Text]:
    """Nothing where there is no gold patch, or it does not fit the quoted files."""
    if not prompt.solution:
        return None, None, None
    try:
        changed = touched(files, edited(prompt.solution, files))
    except DoesNotApply:
        return None, None, None
    keystrokes = written(SOLUTION, prompt.solution)
    if not changed:
        return None, None, keystrokes
    checks = PATCH_CHECKS % ascii(changed)
    given = prompt.tests and "def test" in prompt.tests and parsed(prompt.tests)  # often a patch instead
    if given:
        return None, (checks + GIVEN_CHECKS % ascii(prompt.tests)).encode(), keystrokes
    return checks.encode(), None, keystrokes


def _laid(path: str) -> str:
    try:
        return File(path=f"/app/{path}", content=b"").path
    except ValidationError:
        raise LeftOut("with a path outside the working folder") from None


def essence(prompt: str) -> str:
    """Issues on one and the same file share most of their words: quoted files do not count."""
    start, end = prompt.find(START), prompt.rfind(END)
    if 0 <= start < end:
        return prompt[:start]
    prompt = prompt.replace("\r\n", "\n")
    fenced = FENCED.search(prompt)
    return prompt[: fenced.start()] if fenced else prompt


def parts(texts: Texts) -> Parts:
    checks, given, keystrokes, *laid = texts
    files, originals = [], []
    for place, beside, content in zip(laid[::3], laid[1::3], laid[2::3], strict=True):
        assert isinstance(place, str)
        assert isinstance(beside, str)
        assert isinstance(content, bytes)
        files.append(File(path=place, content=content))
        originals.append(File(path=beside, content=content))
    modules = map(beside_the_tests, ("repaired.py", "patches.py", "touched.py"))
    graded = (test_file(given or checks), *modules, *originals) if given or checks else ()
    tests = GIVEN_TESTS if given else PATCH_TESTS
    return Parts(
        files=tuple(files),
        verifier=Verifier(files=graded, tests=tests, timeout_s=TIMEOUT_S) if graded else None,
        solution=_solution(keystrokes) if keystrokes else None,
    )


def _solution(keystrokes: Text) -> tuple[Step, ...]:
    found = "The issue names the behaviour, and the files that it concerns lie below /app as the prompt quotes them."
    saved = "The diff is saved; a look at which files it touches tells whether it is whole."
    return (
        step(found, f"Write the edits as a diff to {SOLUTION}.", keystrokes),
        step(saved, "List the files that the diff changes.", f"grep -E '^(---|\\+\\+\\+) ' {SOLUTION}\n"),
    )


KIND = Kind(
    name="swe",
    version=2,
    suffix="Please first localize the bug based on the issue statement, generate *SEARCH/REPLACE* edits to fix the "
    f"issue, and save the diff to a file named `{SOLUTION}`.",
    output=SOLUTION,
    image="software-engineering",
    texts=texts,
    parts=parts,
    essence=essence,
    given_tests=(1,),
)
