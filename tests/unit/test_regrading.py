"""Regrading as a stage, on recorded trials in real sandboxes: which verdicts are new, and which cannot be."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from termforge import replay
from termforge.curate.curate import CurateSettings
from termforge.errors import InputError
from termforge.findings import Replay
from termforge.images import HOST
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.schemas import (
    Command,
    DatasetRecord,
    DatasetRef,
    Ending,
    File,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Trajectory,
    Verifier,
)
from termforge.slots import Slots
from termforge.stages import curation, evaluation, regrading
from termforge.stages.machine import open_engine
from termforge.stages.regrading import RegradeConfig
from termforge.store import Store
from termforge.summary import summarise

pytestmark = pytest.mark.bubblewrap

NIGHT = "2026-01-01"
CONFIG = RolloutConfig()


def checks(answer: str) -> Verifier:
    source = f"def test_it():\n    with open('/app/answer') as file: assert file.read() == '{answer}\\n'\n"
    file = File(path="/tests/test_outputs.py", content=source.encode())
    return Verifier(files=(file,), tests=(Test(id="test_outputs.py::test_it"),))


def task(instruction: str, line: str, verifier: Verifier | None) -> TerminalTask:
    commands = (Command(keystrokes=f"{line}\n", duration_s=15.0),)
    return TerminalTask(
        image=HOST,
        domain="debugging",
        instruction=instruction,
        verifier=verifier,
        solution=(Step(analysis="One line.", plan="Type it.", commands=commands),),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def with_tests(terminal_task: TerminalTask, answer: str) -> TerminalTask:
    return terminal_task.model_copy(update={"verifier": checks(answer)})


RIGHT = task("Write 42.", "echo 42 > answer", checks("42"))
WRONG = task("Write 42, wrongly.", "echo 43 > answer", checks("42"))
DICE = task("Write 42 and noise.", "echo 42 > answer; echo $RANDOM$RANDOM$RANDOM > noise", checks("42"))
GONE = task("Write 42 in vain.", "echo 42 > answer", checks("42"))
FREE = task("Write what you like.", "echo 42 > answer", None)
TASKS = [RIGHT, WRONG, DICE, GONE, FREE]


class Recorded(NamedTuple):
    """A store with trials of TASKS; the first trial's first attempt was broken off."""

    store: Store
    trajectories: DatasetRef
    tasks: DatasetRef


def put(store: Store, name: str, kind: Any, rows: list[Any], *inputs: DatasetRef, **config: Any) -> DatasetRef:
    ref = DatasetRef(name=name, version="1")
    with store.writer(ref, kind, config=config, inputs=inputs) as out:
        for row in rows:
            out.add(row)
    return ref


def trials() -> list[Trajectory]:
    engine = open_engine("bubblewrap")
    rows = []
    for terminal_task in TASKS:
        (row,) = roll_out(Trial(terminal_task, 0, terminal_task.id), CONFIG, engine, Oracle(terminal_task, seed="0"))
        rows.append(row)
    first, *others = rows
    lost = first.model_copy(update={"ending": Ending.SANDBOX_LOST, "verdict": None, "left": None})
    return [lost, first.model_copy(update={"attempt": 1}), *others]


@pytest.fixture(scope="module")
def rows() -> list[Trajectory]:
    return trials()


@pytest.fixture
def recorded(tmp_path: Path, rows: list[Trajectory]) -> Recorded:
    store = Store(tmp_path / "store")
    tasks = put(store, "tasks", "tasks", TASKS)
    trajectories = put(
        store, "recorded", "trajectories", rows, tasks, rollout=CONFIG.model_dump(mode="json"), teacher={"model": "x"}
    )
    return Recorded(store, trajectories, tasks)


def regrade(recorded: Recorded, tasks: DatasetRef | None = None, **settings: Any) -> DatasetRecord:
    config = RegradeConfig(tasks=tasks or recorded.tasks, **settings)
    plan = regrading.plan_regrade(recorded.store, NIGHT, recorded.trajectories, config, shard_rows=4, work=None)
    parts = [
        regrading.run_shard(plan, shard, config, slots=Slots(2), on_done=lambda count: None) for shard in plan.shards
    ]
    return regrading.finish(recorded.store, plan, parts, config)


