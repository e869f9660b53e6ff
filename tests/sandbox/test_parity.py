"""Our observations beside those of the real Terminus 2, recorded over random keystroke scripts in the same image.

`make parity HARBOR=DIR` records anew; see tests/parity.
"""

import os
from contextlib import closing
from pathlib import Path

import pytest

from termforge.sandbox.docker_engine import Docker
from termforge.sandbox.protocol import Engine
from tests.parity import minimal, recordings, rules, scripts
from tests.parity.__main__ import record
from tests.parity.recordings import Recordings
from tests.parity.replay import Parity, measure

BUBBLEWRAP_SHARE = 4
"""Every fourth script there: the terminal is the same, and so is the image."""


@pytest.fixture(scope="module")
def recorded() -> Recordings:
    return recordings.load()


def described(parity: Parity) -> str:
    names = {recordings.digest(script): name for name, script in minimal.CASES.items()}
    return "\n\n".join(
        f"script {names.get(one.script, one.script)}, turn {one.turn}, typed {one.typed}\n"
        f"--- recorded\n{one.recorded[-2000:]}\n--- ours\n{one.ours[-2000:]}"
        for one in parity.different[:5]
    )


@pytest.mark.timeout(1200)
def test_every_recorded_observation_is_ours_to_the_byte(engine: Engine, recorded: Recordings) -> None:
    chosen = recorded.recordings[:: BUBBLEWRAP_SHARE if engine.name == "bubblewrap" else 1]
    parity = measure(engine, chosen)
    print(f"{engine.name}: {parity.compared} of {parity.counted} captures compared; excluded {dict(parity.excluded)}")
    assert not parity.different, described(parity)
    assert parity.observation_parity_excluded <= 0.03


def test_the_recordings_are_many(recorded: Recordings) -> None:
    assert len(recorded.recordings) >= 300 + len(minimal.CASES)
    assert min(len(recording.script) for recording in recorded.recordings[len(minimal.CASES) :]) >= 5
    assert sum(len(recording.counted) for recording in recorded.recordings) >= 2_000
    assert len(rules.RULES) <= 10


def test_the_recorded_scripts_come_out_again(recorded: Recordings) -> None:
    assert [recording.script for recording in recorded.recordings] == [*minimal.CASES.values(), *scripts.generated()]


def test_a_rule_sees_keystrokes_alone() -> None:
    script = minimal.script(("ls\n",), ("ls;",), ("\n",))
    assert [rule and rule.name for rule in rules.excluding(script)] == [None, None, "last semicolon", "last semicolon"]


@pytest.mark.docker
def test_a_live_recording_is_repeated(tmp_path: Path) -> None:
    if "HARBOR" not in os.environ:
        pytest.skip("HARBOR names no folder with Terminus 2")
    live = minimal.script(("echo live\n",), ("seq 60\n",), ("C-l",), ("echo a", "Enter"), ("less /etc/services\n",))
    with closing(Docker()) as docker:
        parity = measure(docker, record(Path(os.environ["HARBOR"]), [live], tmp_path).recordings)
    assert parity.counted >= 4
    assert not parity.different, described(parity)
