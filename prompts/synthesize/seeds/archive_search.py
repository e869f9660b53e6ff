"""data-querying, information retrieval

An archive of letters is to be searched by words. Rank the letters for a query: a word counts the more the fewer
letters contain it and the oftener it occurs in this one, with diminishing returns, and long letters are held to be
wordy. Use the usual weighting with k = 1.2 and b = 0.75 and the smoothed logarithm that never becomes negative. A
word in quotes must occur; a word after a minus must not. Equal scores are ordered by the letter's number.
"""

import re
from collections import Counter
from math import log

K, B = 1.2, 0.75


def ranked(letters: dict[int, str], query: str) -> list[tuple[int, float]]:
    """(letter, score) of every letter with a positive score, best first."""
    words = {number: Counter(re.findall(r"\w+", text.lower())) for number, text in letters.items()}
    average = sum(map(Counter.total, words.values())) / len(words)
    musts, nots = set(re.findall(r'"(\w+)"', query.lower())), set(re.findall(r"-(\w+)", query.lower()))
    wanted = set(re.findall(r"\w+", query.lower())) - nots
    scores = {}
    for number, counts in words.items():
        if musts <= counts.keys() and not nots & counts.keys():
            scores[number] = sum(_weight(word, counts, list(words.values()), average) for word in wanted)
    return sorted(((n, score) for n, score in scores.items() if score > 0), key=lambda pair: (-pair[1], pair[0]))


def _weight(word: str, counts: Counter[str], everything: list[Counter[str]], average: float) -> float:
    holding = sum(word in other for other in everything)
    rarity = log(1 + (len(everything) - holding + 0.5) / (holding + 0.5))
    length = 1 - B + B * counts.total() / average
    return rarity * counts[word] * (K + 1) / (counts[word] + K * length)
