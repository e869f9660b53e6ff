"""What a teacher's reply consists of, how large it may be, and every reason why one is refused.

The format is ours; prompts/synthesize/system.j2 describes it to the teacher. The reply is hostile: its form, paths,
sizes, bytes and the tests' source are all checked by the modules beside this one, and nothing of it is executed.
"""

from enum import StrEnum
from typing import NamedTuple

from termforge.schemas import File, Test, Verifier


class Reason(StrEnum):
    """Why a reply was refused: words that counts are made of."""

    OUTSIDE_TEXT = "text outside the sections"
    UNCLOSED_SECTION = "section not closed"
    REPEATED_SECTION = "section repeated"
    MISSING_SECTION = "section missing"
    EMPTY_SECTION = "section empty"
    TOO_LARGE = "too large"
    NOT_TEXT = "not text"
    SECRET = "looks like a secret"
    BAD_FILES = "files malformed"
    BAD_PATH = "path not below /app"
    LINK = "file is a link"
    DUPLICATE_PATH = "path twice"
    ANSWER_KEY = "file is an answer key"
    TESTS_NOT_PYTHON = "tests not Python"
    NO_TESTS = "no test function"
    TEST_COUNT = "too few or too many tests"
    BAD_TEST = "test function not plain"
    UNSAFE_TEST = "test runs code"
    MISSING_IMPORT = "import not in the image"
    MISSING_REQUIREMENT = "requirement not in the image"
    BAD_WEIGHTS = "weights malformed"
    UNKNOWN_TEST = "weight for no test"
    UNWEIGHTED_TEST = "test without weight"
    TESTS_MENTIONED = "instruction speaks of the tests"
    REFERENCE_LEAKED = "reference solution leaked"
    RESULT_TOLD = "expected result told"
    METHOD_NAMED = "method named"
    TRUNCATED = "reply truncated"
    EMPTY_REPLY = "reply empty"
    CONTEXT_EXCEEDED = "context exceeded"
    BUDGET_EXHAUSTED = "budget exhausted"
    TEACHER_UNAVAILABLE = "teacher unavailable"


class MalformedReply(Exception):
    """A reply that makes no task."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Sections(NamedTuple):
    """The reply, cut at its tags (sections.py)."""

    instruction: str
    files: str
    tests: str
    weights: str
    test_requirements: str
    info: str


MAY_BE_EMPTY = {"files", "test_requirements"}
LIMITS = {"instruction": 20_000, "tests": 100_000, "weights": 5_000, "test_requirements": 2_000, "info": 5_000}
"""In characters; the files have limits of their own."""

MAX_REPLY_KB = 20
"""What the teacher is asked to keep to: 8,192 tokens of 2.5 characters, a reply's length unless more is allowed."""

MAX_FILES = 30
MAX_FILE_BYTES = 64_000
"""Of what the teacher writes: a reply is not the place for more."""

TESTS_S = 120.0
"""For all tests of a task together."""


def verifier_of(source: str, weights: dict[str, float]) -> Verifier:
    return Verifier(
        files=(File(path="/tests/test_outputs.py", content=source.encode()),),
        tests=tuple(Test(id=f"test_outputs.py::{name}", weight=weight) for name, weight in weights.items()),
        timeout_s=TESTS_S,
    )