def read(recorded: Recorded, record: DatasetRecord) -> list[Trajectory]:
    return list(recorded.store.read(record.ref))


def replays(recorded: Recorded, record: DatasetRecord) -> dict[str, Replay]:
    return {row.task_id: row for row in recorded.store.read(recorded.store.source(record.ref, "replays"))}


def test_the_same_tests_say_the_same(recorded: Recorded, rows: list[Trajectory]) -> None:
    record = regrade(recorded)
    regraded = read(recorded, record)
    without = {"verdict": {"seconds"}}
    assert [row.model_dump(exclude=without) for row in regraded] == [row.model_dump(exclude=without) for row in rows]
    assert record.counts == {
        "nothing to grade": 2,  # the broken attempt, and the task without tests
        "regraded": 3,
        "regraded, with another score": 0,
        "replay diverged": 1,
        "trials": 5,
        "solved": 3,
        "unsolved": 1,
        "ungraded": 1,
    }


def test_other_tests_give_new_verdicts_where_they_can(recorded: Recorded, rows: list[Trajectory]) -> None:
    right, wrong, dice = (with_tests(terminal_task, "43") for terminal_task in (RIGHT, WRONG, DICE))
    tasks = put(recorded.store, "stricter", "tasks", [right, wrong, dice, FREE])
    record = regrade(recorded, tasks)
    lost, first, second, third, free = read(recorded, record)
    assert [row.task_id for row in (lost, first, second, third, free)] == [
        right.id, right.id, wrong.id, dice.id, FREE.id,
    ]  # fmt: skip
    assert (lost.outcome, lost.attempt, lost.verdict) == ("sandbox lost", 0, None)
    assert (first.outcome, first.attempt, second.outcome) == ("unsolved", 1, "solved")
    assert third.verdict is not None
    assert (third.outcome, third.verdict.error) == ("verifier failed", "not regraded: the replay left other files")
    assert free.outcome == "ungraded"
    assert [row.turns for row in (first, second, third)] == [row.turns for row in rows[1:4]]
    assert [row.left for row in (first, second, third)] == [row.left for row in rows[1:4]]
    assert record.counts == {
        "nothing to grade": 2,
        "regraded": 2,
        "regraded, with another score": 2,
        "replay diverged": 1,
        "left out: the task is gone": 1,
        "trials": 4,
        "unsolved": 1,
        "solved": 1,
        "verifier failed": 1,
        "ungraded": 1,
    }


def test_a_replay_says_how_it_compares(recorded: Recorded) -> None:
    found = replays(recorded, regrade(recorded))
    assert found.keys() == {RIGHT.id, WRONG.id, DICE.id, GONE.id}
    assert [found[terminal_task.id].tree for terminal_task in (RIGHT, WRONG, DICE)] == ["equal", "equal", "different"]
    assert found[DICE.id].changed == ("/app/noise",)
    assert (found[RIGHT.id].attempt, found[RIGHT.id].equal_turns) == (1, found[RIGHT.id].turns)
    frame = recorded.store.scan(recorded.store.resolve("replays")).select(pl.col("conclusive").sum()).collect()
    assert frame.item() == 3


def test_a_regraded_dataset_is_a_trajectory_dataset(recorded: Recorded) -> None:
    """It is summarised, curated and regraded like another; its record says what it was made from."""
    tasks = put(recorded.store, "stricter", "tasks", [with_tests(RIGHT, "43"), WRONG])
    record = regrade(recorded, tasks)
    assert record.inputs[:2] == (str(tasks), str(recorded.trajectories))
    assert record.config["regrade"]["tasks"] == tasks.model_dump()
    assert record.config["rollout"] == CONFIG.model_dump(mode="json")
    recorded.store.check(record.ref)
    assert summarise(recorded.store, record.ref)[-1].trials == 2
    assert evaluation.evaluate(recorded.store, record.ref).overall.infrastructure == 1
    corpus = curation.curate_corpus(recorded.store, NIGHT, record.ref, CurateSettings())
    assert corpus.counts["kept"] == 2
    again = regrade(Recorded(recorded.store, record.ref, tasks))
    assert [row.outcome for row in read(recorded, again)] == [row.outcome for row in read(recorded, record)]


