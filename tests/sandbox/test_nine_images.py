"""Every domain's own image, with both engines: a forged task is solved in it and graded in a fresh copy of it."""

import pytest

from termforge.forge import forge_task, usable
from termforge.images import built, recipe_of
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine
from termforge.schemas import DOMAINS, Domain, Ending
from tests.sandbox.watched import Watched

pytestmark = pytest.mark.docker  # it builds the images; one that is missing is a failure here


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_oracle_solves_a_forged_task_on_the_domains_own_image(engine: Engine, domain: Domain) -> None:
    recipe = recipe_of(domain)
    skills = usable(built(recipe).inventory).skills
    task = forge_task(0, seed="nine images", domain=domain, image=recipe, skills=skills)
    watched = Watched(engine)
    (trajectory,) = roll_out(Trial(task, 0, domain), RolloutConfig(attempts=1), watched, Oracle(task, seed="0"))
    assert trajectory.verdict is not None, trajectory.detail
    assert [result for result in trajectory.verdict.results if not result.passed] == []
    assert (trajectory.outcome, trajectory.ending) == ("solved", Ending.COMPLETED)
    assert (trajectory.image.name, trajectory.image.recipe) == (recipe.name, recipe.recipe)
    assert trajectory.image == built(recipe).image
    assert {sandbox.image for sandbox in watched.started} == {trajectory.image}
    assert len(watched.started) == (1 if trajectory.verdict.live else 2)  # the agent's, and the grader's own
    watched.assert_nothing_is_left()
