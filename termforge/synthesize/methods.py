"""Methods whose names would tell the agent how a task is done.

Listed in methods.txt are methods of which the result shows no trace, in parametric_methods.txt those that define the
result once their parameters are said: "200 steps of gradient descent" has to be said, "use gradient descent" must not.
The latter count only as a means, since a result may be one: "report the edit distance".
What always defines a result (a named statistic, a hash, a traversal's order) is in neither.
"""

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from termforge.synthesize.prose import sentences

_MEANS = re.compile(
    r"\b(?:appl(?:y|ied|ies|ying)|by|employ\w*|implement\w*|through|us(?:e|ed|es|ing)|via|with)\s+(?:[\w'-]+\s+){0,2}\W*$"
)
_REACH = 80
"""How far before a name, in characters, a word of means is looked for."""
_PARAMETER = re.compile(
    r"\b(?:at most|clusters?|dt|epochs?|equal to|fewer than|grid|iterations?)\b"
    r"|\b(?:more than|rounds?|spacing|steps?|up to|within)\b"
    r"|\b[hkn]\s*="
    r"|^\W*(?:of |is )?(?:\d|one|two|three)\b"
)


class _Method(NamedTuple):
    pattern: re.Pattern[str]
    parametric: bool


def given_away(said: str, solution: str) -> set[str]:
    """Methods named in `said`, in any spelling: as a means, or where the solution names them as well."""
    known = named(solution)
    lowered = [sentence.lower() for sentence in sentences(said)]
    return {
        name
        for name in named(said)
        if any(_gives_away(sentence, _methods()[name], name in known) for sentence in lowered)
    }


def named(text: str) -> set[str]:
    lowered = " ".join(text.lower().split())
    return {
        name
        for name, method in _methods().items()
        if name.split()[0] in lowered and method.pattern.search(lowered)  # the first is cheap, and nearly always false
    }


def _gives_away(sentence: str, method: _Method, known: bool) -> bool:
    match = method.pattern.search(sentence)
    if match is None:
        return False
    before, after = sentence[: match.start()], sentence[match.end() :]
    means = bool(_MEANS.search(before[-_REACH:]))
    if method.parametric:
        return means and not _PARAMETER.search(before) and not _PARAMETER.search(after)
    return means or known


@cache
def _methods() -> dict[str, _Method]:
    lists = {"methods.txt": False, "parametric_methods.txt": True}
    return {
        name: _Method(_pattern(name), parametric)
        for file, parametric in lists.items()
        for name in resources.files("termforge").joinpath("synthesize", file).read_text().split("\n")
        if name
    }


def _pattern(name: str) -> re.Pattern[str]:
    """Its words, joined or not, each perhaps a plural or with 's; short names have none (`tries` is a verb)."""
    ending = r"(?:['’]?e?s)?" if len(name) > 4 else ""
    words = r"[\W_]{0,2}".join(re.escape(word) + ending for word in name.split())
    return re.compile(rf"(?<![a-z0-9]){words}(?![a-z0-9])")
