"""security, secret sharing

The number that opens a vault was split among seven trustees so that any three can find it: each holds the value of
one polynomial of degree two at their own place, modulo a known prime. One trustee's note was altered. From all seven
notes find the number, name the trustee whose note is wrong, and say what it should have been. With two altered notes
the number can still be found, with three it cannot: say so then.
"""

from itertools import combinations

NEEDED = 3

Note = tuple[int, int]
"""Place, value."""


def value_at(notes: tuple[Note, ...], place: int, prime: int) -> int:
    """Of the polynomial through the notes."""
    total = 0
    for x, y in notes:
        above = below = 1
        for other, _ in notes:
            if other != x:
                above, below = above * (place - other) % prime, below * (x - other) % prime
        total += y * above * pow(below, -1, prime)
    return total % prime


def open_vault(notes: list[Note], prime: int) -> tuple[int, dict[int, int]] | None:
    """The number, and by the place of each altered note what it should say; None where it cannot be told."""
    most_altered = (len(notes) - NEEDED) // 2
    for three in combinations(notes, NEEDED):
        wrong = {x: value_at(three, x, prime) for x, y in notes if value_at(three, x, prime) != y}
        if len(wrong) <= most_altered:
            return value_at(three, 0, prime), wrong
    return None
