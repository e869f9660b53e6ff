"""How many trials may be live at once: as many as the machine bears, and at most what the user says.

A trial mostly waits for its model, so that many more may be live than there are cores; where the model answers at once,
a few a core are all that helps. Whoever wants a slot looks at the load: there is no thread for it.
"""

import time
from threading import Lock

from termforge.adaptive import Aimd, Gate
from termforge.load import Load
from termforge.once import once

PERIOD_S = 1.0
"""Between two looks at the load, at least."""
LEAST_A_CORE, START_A_CORE = 2, 4
"""Trials. Of those that never wait for a model, two a core reach 80% of what a machine can do, four 95%; two a core
stay allowed whatever else the machine is busy with."""
START_AT_MOST = 32
CALM, STRAINED = 0.75, 0.95
"""Below the one strain the limit is raised, from the other it is cut."""
KEEP = 0.8


class Slots:
    """Shared by everything whose trials are to be bounded together."""

    def __init__(self, most: int, load: Load | None = None) -> None:
        self.most = most
        self._load = load or Load()
        self._looking = Lock()
        self._looked = time.monotonic()
        cores = self._load.cores
        start, least = min(START_A_CORE * cores, START_AT_MOST), min(LEAST_A_CORE * cores, most)
        self.gate = Gate("live trials", Aimd(start, least=least, most=most, keep=KEEP), poll_s=PERIOD_S)

    def enter(self, timeout_s: float | None = None) -> bool:
        """See Gate. While memory is short nothing starts beside what is live: one trial at a time always goes on."""
        self._look()
        return self.gate.enter(timeout_s, meanwhile=self._look)

    def leave(self) -> None:
        self.gate.leave()

    def _look(self) -> None:
        if self.gate.live and self._load.memory_is_short():
            self.gate.close(PERIOD_S)
        with self._looking:
            since, now = self._looked, time.monotonic()
            if now - since < PERIOD_S:
                return
            self._looked, strain = now, self._load.strain()
        if strain >= STRAINED:
            self.gate.went_badly(since)
        elif strain < CALM:
            self.gate.went_well(since, rounds=1.0)


@once
def process_slots(most: int) -> Slots:
    """The same slots for every shard of this process that names the same number."""
    return Slots(most)
