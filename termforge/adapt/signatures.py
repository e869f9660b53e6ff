"""The MinHash signatures that are kept, found again by any of their bands.

An open-addressing table in one flat array holds, for each band, where it stood first; its key stands in the signatures
themselves. Dictionaries of the same would take five times the memory.
"""

import numpy as np
import numpy.typing as npt

HASHES = 128
BANDS = 32
"""Of four hashes each: texts alike by 0.8 share a band with a probability above 0.9999, by 0.3 with one of 0.23."""
WIDTH = HASHES // BANDS
NONE = -1
FULLEST = 0.6
AT_ONCE = 2**16
FACTORS = np.random.Generator(np.random.PCG64(1)).integers(1, 2**63, size=WIDTH, dtype=np.uint64) | np.uint64(1)

Hashes = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]


class KeptSignatures:
    """Signatures in the order in which they were added; their bands are numbered through, 32 a signature."""

    def __init__(self) -> None:
        self._bands = np.empty((1024 * BANDS, WIDTH), dtype=np.uint32)
        self._added = self._indexed = 0
        self._table = np.full(2**16, NONE, dtype=np.int32)
        self._used = 0

    @property
    def all(self) -> Hashes:
        return self._bands[: self._added].reshape(-1, HASHES)

    def firsts(self, signatures: Hashes) -> Numbers:
        """For each band of each signature the number of the first indexed one that has it, or NONE."""
        bands = signatures.reshape(-1, WIDTH)
        found = self._table[self._slots(bands)].reshape(-1, BANDS).astype(np.int64)
        return np.where(found == NONE, NONE, found // BANDS)

    def add(self, signature: Hashes) -> int:
        """Its number; by its bands it is found after the next `index`."""
        if self._added == len(self._bands):
            self._bands = np.concatenate([self._bands, np.empty_like(self._bands)])
        self._bands[self._added : self._added + BANDS] = signature.reshape(BANDS, WIDTH)
        self._added += BANDS
        return self._added // BANDS - 1

    def index(self) -> None:
        new = np.arange(self._indexed, self._added, dtype=np.int32)
        while self._used + len(new) > FULLEST * len(self._table):
            standing = self._table[self._table != NONE]
            self._table, self._used = np.full(2 * len(self._table), NONE, dtype=np.int32), 0
            for start in range(0, len(standing), AT_ONCE):
                self._insert(standing[start : start + AT_ONCE])
        self._insert(new)
        self._indexed = self._added

    def _insert(self, numbers: npt.NDArray[np.int32]) -> None:
        """A band of which an equal one is there stays out; of several that want one slot, one gets it."""
        while len(numbers):
            slots = self._slots(self._bands[numbers])
            free = self._table[slots] == NONE
            slots, numbers = slots[free], numbers[free]
            self._table[slots[::-1]] = numbers[::-1]
            late = self._table[slots] != numbers
            self._used += len(numbers) - int(late.sum())
            numbers = numbers[late]

    def _slots(self, bands: Hashes) -> Numbers:
        """For each band the slot of an equal one, or the free one at which the search for it ends."""
        last = len(self._table) - 1
        slots: Numbers = ((bands * FACTORS).sum(axis=1) >> np.uint64(32)).astype(np.int64) & last
        seeking = np.arange(len(bands))
        while len(seeking):
            standing = self._table[slots[seeking]]
            others = (standing != NONE) & (self._bands[standing] != bands[seeking]).any(axis=1)
            seeking = seeking[others]
            slots[seeking] = (slots[seeking] + 1) & last
        return slots
