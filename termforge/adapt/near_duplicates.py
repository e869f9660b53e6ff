"""Prompts that say almost the same: MinHash signatures, compared where one of their bands is equal (LSH).

Two texts are near-duplicates when the Jaccard similarity of their three-word shingles, as 128 hashes estimate it
(standard error at most 0.045), reaches a threshold. The first of them is kept. A sign such as + is a word, since it may
be all that tells two problems apart; case and the marks of prose are none. Memory: about 1.3 KB for each text kept.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from termforge.adapt.signatures import BANDS, HASHES, NONE, WIDTH, Hashes, KeptSignatures

SHINGLE = 3
BATCH = 256
WORD = re.compile(r"\w+|[^\w\s.,;:?\"'’“”]")
KNOWN_WORDS = 100_000
FACTORS = np.random.Generator(np.random.PCG64(0)).integers(1, 2**63, size=(HASHES, 1), dtype=np.uint64) | np.uint64(1)

Whole = npt.NDArray[np.uint64]


class NearDuplicates:
    """Tells of texts, in order, whether one before was almost the same."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._kept = KeptSignatures()
        self._words: dict[str, int] = {}

    def repeated(self, texts: Iterable[str]) -> Iterator[int | None]:
        """For each text the number, from 0, of the kept one that it nearly repeats; texts are taken a batch ahead."""
        for batch in _batches(texts):
            yield from self._told(self.signatures(batch))

    def signatures(self, texts: Sequence[str]) -> Hashes:
        """One row of hashes a text."""
        shingles = [self._shingles(text) for text in texts]
        starts = np.cumsum([0, *(len(part) for part in shingles[:-1])])
        hashed = np.concatenate(shingles)
        least = np.empty((HASHES, len(texts)), dtype=np.uint32)
        for number, factor in enumerate(FACTORS):
            least[number] = np.minimum.reduceat(((hashed * factor) >> np.uint64(32)).astype(np.uint32), starts)
        return np.ascontiguousarray(least.T)

    def _shingles(self, text: str) -> Whole:
        """A hash for each run of three words, in small letters; a shorter text is one shingle."""
        known = self._words
        words = WORD.findall(text.lower())
        if len(known) > KNOWN_WORDS:
            known.clear()
        for word in words:
            if word not in known:
                known[word] = crc32(word.encode("utf-8", "surrogatepass")) * 0x9E3779B97F4A7C15 % 2**64
        hashed = np.array([known[word] for word in words] or [0], dtype=np.uint64)
        if len(hashed) < SHINGLE:
            hashed = np.concatenate([hashed, np.zeros(SHINGLE - len(hashed), dtype=np.uint64)])
        runs = hashed[:-2] * np.uint64(3) ^ hashed[1:-1] * np.uint64(5) ^ hashed[2:] * np.uint64(7)
        mixed: Whole = (runs ^ (runs >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return mixed

    def _told(self, signatures: Hashes) -> list[int | None]:
        """Bands are looked up for all at once, and then, one by one, among those that came in this batch."""
        told: list[int | None] = []
        fresh: dict[bytes, int] = {}
        for signature, first in zip(signatures, self._kept.firsts(signatures), strict=True):
            unseen = [band.tobytes() for band in signature.reshape(BANDS, WIDTH)[first == NONE]]
            near = {*first[first != NONE].tolist(), *(fresh[band] for band in unseen if band in fresh)}
            told.append(self._nearest(signature, sorted(near)) if near else None)
            if told[-1] is None:
                number = self._kept.add(signature)
                for band in unseen:
                    fresh.setdefault(band, number)
        self._kept.index()
        return told

    def _nearest(self, signature: Hashes, candidates: list[int]) -> int | None:
        alike = (self._kept.all[candidates] == signature).mean(axis=1)
        return candidates[int(alike.argmax())] if alike.max() >= self._threshold else None


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
