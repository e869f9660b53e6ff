"""Skill-based requests: three to five primitives of a domain, to be joined in an unexpected way (paper, section 4)."""

from collections.abc import Iterator, Sequence
from random import Random

from termforge.schemas import DOMAINS, Domain
from termforge.synthesize.request import DIFFICULTIES, SynthesisRequest, module_of


def skill_requests(count: int, domains: Sequence[Domain] = DOMAINS, *, seed: str) -> Iterator[SynthesisRequest]:
    """`count` requests, the domains in turn. Request number n is the same whatever the count.

    Raises: InputError for a domain that the taxonomy lacks.
    """
    for index in range(count):
        rng = Random(f"{seed}-{index}")
        domain = domains[index % len(domains)]
        yield SynthesisRequest(
            origin=f"skill {seed}-{index}",
            domain=domain,
            skills=sample_skills(domain, rng),
            difficulty=rng.choice(DIFFICULTIES),
        )


def sample_skills(domain: Domain, rng: Random) -> tuple[str, ...]:
    """Three to five different ones."""
    names = [skill.name for skill in module_of(domain).skills]
    return tuple(rng.sample(names, rng.randint(3, 5)))
