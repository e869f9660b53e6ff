"""Random keystroke scripts: scenes, one after the other, cut into turns. The seed is fixed: the same come out again."""

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.parity import recordings
from tests.parity.recordings import Script, Turn
from tests.parity.scenes import DEPARTURES, QUICK_S, SCENES, Commands

SCRIPTS, SEED = 320, 20261121
LEAST_TURNS = 7
ROOT = Path(__file__).parents[2]


def generated() -> list[Script]:
    """Always the same scripts. Made in a process of their own: hypothesis also draws numbers that it finds in the
    source of whatever is imported."""
    made = subprocess.run([sys.executable, "-m", "tests.parity.scripts"], cwd=ROOT, capture_output=True, check=True)
    return [recordings.script(entry) for entry in json.loads(made.stdout)]


def example(number: int) -> Script:
    """The first random example of its own seed: later ones hypothesis makes out of earlier ones."""
    found: list[Script] = []

    @seed(SEED + number)
    @settings(
        max_examples=2,  # before it comes the simplest one
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scripts())
    def collect(script: Script) -> None:
        found.append(script)

    collect()
    return found[-1]


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    turns: list[Turn] = []
    while len(turns) < LEAST_TURNS:
        turns += draw(in_turns(draw(SCENES)))
    if draw(st.sampled_from([False] * 7 + [True])):
        turns += [tuple(draw(DEPARTURES))]
    return tuple(turns)


def in_turns(commands: Commands) -> st.SearchStrategy[list[Turn]]:
    """Most commands are turns of their own. None follows a slow one in its turn: it might come too early."""
    joined = st.lists(st.sampled_from([False, False, True]), min_size=len(commands), max_size=len(commands))
    return joined.map(lambda joins: _grouped(commands, joins))


def _grouped(commands: Commands, joins: list[bool]) -> list[Turn]:
    turns: list[Turn] = []
    for command, join in zip(commands, joins, strict=True):
        if join and turns and turns[-1][-1].duration_s == QUICK_S:
            turns[-1] += (command,)
        else:
            turns.append((command,))
    return turns


if __name__ == "__main__":
    json.dump([example(number) for number in range(SCRIPTS)], sys.stdout)
