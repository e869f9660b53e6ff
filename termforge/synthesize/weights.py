"""What each test counts: lines, bullets or a JSON object, with comments or without.

Numbers are positive and at most 100; every test function has one, and nothing else has.
"""

import re

from termforge.synthesize.reply import MalformedReply, Reason

_ENTRY = re.compile(r"""(?:[-*+][ \t]+)?(["'`]?)([A-Za-z_]\w*)\1[ \t]*:[ \t]*(\d+(?:\.\d+)?)""")
_COMMENT = re.compile(r"#.*")


def weights_in(section: str, tests: tuple[str, ...]) -> dict[str, float]:
    """A weight for each of the test functions, in their order.

    Raises: MalformedReply.
    """
    weights: dict[str, float] = {}
    for entry in _entries(section):
        match = _ENTRY.fullmatch(entry)
        if match is None or not 0 < float(match[3]) <= 100 or match[2] in weights:
            raise MalformedReply(Reason.BAD_WEIGHTS, entry[:100])
        weights[match[2]] = float(match[3])
    if unknown := sorted(weights.keys() - set(tests)):
        raise MalformedReply(Reason.UNKNOWN_TEST, ", ".join(unknown))
    if unweighted := sorted(set(tests) - weights.keys()):
        raise MalformedReply(Reason.UNWEIGHTED_TEST, ", ".join(unweighted))
    return {test: weights[test] for test in tests}


def _entries(section: str) -> list[str]:
    bare = _COMMENT.sub("", section).strip().removeprefix("{").removesuffix("}")
    return [entry.strip() for entry in re.split(r"[,\n]", bare) if entry.strip()]
