"""Difficulty as a stage: a solver's trajectories become one row a task, from which the next growth learns."""

from termforge.difficulty import Band, Deficits, deficits, difficulties
from termforge.forge import SKILLS
from termforge.schemas import DOMAINS, DatasetRecord, DatasetRef, Domain
from termforge.store import Store, version_of
from termforge.synthesize.taxonomy import taxonomy

STAGE = "difficulty-2"


def measure(store: Store, night: str, trajectories: DatasetRef, band: Band) -> DatasetRecord:
    """`difficulties`; its counts say how many tasks stand where.

    Raises: InfrastructureError where machines or services failed and no trial at all was graded.
    """
    settings = band.model_dump()
    ref = DatasetRef(name="difficulties", version=version_of(night, STAGE, settings, [trajectories]))
    source = store.source(trajectories, "tasks")
    with store.making(ref) as missing:
        if missing:
            rows, counts = difficulties(store.read(source), store.read(trajectories), band)
            with store.writer(ref, "difficulties", config=settings, inputs=[source, trajectories]) as out:
                out.counts.update(counts)
                for row in rows:
                    out.add(row)
    return store.record(ref)


def lacking(store: Store, difficulties: DatasetRef | None) -> Deficits:
    """What the forge and the synthesis should make more of; nothing without a measurement."""
    if difficulties is None:
        return {}
    return deficits(store.read(difficulties), {domain: known_skills(domain) for domain in DOMAINS})


def known_skills(domain: Domain) -> list[str]:
    """Of the forge and of the taxonomy."""
    forged = [skill.name for skill in SKILLS if skill.domain == domain]
    return [*forged, *(skill.name for skill in taxonomy().module(domain).skills)]
