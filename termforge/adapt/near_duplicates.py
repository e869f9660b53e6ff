"""Prompts that say almost the same: MinHash signatures, compared where one of their bands is equal (LSH).

Two texts are near-duplicates when the Jaccard similarity of their three-word shingles, as 128 hashes estimate it
(standard error at most 0.045), reaches a threshold. The first of them is kept. Memory: about 1 KB for each text kept.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

HASHES = 128
BANDS = 32
"""Of four hashes each: texts alike by 0.8 share a band with a probability above 0.9999, by 0.3 with one of 0.23."""
SHINGLE = 3
BATCH = 256
WORD = re.compile(r"\w+")
FACTORS = np.random.Generator(np.random.PCG64(0)).integers(1, 2**63, size=(HASHES, 1), dtype=np.uint64) | np.uint64(1)

Whole = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint32]


class NearDuplicates:
    """Tells of texts, in order, whether one before was almost the same."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._buckets: list[dict[bytes, int]] = [{} for _ in range(BANDS)]
        self._kept = np.empty((1024, HASHES), dtype=np.uint32)
        self._count = 0
        self._words: dict[str, int] = {}

    def repeated(self, texts: Iterable[str]) -> Iterator[int | None]:
        """For each text the number, from 0, of the kept one that it nearly repeats; texts are taken a batch ahead."""
        for batch in _batches(texts):
            for signature in self.signatures(batch):
                yield self._repeats(signature)

    def signatures(self, texts: Sequence[str]) -> Signatures:
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
        for word in words:
            if word not in known:
                known[word] = crc32(word.encode("utf-8", "surrogatepass")) * 0x9E3779B97F4A7C15 % 2**64
        hashed = np.array([known[word] for word in words] or [0], dtype=np.uint64)
        if len(hashed) < SHINGLE:
            hashed = np.concatenate([hashed, np.zeros(SHINGLE - len(hashed), dtype=np.uint64)])
        runs = hashed[:-2] * np.uint64(3) ^ hashed[1:-1] * np.uint64(5) ^ hashed[2:] * np.uint64(7)
        mixed: Whole = (runs ^ (runs >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return mixed

    def _repeats(self, signature: npt.NDArray[np.uint32]) -> int | None:
        bands = [band.tobytes() for band in signature.reshape(BANDS, -1)]
        near = {bucket[band] for bucket, band in zip(self._buckets, bands, strict=True) if band in bucket}
        if near:
            candidates = sorted(near)
            alike = (self._kept[candidates] == signature).mean(axis=1)
            if alike.max() >= self._threshold:
                return candidates[int(alike.argmax())]
        for bucket, band in zip(self._buckets, bands, strict=True):
            bucket.setdefault(band, self._count)
        self._keep(signature)
        return None

    def _keep(self, signature: npt.NDArray[np.uint32]) -> None:
        if self._count == len(self._kept):
            self._kept = np.concatenate([self._kept, np.empty_like(self._kept)])
        self._kept[self._count] = signature
        self._count += 1


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
