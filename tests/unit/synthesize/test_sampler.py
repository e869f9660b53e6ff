from collections import Counter
from random import Random
from statistics import pvariance

import pytest

from termforge.difficulty import Deficits
from termforge.errors import InputError
from termforge.schemas import DOMAINS, Domain
from termforge.synthesize import skill_requests
from termforge.synthesize.sampler import Sampler
from termforge.synthesize.taxonomy import taxonomy


def drawn(count: int, deficits: Deficits, domain: Domain = "security") -> Counter[str]:
    requests = skill_requests(count, [domain], seed="1", deficits=deficits)
    return Counter(skill for request in requests for skill in request.skills)


def test_without_deficits_primitives_come_up_more_evenly_than_by_chance() -> None:
    counts = drawn(1000, {})
    skills = taxonomy().module("security").skills
    assert len(counts) == len(skills)
    by_chance = Counter(skill.name for number in range(1000) for skill in Random(number).sample(skills, 4))
    assert 2 * pvariance(counts.values()) < pvariance(by_chance.values())


def test_what_is_lacking_is_drawn_more_often() -> None:
    counts = drawn(300, {"security": {"redaction": 1.0, "key-quality": 0.5}})
    usual = sorted(counts.values())[len(counts) // 2]
    assert counts["redaction"] > 2 * usual
    assert counts["redaction"] > counts["key-quality"] > usual


def test_a_lacking_domain_is_asked_for_more_often_and_the_others_in_turn() -> None:
    deficits: Deficits = {"security": {skill.name: 1.0 for skill in taxonomy().module("security").skills}}
    counts = Counter(request.domain for request in skill_requests(170, seed="1", deficits=deficits))
    assert counts["security"] == 90
    assert set(counts.values()) == {90, 10}
    assert [request.domain for request in skill_requests(18, seed="1")] == [*DOMAINS, *DOMAINS]


def test_the_draw_shows_counts_and_weights_before_it() -> None:
    deficits: Deficits = {"security": {"redaction": 1.0, "not-in-the-taxonomy": 1.0}}
    requests = list(skill_requests(50, ["security"], seed="1", deficits=deficits))
    size = len(taxonomy().module("security").skills)
    counts: Counter[str] = Counter()
    for request in requests:
        assert request.skills == tuple(entry.skill for entry in request.draw)
        assert [entry.count for entry in request.draw] == [counts[skill] for skill in request.skills]
        for entry in request.draw:
            assert entry.weight == (9.0 if entry.skill == "redaction" else 1.0) / (1 + entry.count)
        counts.update(request.skills)
    first = requests[0].draw
    assert first[0].urn == 9.0 + size - 1
    assert first[1].urn == first[0].urn - first[0].weight


def test_the_first_draw_follows_the_weights() -> None:
    draws = [Sampler(["security"], {"security": {"redaction": 1.0}}).draw("security", Random(n)) for n in range(2000)]
    expected = 2000 * 9 / draws[0][0].urn
    assert abs(sum(draw[0].skill == "redaction" for draw in draws) - expected) < 80


@pytest.mark.parametrize("deficit", [-0.1, 1.5, float("nan")])
def test_a_deficit_that_is_no_share_is_refused_with_its_place(deficit: float) -> None:
    with pytest.raises(InputError, match="deficits, security, redaction"):
        list(skill_requests(1, seed="1", deficits={"security": {"redaction": deficit}}))
