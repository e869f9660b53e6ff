"""Whether our observations are Harbor's, byte for byte: its recordings, replayed."""

from tests.benchmarks.bars import Measured
from tests.benchmarks.workload import engine_of
from tests.parity import recordings, replay


def parity() -> dict[str, Measured]:
    found = replay.measure(engine_of("docker"), recordings.load().recordings)
    return {
        "observation_parity": Measured(found.observation_parity, note=f"{found.compared} captures compared"),
        "observation_parity_excluded": Measured(found.observation_parity_excluded, note=f"of {found.counted}"),
    }
