"""Do two written answers say the same? Strict: a doubtful answer is a wrong one.

Standard library only: the text of this file goes into the tests of every adapted task with a checkable answer.
An answer is one number (integer, decimal, fraction, mixed number; LaTeX or plain; thousands separators), with a
currency sign, a percent sign or one unit word, or else up to four plain words or a ratio such as 3:2. Anything more,
such as a sentence, an equation or a list of candidates, says nothing.
"""

import re
from fractions import Fraction

LONGEST = 1000
CURRENCIES = "$€£"
SIGN = r"(?P<sign>[-+]?)"
DECIMAL = r"(?P<decimal>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?P<power>[eE][-+]?[0-9]{1,2})?"
FRACTION = r"(?:(?P<whole>[0-9]+) )?(?P<top>[0-9]+) ?/ ?(?P<bottom>[0-9]+)"
LATEX = r"(?P<latex_whole>[0-9]+)? ?\\frac\{(?P<latex_top>-?[0-9]+)\}\{(?P<latex_bottom>[0-9]+)\}"
UNIT = r"(?P<unit> ?%| ?[$€£]| [A-Za-z]{1,20})?"
NUMBER = re.compile(rf"(?P<currency>[$€£] ?)?{SIGN}(?P<currency_after>[$€£])?(?:{LATEX}|{FRACTION}|{DECIMAL}){UNIT}")
WORDS = re.compile(r"[A-Za-z]{1,30}(?:[ -][A-Za-z]{1,30}){0,3}|[0-9]+(?::[0-9]+)+")
WRAPPED = re.compile(
    r"\${1,2}(?P<a>[^$]+)\${1,2}|\\\((?P<b>.+)\\\)|\\\[(?P<c>.+)\\\]"
    r"|\\(?:boxed|text|textbf|mathrm|mathbf)\{(?P<d>.+)\}|\((?P<e>[A-Za-z])\)"
)
SPELLINGS = {
    "−": "-",
    "\\left": "",
    "\\right": "",
    "\\!": "",
    "{,}": ",",
    "\\,": " ",
    "\\ ": " ",
    "\\$": "$",
    "\\%": "%",
    "\\dfrac": "\\frac",
    "\\tfrac": "\\frac",
}


def same(expected: str, given: str) -> bool:
    """Whether both are answers and agree; fractions and decimals are compared exactly, words without case."""
    one, other = read(expected), read(given)
    if one is None or other is None or one[0] != other[0]:
        return False
    value, units = one[0], {one[1], other[1]}
    if len(units) == 1:
        return True
    if "%" in units and not isinstance(value, str):
        # Up to 1, a share and a percentage may both be meant; above it the sign only names the unit.
        return units == {"", "%"} and (value == 0 or abs(value) > 1)
    return "" in units and units <= {"", *CURRENCIES}


def read(text: str) -> tuple[Fraction | str, str] | None:
    """(value, unit) of an answer, the value a Fraction or words in small letters; None for what is not an answer."""
    if len(text) > LONGEST:
        return None
    text = bare(text)
    if found := NUMBER.fullmatch(text):
        return number(found)
    return (" ".join(text.lower().split()), "") if WORDS.fullmatch(text) else None


def bare(text: str) -> str:
    """Without the dressing around an answer: spaces, one full stop, math delimiters, LaTeX spacing."""
    if not text.isalnum():
        for spelling, plain in SPELLINGS.items():
            text = text.replace(spelling, plain)
    before = None
    while text != before:
        before, text = text, text.strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        if found := WRAPPED.fullmatch(text):
            text = next(inside for inside in found.groups() if inside)
    return re.sub(r" ?\\text\{ ?([A-Za-z]+) ?\}$", r" \1", text)


def number(found: re.Match[str]) -> tuple[Fraction, str] | None:
    signs = [found[name].strip() for name in ("currency", "currency_after", "unit") if found[name]]
    if len(signs) > 1:
        return None
    bottom = int(found["latex_bottom"] or found["bottom"] or 1)
    if bottom == 0:
        return None
    if found["decimal"]:
        value = Fraction(found["decimal"].replace(",", "").rstrip(".") + (found["power"] or ""))
    else:
        whole = int(found["latex_whole"] or found["whole"] or 0)
        value = whole + Fraction(int(found["latex_top"] or found["top"]), bottom)
    return (-value if found["sign"] == "-" else value), "".join(signs).lower()
