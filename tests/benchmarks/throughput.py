"""How fast trials go through: batches beside Harbor's, and fresh one-turn trials a minute."""

import time

from termforge.slots import Slots
from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import KINDS, OneTurn, assert_solved, at_once, config, engine_of, run, served, trials

BATCH = 8
ONE_TURN_TRIALS = 200
MOST_LIVE = 16


def batches(harbor_s: float | None) -> dict[str, Measured]:
    """From nothing started to the last verdict; the import of the client is left out on both sides."""
    found = {}
    with served() as (teachers, _, _):
        run(trials(1), config("settle"), engine_of("docker"), teachers, at_once(1))
        for key, wait_mode in (("batch_settle_s", "settle"), ("batch_full_s", "full")):
            start = time.monotonic()
            trajectories = run(trials(BATCH), config(wait_mode), engine_of("docker"), teachers, at_once(BATCH))
            found[key] = Measured(time.monotonic() - start, harbor_s)
            assert_solved(trajectories)
    return found


def trials_per_min() -> dict[str, Measured]:
    found = {}
    for kind in KINDS:
        wanted = trials(ONE_TURN_TRIALS)
        start = time.monotonic()
        trajectories = run(wanted, config("settle"), engine_of(kind), lambda trial: OneTurn(), Slots(MOST_LIVE))
        minutes = (time.monotonic() - start) / 60
        assert_solved(trajectories)
        found[f"trials_per_min_{kind}"] = Measured(ONE_TURN_TRIALS / minutes)
    return found
