"""Reads a teacher's reply, tag by tag, strictly: what is not exactly as the prompt asks is refused with a reason.

The reply is hostile: paths, sizes, bytes and the tests' source are all checked here, and nothing of it is executed.
The format is ours; prompts/synthesize/system.j2 describes it to the teacher.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from termforge.redact import secret_in
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
    """The reply as written, cut at its tags."""

    instruction: str
    files: str
    tests: str
    weights: str
    test_requirements: str
    info: str


MAY_BE_EMPTY = {"files", "test_requirements"}
LIMITS = {"instruction": 20_000, "tests": 100_000, "weights": 5_000, "test_requirements": 2_000, "info": 5_000}
"""In characters; the files have limits of their own."""

MAX_FILES = 30
MAX_FILE_BYTES = 64_000
"""Of what the teacher writes: a reply is not the place for more."""

MAX_PATH_CHARS = 200
MAX_NAME_BYTES = 255
"""What file systems bear."""

_OPENING = re.compile(r"<([a-z_]+)>[ \t]*")
_ON_ONE_LINE = re.compile(r"<([a-z_]+)>(.*)</\1>[ \t]*")
_FILE = re.compile(r'<file path="([^"\n]*)">[ \t]*')
_LINK = re.compile(r"\s*<(?:sym|hard)?link\b|\s*<file\b[^>]*\b(?:(?:sym|hard)?link|target|href)\s*=")
_FILE_TAG = re.compile(r"^[ \t]*(?:</file>|<file path=)", re.MULTILINE)
_WEIGHT = re.compile(r"([A-Za-z_]\w*)[ \t]*:[ \t]*(\d+(?:\.\d+)?)")


def split(reply: str) -> Sections:
    """Raises: MalformedReply."""
    _refuse_unprintable(reply)
    if kind := secret_in(reply):
        raise MalformedReply(Reason.SECRET, kind)
    found: dict[str, str] = {}
    for name, content in _sections(reply.split("\n")):
        if name in found:
            raise MalformedReply(Reason.REPEATED_SECTION, name)
        found[name] = content
    if missing := [name for name in Sections._fields if name not in found]:
        raise MalformedReply(Reason.MISSING_SECTION, ", ".join(missing))
    for name, content in found.items():
        if not content.strip() and name not in MAY_BE_EMPTY:
            raise MalformedReply(Reason.EMPTY_SECTION, name)
        if len(content) > LIMITS.get(name, math.inf):
            raise MalformedReply(Reason.TOO_LARGE, f"{name}: {len(content)} characters")
    return Sections(**found)


def files_in(section: str) -> tuple[File, ...]:
    """The input files, each ending in a newline.

    Raises: MalformedReply.
    """
    files: dict[str, File] = {}
    for path, content in _elements(section.split("\n")):
        _check_path(path, files)
        encoded = content.encode()
        if len(encoded) > MAX_FILE_BYTES:
            raise MalformedReply(Reason.TOO_LARGE, f"{path}: {len(encoded)} bytes")
        files[path] = File(path=path, content=encoded)
    if len(files) > MAX_FILES:
        raise MalformedReply(Reason.TOO_LARGE, f"{len(files)} files")
    return tuple(files[path] for path in sorted(files))


def weights_in(section: str, tests: tuple[str, ...]) -> dict[str, float]:
    """A weight for each of the test functions, in their order.

    Raises: MalformedReply.
    """
    weights: dict[str, float] = {}
    for line in filter(str.strip, section.split("\n")):
        match = _WEIGHT.fullmatch(line.strip())
        if match is None or not 0 < float(match[2]) <= 100 or match[1] in weights:
            raise MalformedReply(Reason.BAD_WEIGHTS, line[:100])
        weights[match[1]] = float(match[2])
    if unknown := sorted(weights.keys() - set(tests)):
        raise MalformedReply(Reason.UNKNOWN_TEST, ", ".join(unknown))
    if unweighted := sorted(set(tests) - weights.keys()):
        raise MalformedReply(Reason.UNWEIGHTED_TEST, ", ".join(unweighted))
    return {test: weights[test] for test in tests}


def verifier_of(source: str, weights: dict[str, float]) -> Verifier:
    return Verifier(
        files=(File(path="/tests/test_outputs.py", content=source.encode()),),
        tests=tuple(Test(id=f"test_outputs.py::{name}", weight=weight) for name, weight in weights.items()),
    )


def _sections(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(name, content) of each top-level element. Inside one, only its own closing tag means anything."""
    numbered = iter(enumerate(lines, start=1))
    for number, line in numbered:
        if not line.strip():
            continue
        if (whole := _ON_ONE_LINE.fullmatch(line)) and whole[1] in Sections._fields:
            yield whole[1], whole[2]
            continue
        opening = _OPENING.fullmatch(line)
        if opening is None or opening[1] not in Sections._fields:
            raise MalformedReply(Reason.OUTSIDE_TEXT, f"line {number}: {line[:100]}")
        yield opening[1], _until(f"</{opening[1]}>", numbered)


def _until(closing: str, numbered: Iterator[tuple[int, str]]) -> str:
    content: list[str] = []
    for _, line in numbered:
        if line.rstrip() == closing:
            return "".join(f"{kept}\n" for kept in content)
        content.append(line)
    raise MalformedReply(Reason.UNCLOSED_SECTION, closing)


def _elements(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(path, content) of each file element."""
    numbered = iter(enumerate(lines, start=1))
    for _, line in numbered:
        if not line.strip():
            continue
        if _LINK.match(re.sub(r'"[^"]*"', "", line)):
            raise MalformedReply(Reason.LINK, line[:100])
        opening = _FILE.fullmatch(line)
        if opening is None:
            raise MalformedReply(Reason.BAD_FILES, line[:100])
        content = _until("</file>", numbered)
        if swallowed := _FILE_TAG.search(content):
            raise MalformedReply(Reason.BAD_FILES, f"{opening[1][:MAX_PATH_CHARS]} holds {swallowed[0]}")
        yield opening[1], content


def _check_path(path: str, others: dict[str, File]) -> None:
    parts = path.split("/")
    below_app = path.startswith("/app/") and not any(part in ("", ".", "..") for part in parts[1:])
    plain = path.isprintable() and "\\" not in path
    short = len(path) <= MAX_PATH_CHARS and all(len(part.encode()) <= MAX_NAME_BYTES for part in parts)
    if not (below_app and plain and short):
        raise MalformedReply(Reason.BAD_PATH, path[:MAX_PATH_CHARS])
    for other in others:
        if path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/"):
            raise MalformedReply(Reason.DUPLICATE_PATH, path)


def _refuse_unprintable(text: str) -> None:
    """Control characters, lone surrogates and the mark of undecodable bytes: garbage, or an attack on a terminal."""
    for character in set(text) - set("\n\t\r"):
        if character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn"):
            raise MalformedReply(Reason.NOT_TEXT, f"U+{ord(character):04X}")
