"""Skill-based requests: three to five primitives of a domain, to be joined in an unexpected way (paper, section 4)."""

from collections.abc import Iterator, Sequence
from random import Random

from termforge.difficulty import Deficits
from termforge.schemas import DOMAINS, Domain
from termforge.synthesize.request import DIFFICULTIES, SynthesisRequest
from termforge.synthesize.sampler import Sampler
from termforge.synthesize.taxonomy import Difficulty


def skill_requests(
    count: int,
    domains: Sequence[Domain] = DOMAINS,
    *,
    seed: str,
    difficulties: Sequence[Difficulty] = DIFFICULTIES,
    deficits: Deficits | None = None,
) -> Iterator[SynthesisRequest]:
    """`count` requests. Request number n is the same whatever the count.

    Raises: InputError for a domain that the taxonomy lacks and for a deficit outside of 0 to 1.
    """
    sampler = Sampler(domains, deficits or {})
    for index in range(count):
        rng = Random(f"{seed}-{index}")
        domain = sampler.next_domain()
        draw = sampler.draw(domain, rng)
        yield SynthesisRequest(
            origin=f"skill {seed}-{index}",
            domain=domain,
            skills=tuple(drawn.skill for drawn in draw),
            draw=draw,
            difficulty=rng.choice(difficulties),
        )
