"""Do two written answers say the same? Strict: a doubtful answer is a wrong one.

Standard library only: the text of this file goes into the tests of every adapted task with a checkable answer.
An answer is one number (integer, decimal, fraction, mixed number, power; LaTeX or plain; thousands separators), with a
currency sign, a percent or degree sign or one unit word, or else up to four plain words or a ratio such as 3:2. `x =`,
`Answer:` and `####` may stand before it. Anything more, such as a sentence or a list of candidates, says nothing.
"""

import re
import unicodedata
from fractions import Fraction

LONGEST = 1000
CURRENCIES = "$€£"
SIGN = r"(?P<sign>[-+]?)"
DECIMAL = r"(?P<decimal>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?P<power>[eE][-+]?[0-9]{1,2})?"
FRACTION = r"(?:(?P<whole>[0-9]+) )?(?P<top>[0-9]+) ?/ ?(?P<bottom>[0-9]+)"
LATEX = r"(?P<latex_whole>[0-9]+)? ?\\frac\{(?P<latex_top>-?[0-9]+)\}\{(?P<latex_bottom>-?[0-9]+)\}"
POWER = r"(?P<base>[0-9]{1,4})\^(?:(?P<exponent>[0-9])|\{(?P<exponent_in_braces>[0-9]{1,2})\})"
UNIT = r"(?P<unit> ?[%°$€£]| ?[A-Za-z]{1,20})?"
NUMBER = re.compile(
    rf"(?P<currency>[$€£] ?)?{SIGN}(?P<currency_after>[$€£])?(?:{LATEX}|{FRACTION}|{POWER}|{DECIMAL}){UNIT}"
)
WORDS = re.compile(r"[A-Za-z]{1,30}(?:[ -][A-Za-z]{1,30}){0,3}|[0-9]+(?: ?: ?[0-9]+)+")
WRAPPED = re.compile(
    r"\${1,2}(?P<a>[^$]+)\${1,2}|\\\((?P<b>.+)\\\)|\\\[(?P<c>.+)\\\]"
    r"|\\(?:boxed|text|textbf|mathrm|mathbf)\{(?P<d>.+)\}|\(?(?P<e>[A-Za-z])\)|\*\*(?P<f>[^*]+)\*\*"
    r"|(?:[A-Za-z] ?=|(?:Final )?[Aa]nswer:|####)\s(?P<g>.+)|(?:[Oo]ption|[Cc]hoice) (?P<h>[A-Za-z])"
)
SIMPLE_FRACTION = re.compile(r"\\frac ?([0-9])([0-9])(?![0-9])")
VULGAR_FRACTION = re.compile(r"([0-9]?) ?([¼-¾⅐-⅞])")
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
    "^\\circ": "°",
    "^{\\circ}": "°",
}
SIGNS = {"dollar": "$", "euro": "€", "percent": "%", "degree": "°"}


def same(expected: str, given: str, asked: tuple[str, ...] = ()) -> bool:
    """Whether both are answers and agree; fractions and decimals are compared exactly, words without case.

    `asked` are units that the question names: where the expected answer has none, one of them may be given.
    """
    one, other = read(expected), read(given)
    if one is None or other is None or one[0] != other[0]:
        return False
    value, wanted, unit = one[0], one[1], other[1]
    if same_unit(wanted, unit):
        return True
    if wanted and unit:
        return False
    if "%" in (wanted, unit) and not isinstance(value, str) and 0 < abs(value) <= 1:
        return False  # a share and a percentage may both be meant; of larger values the sign only names the unit
    if wanted:
        return wanted in ("%", "°", *CURRENCIES)
    return unit in CURRENCIES or any(same_unit(unit, name) for name in asked)


def same_unit(one: str, other: str) -> bool:
    """Short ones with their case, as in MW and mW; words in singular or plural."""
    one, other = sorted((unit if len(unit) <= 3 else unit.lower() for unit in (one, other)), key=len)
    return one == other or (len(one) > 2 and other in (f"{one}s", f"{one}es"))


def read(text: str) -> tuple[Fraction | str, str] | None:
    """(value, unit) of an answer, the value a Fraction or words in small letters; None for what is not an answer."""
    if len(text) > LONGEST:
        return None
    text = bare(text)
    if found := NUMBER.fullmatch(text):
        return number(found)
    return (" ".join(text.lower().replace(":", " : ").split()), "") if WORDS.fullmatch(text) else None


def bare(text: str) -> str:
    """Without the dressing around an answer: spaces, one full stop, math delimiters, LaTeX spacing."""
    if not text.isalnum() or not text.isascii():
        for spelling, plain in SPELLINGS.items():
            text = text.replace(spelling, plain)
        text = SIMPLE_FRACTION.sub(r"\\frac{\1}{\2}", text)
        text = VULGAR_FRACTION.sub(_in_digits, text)
    before = None
    while text != before:
        before, text = text, text.strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        if found := WRAPPED.fullmatch(text):
            text = next(inside for inside in found.groups() if inside)
    return re.sub(r" ?\\text\{ ?([A-Za-z]+) ?\}$", r" \1", text)


def _in_digits(found: re.Match[str]) -> str:
    fraction = unicodedata.normalize("NFKC", found[2]).replace("⁄", "/")
    return f"{found[1]} {fraction}" if found[1] else fraction


def number(found: re.Match[str]) -> tuple[Fraction, str] | None:
    signs = [found[name].strip() for name in ("currency", "currency_after", "unit") if found[name]]
    units = {SIGNS.get(sign.lower().removesuffix("s"), sign) for sign in signs}
    bottom = int(found["latex_bottom"] or found["bottom"] or 1)
    if bottom == 0 or len(units) > 1 or len(signs) > 2:
        return None
    if found["decimal"]:
        value = Fraction(found["decimal"].replace(",", "").rstrip(".") + (found["power"] or ""))
    elif found["base"]:
        value = Fraction(int(found["base"]) ** int(found["exponent"] or found["exponent_in_braces"]))
    else:
        whole = int(found["latex_whole"] or found["whole"] or 0)
        value = whole + Fraction(int(found["latex_top"] or found["top"]), bottom)
    return (-value if found["sign"] == "-" else value), "".join(units)
