"""Nothing that the agent sees may give the solution away (paper: "solution isolation").

What the agent sees is the instruction and the files; what is *said* to it is the instruction, Markdown and README
files, and lines of other files that begin as comments. The seed's own problem may always be repeated. Refused are:

- a passage of the reference, PASSAGE words in a row (or all of a shorter one of SHORTEST words), anywhere;
- the name of a function that the reference, where it is Python, calls or defines, said; plain words are none (`mean` is
  one, `solve_ivp` is not);
- a method listed in algorithms.txt that the reference, the tests or the info name, said in any spelling. Listed are
  methods on which the result does not depend; what defines a result (a named statistic, a hash) has to be said;
- a telling result, said: a literal to which a test compares something for equality or closeness. Telling is a fraction
  of three significant digits, an integer of four that is no year and no power of two, or 24 characters that mix letters
  and digits without a space or slash. 0, 1, 10, 0.05, 1440, 2024, field names, paths and counts by `len` are not, nor
  is what only a data file holds: results often stand among the inputs;
- a file named as an answer key, and an instruction that speaks of the tests.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from termforge.schemas import File
from termforge.synthesize.reply import MalformedReply, Reason, Sections
from termforge.synthesize.request import SeedProblem

PASSAGE = 12
SHORTEST = 6

_TESTS_MENTIONED = re.compile(r"/tests\b|\btest_outputs\b|\bpytest\b.{0,40}\bgrad|\bdef test_")
_ANSWER_KEY = re.compile(
    r"(?:reference_|sample_)?solutions?|answer_?keys?|(?:expected|correct)_(?:outputs?|results?|answers?|values?)"
)
_COMMENT = re.compile(r"^[ \t]*(?:#|//|--|/\*|<!--).*$", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w|\.\d)")
_NO_PLAIN_WORD = re.compile(r"[A-Za-z]\w*(?:_\w|[a-z][A-Z])\w*")
_EXPECTED_NAME = re.compile(r"expect|want|answer|correct|truth|golden", re.IGNORECASE)


def check_isolation(sections: Sections, files: tuple[File, ...], seed: SeedProblem | None) -> None:
    """Raises: MalformedReply."""
    problem, reference = (seed.problem, seed.reference) if seed else ("", "")
    if mention := _TESTS_MENTIONED.search(sections.instruction):
        raise MalformedReply(Reason.TESTS_MENTIONED, mention[0])
    if key := next((file.path for file in files if _ANSWER_KEY.fullmatch(_stem(file.path))), None):
        raise MalformedReply(Reason.ANSWER_KEY, key)
    seen = "\n".join([sections.instruction, *(file.content.decode() for file in files)])
    if passages := (_passages(reference) - _passages(problem)) & _passages(seen, _passage_length(reference)):
        raise MalformedReply(Reason.REFERENCE_LEAKED, " ".join(min(passages)))
    said = "\n".join([sections.instruction, *(_said(file) for file in files)])
    if names := (_function_names(reference) - _identifiers(problem)) & _identifiers(said):
        raise MalformedReply(Reason.REFERENCE_LEAKED, min(names))
    solution = "\n".join([reference, sections.tests, sections.info])
    if methods := (_methods(said) & _methods(solution)) - _methods(problem):
        raise MalformedReply(Reason.METHOD_NAMED, min(methods))
    if told := (results(sections.tests) - _values(problem)) & _values(said):
        raise MalformedReply(Reason.RESULT_TOLD, ", ".join(sorted(map(str, told)))[:200])


def _stem(path: str) -> str:
    return path.rpartition("/")[2].split(".")[0].lower().replace("-", "_")


def _said(file: File) -> str:
    text = file.content.decode()
    whole = file.path.endswith((".md", ".rst")) or _stem(file.path) == "readme"
    return text if whole else "\n".join(_COMMENT.findall(text))


def _passage_length(reference: str) -> int:
    return max(SHORTEST, min(PASSAGE, len(_words(reference))))


def _passages(text: str, length: int = 0) -> set[tuple[str, ...]]:
    words = _words(text)
    length = length or _passage_length(text)
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _identifiers(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _function_names(reference: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(reference)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # told in words
    names = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names |= {function.attr for function in called if isinstance(function, ast.Attribute)}
    names |= {function.id for function in called if isinstance(function, ast.Name)}
    return {name for name in names if _NO_PLAIN_WORD.fullmatch(name)}


def _methods(text: str) -> set[str]:
    lowered = text.lower()
    return {name for name, pattern in _algorithms().items() if pattern.search(lowered)}


@cache
def _algorithms() -> dict[str, re.Pattern[str]]:
    names = resources.files("termforge").joinpath("synthesize", "algorithms.txt").read_text().split("\n")
    return {
        name: re.compile(r"(?<![a-z0-9])" + r"[\W_]{0,2}".join(name.split()) + r"(?![a-z0-9])")
        for name in filter(None, names)
    }


def results(tests: str) -> set[str | float]:
    """The telling ones among what the tests compare with; numbers without their sign."""
    tree = ast.parse(tests)
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(node.value)
    expected = [side for node in ast.walk(tree) for side in _compared(node)]
    names = {side.id for side in map(_bare, expected) if isinstance(side, ast.Name)}
    names |= {name for name in assigned if _EXPECTED_NAME.search(name)}
    sides = expected + [value for name in sorted(names) for value in assigned.get(name, [])]
    return {_unsigned(value) for side in sides for value in _literals(side) if _is_telling(value)}


def _compared(node: ast.AST) -> Iterator[ast.expr]:
    """The sides of an equality or of a difference, unless one counts elements; arguments of closeness functions."""
    if isinstance(node, ast.Compare) and all(isinstance(operator, ast.Eq | ast.In) for operator in node.ops):
        sides = [node.left, *node.comparators]
        yield from () if any(_calls(side) == "len" for side in sides) else sides
    elif isinstance(node, ast.Call) and _calls(node) in ("approx", "isclose", "allclose", "assert_allclose"):
        yield from node.args[:2]
    elif isinstance(node, ast.Call) and _calls(node) == "abs":
        for argument in node.args:
            if isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Sub):
                yield from (argument.left, argument.right)


def _calls(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def _bare(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _literals(node: ast.expr) -> Iterator[str | int | float]:
    """Of a constant that stands alone, or of all constants in a container that stands alone."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        yield node.value
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for element in node.elts:
            yield from _literals(element)
    elif isinstance(node, ast.Dict):
        for element in node.values:
            yield from _literals(element)


def _is_telling(value: str | float) -> bool:
    if isinstance(value, str):
        return len(value) >= 24 and bool(re.search(r"\d", value) and re.search(r"[A-Za-z]", value)) and _is_token(value)
    number = abs(value)
    if number != number or number in (float("inf"), 0):
        return False
    digits = f"{number:.15g}".split("e")[0].replace(".", "").strip("0")
    if number != int(number):
        return len(digits) >= 3
    return len(digits) >= 4 and not 1900 <= number <= 2100 and int(number).bit_count() > 1


def _is_token(value: str) -> bool:
    return not re.search(r"[\s/]", value)


def _unsigned(value: str | float) -> str | float:
    return value if isinstance(value, str) else abs(float(value))


def _values(text: str) -> set[str | float]:
    numbers: set[str | float] = {float(number.replace(",", "")) for number in _NUMBER.findall(text)}
    return numbers | {token.rstrip(".:!?") for token in re.findall(r"[^\s/\"'`<>()\[\],;]{24,}", text)}
