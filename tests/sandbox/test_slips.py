"""The oracle's slips in real sandboxes: each is put right, and what a recovery says of the screen is true."""

import pytest

from termforge.forge import forge_task, usable
from termforge.images import built, recipe_of
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Run, play
from termforge.schemas import DOMAINS, TerminalTask
from termforge.stages.machine import open_engine
from termforge.validate.played import PATIENCE

pytestmark = [pytest.mark.docker, pytest.mark.bubblewrap]  # it builds the images; bubblewrap plays them


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """One task a domain, a slip at every step."""
    engine = open_engine("bubblewrap")
    return [
        play(task, RolloutConfig(), engine, Oracle(task, seed="slips", slip_rate=1.0, patience=PATIENCE))
        for task in map(forged, range(9))
    ]


def forged(number: int) -> TerminalTask:
    domain = DOMAINS[number]
    skills = usable(built(recipe_of(domain)).inventory).skills
    return forge_task(number, seed="slips", domain=domain, image=recipe_of(domain), skills=skills)


def test_slips_and_recoveries_end_in_a_solved_task(runs: list[Run]) -> None:
    for run in runs:
        assert run.verdict is not None
        assert [result for result in run.verdict.results if not result.passed] == []


def test_mistyped_commands_and_paths_fail_as_the_recovery_says(runs: list[Run]) -> None:
    """What the recovery claims about the screen must be true, or the text teaches a lie."""
    claims = 0
    for run in runs:
        for before, turn in zip(run.episode.turns, run.episode.turns[1:], strict=False):
            if "was not found" in turn.reply or "command not found" in turn.reply:
                mistyped = turn.reply.split("`")[1].split(":")[0]
                assert f"{mistyped}: command not found" in before.observation
                claims += 1
            elif "There is no such file" in turn.reply:
                assert turn.reply.split("`")[1] in before.observation
                assert "No such file or directory" in before.observation
                claims += 1
    assert claims > 5
