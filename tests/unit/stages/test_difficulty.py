"""What a night's trials are measured to, and what its artifact shows."""

from typing import Any

import pytest

import tasks.difficulty
import tasks.summaries
from termforge.difficulty import Band
from termforge.errors import InfrastructureError
from termforge.forge import SKILLS
from termforge.schemas import DatasetRef, Ending, Image, ImageRecipe, Provenance, TerminalTask, Trajectory, Verdict
from termforge.stages.difficulty import known_skills
from termforge.store import Store

SKILL = next(skill.name for skill in SKILLS if skill.domain == "security")
TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    domain="security",
    instruction="Do it.",
    provenance=Provenance(source="forge", generator="test@1", skills=(SKILL,)),
)


def trial(sample: int, ending: Ending, verdict: Verdict | None) -> Trajectory:
    return Trajectory(
        trial_id=f"t-{sample}",
        task_id=TASK.id,
        sample=sample,
        model="m",
        template="termforge",
        template_sha256="0",
        image=Image(name="host", recipe="", digest="0", inventory="0"),
        sandbox="bubblewrap",
        ending=ending,
        verdict=verdict,
    )


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    with store.writer(DatasetRef(name="tasks", version="1"), "tasks", config={}) as out:
        out.add(TASK)
    return store


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would be shown in the UI."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.summaries, "create_markdown_artifact", lambda **fields: shown.append(fields))
    return shown


def measure(store: Store, *trials: Trajectory) -> DatasetRef:
    source = DatasetRef(name="trajectories", version="1")
    with store.writer(source, "trajectories", config={}, inputs=[DatasetRef(name="tasks", version="1")]) as out:
        for each in trials:
            out.add(each)
    return tasks.difficulty.measure.fn(store.root, "n", source, Band())


def test_a_night_without_a_service_leaves_nothing_that_could_be_taken_for_finished(
    store: Store, published: list[dict[str, Any]]
) -> None:
    with pytest.raises(InfrastructureError, match="1 teacher unavailable"):
        measure(store, trial(0, Ending.TEACHER_UNAVAILABLE, None))
    assert store.versions("difficulties") == []
    assert published == []


def test_the_artifact_shows_what_lacks(store: Store, published: list[dict[str, Any]]) -> None:
    ref = measure(store, trial(0, Ending.COMPLETED, Verdict(solved=True)), trial(1, Ending.COMPLETED, Verdict()))
    (shown,) = published
    assert shown["key"] == "difficulties"
    (security,) = (line for line in shown["markdown"].splitlines() if line.startswith("| security |"))
    known = len(known_skills("security"))
    assert f"| {known - 1} of {known} |" in security
    assert SKILL not in security
    assert store.record(ref).counts == {"in band": 1}
