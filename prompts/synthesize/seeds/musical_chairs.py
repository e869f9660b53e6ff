"""file-operations, libraries

A library renames its scans by a table of old and new names. Some names go round in circles, some new names are held
by files that are themselves renamed later, and some by files that stay: those rows must be refused, and so must
everything that would then find its place taken. Plan the renames, one at a time, so that nothing is ever overwritten,
with as few temporary names as can be, and list the refused rows.
"""


def plan(names: set[str], table: dict[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(old, new) in order, with temporary names `.tmpN`; and the old names of refused rows."""
    moves = {old: new for old, new in table.items() if old in names and old != new}
    refused = set(table) - names
    wanted = list(moves.values())
    refused |= {old for old, new in moves.items() if wanted.count(new) > 1}
    while blocked := {old for old in moves if old not in refused and _taken(moves[old], names, moves, refused)}:
        refused |= blocked
    left = {old: new for old, new in moves.items() if old not in refused}
    steps: list[tuple[str, str]] = []
    circles = 0
    while left:
        ready = sorted(old for old, new in left.items() if new not in left)
        if ready:
            steps.append((ready[0], left.pop(ready[0])))
            continue
        old, temporary, circles = min(left), f".tmp{circles}", circles + 1
        steps.append((old, temporary))
        left[temporary] = left.pop(old)
    return steps, sorted(refused)


def _taken(new: str, names: set[str], moves: dict[str, str], refused: set[str]) -> bool:
    return new in names and (new not in moves or new in refused)
