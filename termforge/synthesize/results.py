"""Results that the tests hold, and the sentences that tell a result.

A result is a telling literal that a test compares for equality or closeness, itself, through a name, a loop or a
function of its own. Telling is a fraction of three significant digits, an integer of four that is no year and no power
of two, or 24 characters that mix letters and digits and are no identifier, file name, date or UUID. 0, 1, 10, 0.05,
1440, 2024 and counts by `len` are not.

The same values are often given to the agent (a port, a rate to be echoed, an id), and must be. So what counts is the
sentence: "the total is 98,765", "you should get 17.25", "expect ...", and not "listens on port 8443" or "at a rate of
0.0725". Numbers are Decimals, which hold any literal exactly.
"""

import ast
import re
from collections.abc import Iterator
from decimal import Decimal

from termforge.python_source import called
from termforge.synthesize.prose import sentences

Value = Decimal | str
"""A number without its sign, or a token."""

SHORTEST_TOKEN = 24
_LARGEST = Decimal(10) ** 100
"""No instruction tells a larger one, and some cannot even be printed."""

_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
_NUMBER = re.compile(rf"(?<![\w.]){_PLAIN}(?!\w|\.\d)")
_NUMBER_AS_TEXT = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?")
_TOKEN = re.compile(rf"[^\s/\"'`<>()\[\],;]{{{SHORTEST_TOKEN},}}")
_IDENTIFIER = re.compile(r"[\w.:+-]*[_.:-][\w.:+-]*")
_EXPECTED_NAME = re.compile(r"expect|want|answer|correct|truth|golden", re.IGNORECASE)
_CLOSE = {"approx", "isclose", "allclose", "assert_allclose"}

_QUANTITY = r"(?:answer|average|correct|expected|figure|it|mean|median|output|result|solution|sum|total|value)"
_OF_WHAT = r"(?:\s+(?:of|for|over|in|from|across|after)(?:\s+[\w`'/-]+){1,6}?)?"
_FILLER = (
    r"(?:[\s:=`'\"*(\[$€£+~-]|\b(?:a|about|again|an|approximately|around|equal to|exactly|roughly|the|total of)\b)*"
)
_CUES = (
    rf"\b{_QUANTITY}s?\b{_OF_WHAT}(?:\s+(?:is|are|was|(?:will|should|must|shall) be)\b|[`'\"]?\s*[:=])",
    r"\b(?:should|must|will|shall)\s+(?:equal|total|yield|come (?:out )?(?:to|at)|(?:add|sum) up to)\b",
    r"\b(?:i|one|we|you)(?:'ll|\s+(?:must|ought to|should|will|would))\s+(?:\w+\s+)?(?:find|get|have|obtain|see)\b",
    r"\bexpect(?:s|ed|ing)?\b",
    r"\b(?:adds? up|amounts?|comes?(?: out)?|sums? up|works? out)\s+(?:at|to)\b",
)
_TELLS = re.compile(
    rf"(?:{'|'.join(_CUES)}){_FILLER}(?=\d|\S{{{SHORTEST_TOKEN}}})"
    r"|(?<![\w.,])\d[\d.,]{0,40}\s+(?:is|are|was|would be)\s+(?:the\s+)?(?:answer|correct|expected|result|right)\b",
    re.IGNORECASE,
)


def told(said: str) -> set[Value]:
    """All values of the sentences that tell a result."""
    telling = [sentence for sentence in sentences(said) if _TELLS.search(sentence)]
    return {value for sentence in telling for value in values(sentence)}


def values(text: str) -> set[Value]:
    numbers: set[Value] = {Decimal(number.replace(",", "")) for number in _NUMBER.findall(text)}
    return numbers | {token.rstrip(".:!?") for token in _TOKEN.findall(text)}


def results(tree: ast.Module) -> set[Value]:
    """The telling ones among what the tests compare with."""
    helpers = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    sides = [side for node in ast.walk(tree) for side in _compared(node, helpers)]
    assigned = _assigned(tree)
    names = {name for side in sides for name in _names(side)}
    names |= {name for name in assigned if _EXPECTED_NAME.search(name)} - _counted(tree)
    for name in _reached(names, assigned):
        sides += assigned[name]
    return {value for side in sides for value in _literals(side) if _is_telling(value)}


def _compared(node: ast.AST, helpers: set[str]) -> Iterator[ast.expr]:
    """The sides of an equality or of a difference, unless one counts elements; what closeness and helpers are given."""
    match node:
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            if all(isinstance(operator, ast.Eq | ast.In) for operator in operators) and not _counts(sides):
                yield from sides
        case ast.Call(args=arguments) if called(node) in _CLOSE:
            yield from arguments[:2]
        case ast.Call(args=[ast.BinOp(left=left, op=ast.Sub(), right=right)]) if called(node) == "abs":
            yield from (left, right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in helpers:
            yield from (*arguments, *(keyword.value for keyword in keywords))


def _counts(sides: list[ast.expr]) -> bool:
    return any(isinstance(side, ast.Call) and called(side) == "len" for side in sides)


def _counted(tree: ast.Module) -> set[str]:
    """Names that stand beside a `len`."""
    compares = [[node.left, *node.comparators] for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    return {name for sides in compares if _counts(sides) for side in sides for name in _names(side)}


def _assigned(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """What each name is set to; a loop's names are set to all that the loop goes over."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                pairs = [(target, value)]
            case _:
                continue
        for target, value in pairs:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    assigned.setdefault(name.id, []).append(value)
    return assigned


def _names(node: ast.expr) -> Iterator[str]:
    """Of what stands alone, is looked into or gone over: `WANT`, `WANT["rows"]`, `WANT.items()`, `zip(got, WANT)`."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        if isinstance(node, ast.Call):
            yield from (argument.id for argument in node.args if isinstance(argument, ast.Name))
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _reached(names: set[str], assigned: dict[str, list[ast.expr]]) -> list[str]:
    """Those of the names that are set to something, and the names that they are set to, sorted."""
    found: set[str] = set()
    while names := {name for name in names if name in assigned} - found:
        found |= names
        names = {further for name in names for value in assigned[name] for further in _names(value)}
    return sorted(found)


def _literals(node: ast.expr) -> Iterator[Value]:
    """Of a constant that stands alone, of all in a container, and of what a call such as Decimal or round is given."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    match node:
        case ast.Constant(value=str(text)):
            yield Decimal(text).copy_abs() if _NUMBER_AS_TEXT.fullmatch(text) else text
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            yield Decimal(number if isinstance(number, int) else repr(number)).copy_abs()
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements) | ast.Dict(values=elements):
            for element in elements:
                yield from _literals(element)
        case ast.Call(args=arguments) if called(node) in _CLOSE | {"Decimal", "float", "int", "round", "str"}:
            yield from (value for argument in arguments[:1] for value in _literals(argument))


def _is_telling(value: Value) -> bool:
    if isinstance(value, str):
        mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value) and not re.search(r"[\s/]", value)
        return len(value) >= SHORTEST_TOKEN and bool(mixed) and not _IDENTIFIER.fullmatch(value)
    if not value.is_finite() or value > _LARGEST:
        return False
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if value != value.to_integral_value():
        return len(digits) >= 3
    return len(digits) >= 4 and not 1900 <= value <= 2100 and int(value).bit_count() > 1
