"""What a measured solver changes: lacking skills are drawn more often, easy tasks get further parts."""

from collections import Counter

import pytest

from termforge.errors import InputError
from termforge.forge import SKILLS, forge_task
from termforge.forge.compose import extended
from termforge.schemas import DOMAINS, File, ImageRecipe, TerminalTask

HOST = ImageRecipe(name="host", recipe="")


def forged(index: int, lacking: dict[str, float] | None = None) -> TerminalTask:
    return forge_task(index, seed="growth", domain=DOMAINS[index % 9], image=HOST, lacking=lacking or {})


def test_lacking_skills_are_drawn_more_often() -> None:
    wanted = {skill.name for skill in SKILLS if skill.domain == "security"}
    plain, boosted = (
        Counter(name in wanted for number in range(300) for name in forged(number, lacking).provenance.skills)
        for lacking in ({}, dict.fromkeys(wanted, 1.0))
    )
    assert boosted[True] / boosted.total() > 2 * plain[True] / plain.total()


def test_an_extended_task_begins_as_it_was() -> None:
    for number in range(40):
        task = forged(number)
        longer = extended(task, 2)
        assert longer.provenance.skills[:-2] == task.provenance.skills
        assert len(set(longer.provenance.skills)) == len(task.provenance.skills) + 2
        assert longer.files[: len(task.files)] == task.files
        assert longer.verifier.tests[: len(task.verifier.tests)] == task.verifier.tests
        assert longer.solution[1 : len(task.solution) - 1] == task.solution[1:-1]
        assert (longer.domain, longer.image, longer.provenance.origin) == (
            task.domain,
            task.image,
            task.provenance.origin,
        )


def test_extending_twice_by_one_is_extending_further() -> None:
    longer = extended(extended(forged(3), 1), 1)
    assert len(longer.provenance.skills) == len(forged(3).provenance.skills) + 2
    assert longer == extended(extended(forged(3), 1), 1)


def test_a_task_of_another_forge_is_refused() -> None:
    task = forged(0)
    other = task.model_copy(update={"provenance": task.provenance.model_copy(update={"generator": "forge@1"})})
    with pytest.raises(InputError, match="not of this forge"):
        extended(other, 1)
    with pytest.raises(InputError, match="skills are left"):
        extended(task, len(SKILLS))


@pytest.mark.parametrize("part", ["files", "tests"])
def test_a_task_that_this_forge_makes_otherwise_by_now_is_refused(part: str) -> None:
    task, other = forged(0), File(path="/app/other", content=b"x")
    assert task.verifier is not None
    if part == "files":
        older = task.model_copy(update={"files": (*task.files, other)})
    else:
        older = task.model_copy(update={"verifier": task.verifier.model_copy(update={"files": (other,)})})
    with pytest.raises(InputError, match=f"task {older.id} came of another version of this forge"):
        extended(older, 1)
    assert extended(task, 1)
