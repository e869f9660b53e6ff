"""Which primitives the next task combines: the rarer so far and the more it is lacking, the likelier.

An urn of one domain's primitives, without replacement; the weight of each is

    (1 + BOOST * deficit) / (1 + how often it was drawn in this run)

so that without deficits all come up about equally often, and what lacks altogether is at first nine times as likely as
what lacks nothing (and three times as frequent in the long run, since its own count pulls it down). What a report of
deficits does not name lacks nothing; skills that are not in the taxonomy belong to other sources and are passed over.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random
from statistics import fmean

from termforge.difficulty import Deficits
from termforge.errors import InputError
from termforge.schemas import Domain, Drawn
from termforge.synthesize.taxonomy import Skill, taxonomy

BOOST = 8.0
FEWEST, MOST = 3, 5
"""Primitives in a task (paper, section 4.4)."""


class Sampler:
    """Draws from the domains given, and remembers. Deterministic: equal seeds and deficits, equal draws.

    Raises: InputError for a domain that the taxonomy lacks and for a deficit outside of 0 to 1.
    """

    def __init__(self, domains: Sequence[Domain], deficits: Deficits) -> None:
        for domain, skills in deficits.items():
            for skill, deficit in skills.items():
                if not 0 <= deficit <= 1:
                    raise InputError(f"deficits, {domain}, {skill}: {deficit} is not between 0 and 1")
        self._deficits = deficits
        self._skills: dict[Domain, tuple[Skill, ...]] = {name: taxonomy().module(name).skills for name in domains}
        self._boosts = {domain: self._domain_boost(domain) for domain in domains}
        self._tasks: Counter[Domain] = Counter()
        self._drawn: dict[Domain, Counter[str]] = {domain: Counter() for domain in domains}

    def next_domain(self) -> Domain:
        """In turn; one that lacks much comes more often, in proportion to its boost (highest averages)."""
        domain = max(self._boosts, key=lambda name: self._boosts[name] / (1 + self._tasks[name]))
        self._tasks[domain] += 1
        return domain

    def draw(self, domain: Domain, rng: Random) -> tuple[Drawn, ...]:
        """Three to five different primitives."""
        left = {skill.name: self._weight(domain, skill.name) for skill in self._skills[domain]}
        counts = self._drawn[domain]
        draw: list[Drawn] = []
        for _ in range(rng.randint(FEWEST, MOST)):
            (name,) = rng.choices(list(left), list(left.values()))
            draw.append(Drawn(skill=name, count=counts[name], weight=left[name], urn=sum(left.values())))
            del left[name]
        counts.update(entry.skill for entry in draw)
        return tuple(draw)

    def _weight(self, domain: Domain, skill: str) -> float:
        return self._boost(domain, skill) / (1 + self._drawn[domain][skill])

    def _boost(self, domain: Domain, skill: str) -> float:
        return 1 + BOOST * self._deficits.get(domain, {}).get(skill, 0.0)

    def _domain_boost(self, domain: Domain) -> float:
        """A domain lacks what its primitives lack on average."""
        return fmean(self._boost(domain, skill.name) for skill in self._skills[domain])
