"""data-processing, linguistics

Collectors of a dialect wrote down the same words in their own spellings. Two spellings count as variants of one word
when a single letter inserted, dropped or exchanged turns one into the other, and variants of variants belong together
too. Accents and capitals do not count as differences. Group the spellings; name each group by its most frequent
spelling (the first in the alphabet among equals), and give every group's number of mentions.
"""

import unicodedata
from collections import Counter


def plain(spelling: str) -> str:
    parts = unicodedata.normalize("NFD", spelling.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def near(one: str, other: str) -> bool:
    """At most one insertion, deletion or exchange apart."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), len(one))
    return one[start + (len(one) == len(other)) :] == other[start + 1 :]


def groups(mentions: list[str]) -> dict[str, int]:
    """Mentions by the name of the group."""
    counts = Counter(plain(spelling) for spelling in mentions)
    waiting, result = sorted(counts), {}
    while waiting:
        group, frontier = [], [waiting.pop(0)]
        while frontier:
            word = frontier.pop()
            group.append(word)
            joined = [other for other in waiting if near(word, other)]
            waiting = [other for other in waiting if other not in joined]
            frontier += joined
        result[min(group, key=lambda word: (-counts[word], word))] = sum(counts[word] for word in group)
    return result