def test_the_same_night_again_does_nothing_twice(recorded: Recorded) -> None:
    record = regrade(recorded)
    folder = Path(recorded.store.root)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.log") if path.stat().st_size}
    assert before
    assert regrade(recorded) == record
    assert {path: os.stat(path).st_mtime_ns for path in before} == before  # noqa: PTH116
    assert len(recorded.store.versions("replays")) == len(recorded.store.versions("trajectories")) == 1


def test_settings_are_part_of_a_version(recorded: Recorded) -> None:
    other = put(recorded.store, "other", "tasks", TASKS)

    def version(**settings: Any) -> str:
        config = RegradeConfig(**({"tasks": recorded.tasks} | settings))
        plan = regrading.plan_regrade(recorded.store, NIGHT, recorded.trajectories, config, shard_rows=2, work=None)
        return plan.target.version

    versions = [version(), version(tasks=other), version(sandbox="bubblewrap"), version(other_images=True)]
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([WRONG, RIGHT], "in another order"),
        ([with_tests(RIGHT, "1"), with_tests(RIGHT, "2")], "Only their tests differ"),
    ],
)
def test_tasks_that_do_not_match_are_refused(recorded: Recorded, tasks: list[TerminalTask], words: str) -> None:
    with pytest.raises(InputError, match=words):
        regrade(recorded, put(recorded.store, "other", "tasks", tasks))


def test_a_dataset_that_is_not_of_trials_is_refused(recorded: Recorded) -> None:
    with pytest.raises(InputError, match="tasks@1: its record does not say that, and how, trials were run"):
        regrade(recorded._replace(trajectories=recorded.tasks))


def elsewhere(recorded: Recorded, rows: list[Trajectory]) -> Recorded:
    """The same trials, recorded on another build of the image."""
    image = rows[0].image.model_copy(update={"digest": "another"})
    moved = [row.model_copy(update={"image": image}) for row in rows]
    config = recorded.store.record(recorded.trajectories).config
    return recorded._replace(trajectories=put(recorded.store, "moved", "trajectories", moved, recorded.tasks, **config))


def test_another_image_is_refused_before_anything_starts(recorded: Recorded, rows: list[Trajectory]) -> None:
    moved = elsewhere(recorded, rows)
    with pytest.raises(InputError, match="digest another"):
        regrade(moved)
    assert not (Path(recorded.store.root) / ".growing").exists()
    assert regrade(moved, other_images=True).counts["regraded"] == 3


# The command


def test_the_command_compares_one_trial(
    recorded: Recorded, rows: list[Trajectory], capsys: pytest.CaptureFixture[str]
) -> None:
    place = [recorded.store.root, str(recorded.trajectories)]
    assert replay.main([*place, RIGHT.id]) == 0
    said = capsys.readouterr().out
    assert f"trial    {RIGHT.id}, attempt 1, of task {RIGHT.id}" in said
    assert "tree     equal\nverdict  solved (1.00) recorded, solved (1.00) now\nequal\n" in said
    assert replay.main([*place, DICE.id]) == 1
    assert "tree     different\n  ~ /app/noise\n" in capsys.readouterr().out
    assert replay.main([*place, "nobody"]) == 2
    assert "there is no trial nobody in recorded@1" in capsys.readouterr().err
    assert replay.main([recorded.store.root, "recorded@2", RIGHT.id]) == 2
    assert "versions of 'recorded': 1" in capsys.readouterr().err
    moved = elsewhere(recorded, rows).trajectories
    assert replay.main([recorded.store.root, str(moved), RIGHT.id]) == 2
    assert "digest another" in capsys.readouterr().err
    assert replay.main([recorded.store.root, str(moved), RIGHT.id, "--other-image"]) == 0
    with pytest.raises(SystemExit, match="2"):
        replay.main([*place])
