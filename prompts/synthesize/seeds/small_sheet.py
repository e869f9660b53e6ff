"""software-engineering, spreadsheets

Write the heart of a spreadsheet for the terminal: cells hold numbers or formulas with the four operations, references
and sums over ranges. Changing a cell recalculates what depends on it and nothing else, and tells how many cells that
were; a circle of references shows as an error in every cell of the circle and in all that build on it, and disappears
when the circle is broken. Division by zero is an error that spreads as well.
"""

import ast
import operator
import re

ERROR = "error"
CELL = re.compile(r"([A-Z])(\d+)")
RANGE = re.compile(r"SUM\(([A-Z]\d+):([A-Z]\d+)\)")
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class Sheet:
    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self.values: dict[str, float | str] = {}

    def put(self, cell: str, text: str) -> int:
        """How many cells were calculated."""
        self._texts[cell] = text
        changed = self._depending({cell})
        for name in changed:
            self.values.pop(name, None)
        for name in sorted(changed):
            self._value(name, ())
        return len(changed)

    def _depending(self, cells: set[str]) -> set[str]:
        more = {name for name, text in self._texts.items() if cells & set(_references(text))}
        return cells if more <= cells else self._depending(cells | more)

    def _value(self, cell: str, above: tuple[str, ...]) -> float | str:
        if cell in above:
            return ERROR
        if cell not in self.values:
            value = self._calculated(self._texts.get(cell, "0"), (*above, cell))
            if above and value == ERROR:
                return value  # perhaps of the circle's making: each cell is judged from its own start
            self.values[cell] = value
        return self.values[cell]

    def _calculated(self, text: str, above: tuple[str, ...]) -> float | str:
        values = {name: self._value(name, above) for name in _references(text)}
        if ERROR in values.values():
            return ERROR
        plain = RANGE.sub(lambda match: "(" + "+".join(_between(*match.groups())) + ")", text.removeprefix("="))
        plain = CELL.sub(lambda match: f"({values[match[0]]!r})", plain)
        try:
            return _number(ast.parse(plain.strip(), mode="eval").body)
        except (SyntaxError, ZeroDivisionError):
            return ERROR


def _number(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](_number(node.left), _number(node.right))
    raise SyntaxError("not a formula")


def _references(text: str) -> list[str]:
    if not text.startswith("="):
        return []
    inside = [cell for match in RANGE.finditer(text) for cell in _between(*match.groups())]
    return inside + [match[0] for match in CELL.finditer(RANGE.sub("", text))]


def _between(first: str, last: str) -> list[str]:
    columns = range(ord(first[0]), ord(last[0]) + 1)
    return [f"{chr(column)}{row}" for column in columns for row in range(int(first[1:]), int(last[1:]) + 1)]
