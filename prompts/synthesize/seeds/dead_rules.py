"""security, network security

A packet filter has grown over the years. Each of its rules allows or denies ranges of source addresses and ports; the
first that matches decides. Tell for each rule whether it ever decides anything, and if not, whether earlier rules of
the same verdict already did its work (it is redundant) or some earlier rule contradicts it (it is masked). Rules can
be hidden by several others together, though by none alone.
"""

Rule = tuple[str, int, int, int, int]
"""`allow` or `deny`, first and last address, first and last port."""

Box = tuple[int, int, int, int]


def idle(rules: list[Rule]) -> dict[int, str]:
    """By the rule's number from 0: `redundant` or `masked`."""
    result = {}
    for number, (verdict, *box) in enumerate(rules):
        rest: list[Box] = [(box[0], box[1], box[2], box[3])]
        contradicted = False
        for other, *earlier in rules[:number]:
            cut = (earlier[0], earlier[1], earlier[2], earlier[3])
            contradicted |= other != verdict and any(_overlap(part, cut) for part in rest)
            rest = [piece for part in rest for piece in _without(part, cut)]
        if not rest:
            result[number] = "masked" if contradicted else "redundant"
    return result


def _overlap(a: Box, b: Box) -> bool:
    return a[0] <= b[1] and b[0] <= a[1] and a[2] <= b[3] and b[2] <= a[3]


def _without(part: Box, cut: Box) -> list[Box]:
    """What is left of a box, as up to four boxes."""
    if not _overlap(part, cut):
        return [part]
    left, right = max(part[0], cut[0]), min(part[1], cut[1])
    pieces = [
        (part[0], left - 1, part[2], part[3]),
        (right + 1, part[1], part[2], part[3]),
        (left, right, part[2], cut[2] - 1),
        (left, right, cut[3] + 1, part[3]),
    ]
    return [piece for piece in pieces if piece[0] <= piece[1] and piece[2] <= piece[3]]
