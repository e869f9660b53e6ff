"""Whole trials on real sandboxes: every way to end is a typed ending, turns are kept, nothing is left behind."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from termforge.agent.protocol import render
from termforge.errors import BudgetExhausted, TeacherUnavailable
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out, roll_out_shard, trials_of
from termforge.sandbox.protocol import Engine
from termforge.schemas import (
    Command,
    Ending,
    File,
    Image,
    ImageRecipe,
    Limits,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Trajectory,
    Verifier,
)
from termforge.slots import Slots
from tests.sandbox.scripted import Scripted
from tests.sandbox.watched import Watched

TESTS = b"def test_it():\n    with open('/app/answer') as file: assert file.read() == '42\\n'\n"
TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="Write 42 to /app/answer.",
    files=(File(path="/app/given", content=b"here"),),
    verifier=Verifier(
        files=(File(path="/tests/test_outputs.py", content=TESTS),), tests=(Test(id="test_outputs.py::test_it"),)
    ),
    solution=(
        Step(analysis="Look.", plan="List.", commands=(Command(keystrokes="ls\n", duration_s=0.3),)),
        Step(analysis="Write.", plan="Echo.", commands=(Command(keystrokes="echo 42 > answer\n", duration_s=0.3),)),
    ),
    limits=Limits(max_turns=8),
    provenance=Provenance(source="forge", generator="test@1"),
)
CONFIG = RolloutConfig()
DONE = render("Done.", "Confirm.", (), task_complete=True)


def typing(line: str) -> str:
    return render("Next.", "Type it.", (Command(keystrokes=f"{line}\n", duration_s=2.0),), task_complete=False)


@pytest.fixture
def watched(engine: Engine, image: Image) -> Iterator[Watched]:
    """The engine; afterwards nothing of its sandboxes may be left."""
    watched = Watched(engine, image)
    yield watched
    watched.assert_nothing_is_left()


def rolled_out(watched: Watched, teacher: Any, task: TerminalTask = TASK, **changes: Any) -> tuple[Trajectory, ...]:
    return roll_out(Trial(task, 0, "trial"), CONFIG.model_copy(update=changes), watched, teacher)


def test_the_oracle_solves_a_task(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Oracle(TASK, seed="0"))
    assert (trajectory.ending, trajectory.outcome, trajectory.attempt) == (Ending.COMPLETED, "solved", 0)
    assert [turn.task_complete for turn in trajectory.turns] == [False, True, True]
    assert "given" in trajectory.turns[0].observation
    assert trajectory.sandbox == watched.name
    assert trajectory.limits_by
    assert trajectory.image == watched.image(TASK.image)
    assert len(watched.started) == 2  # the agent's and the grader's
    assert trajectory.start_s > 0
    assert trajectory.grading_s > 0


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ("echo 42 > answer; exit", Ending.TERMINAL_CLOSED),
        ("echo 42 > answer; pkill -9 tmux", Ending.TERMINAL_CLOSED),
        ("echo 42 > answer; kill -9 -1", Ending.TERMINAL_CLOSED),
        ("echo 42 > answer; rm -rf /tmp/* /tmp/.[!.]*", Ending.COMPLETED),
        ("echo 42 > answer; rm -rf /root /var/tmp /run/* /home 2>/dev/null", Ending.COMPLETED),
    ],
)
def test_what_was_done_before_the_terminal_closed_still_counts(watched: Watched, line: str, ending: Ending) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing(line), DONE))
    assert (trajectory.ending, trajectory.outcome) == (ending, "solved")
    assert trajectory.turns[0].commands[0].keystrokes == f"{line}\n"


@pytest.mark.parametrize(
    "line", ["echo 42 > answer; rm -rf /app/*", "echo 42 > answer; cd /; rm -rf /app; rm -rf /tmp"]
)
def test_who_removes_the_work_has_not_solved_the_task(watched: Watched, line: str) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing(line), DONE))
    assert (trajectory.ending, trajectory.outcome) == (Ending.COMPLETED, "unsolved")


def test_a_trial_that_never_completes_ends_at_its_turn_limit_and_is_graded(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing("echo 41 > answer")))
    assert (trajectory.ending, trajectory.outcome) == (Ending.TURN_LIMIT, "turn limit")
    assert len(trajectory.turns) == TASK.limits.max_turns
    assert trajectory.verdict is not None
    assert trajectory.verdict.score == 0.0


def test_unusable_replies_end_a_trial_with_every_one_of_them_kept(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Scripted("{", "I cannot do that.", '{"commands": 3}', "", "\ud800\0"))
    assert trajectory.ending is Ending.PROTOCOL_ERRORS
    assert len(trajectory.turns) == CONFIG.agent.max_unusable
    assert all(turn.error for turn in trajectory.turns)
    assert Trajectory.model_validate_json(trajectory.model_dump_json()) == trajectory


def test_attempts_that_infrastructure_ended_are_kept_and_the_last_one_is_graded(watched: Watched) -> None:
    failure = TeacherUnavailable("503 from the service")
    teacher = Scripted(typing("echo 1"), failure, failure, typing("echo 42 > answer"), DONE)
    attempts = rolled_out(watched, teacher)
    assert [trajectory.attempt for trajectory in attempts] == [0, 1, 2]
    assert [trajectory.outcome for trajectory in attempts] == ["teacher unavailable"] * 2 + ["solved"]
    assert [len(trajectory.turns) for trajectory in attempts] == [1, 0, 3]
    assert [trajectory.verdict is None for trajectory in attempts] == [True, True, False]
    assert attempts[0].detail == "503 from the service"
    assert {trajectory.trial_id for trajectory in attempts} == {"trial"}


def test_attempts_end_when_they_are_used_up(watched: Watched) -> None:
    attempts = rolled_out(watched, Scripted(TeacherUnavailable("down")), attempts=2)
    assert [trajectory.outcome for trajectory in attempts] == ["teacher unavailable"] * 2


def test_a_spent_budget_is_not_tried_again(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing("ls"), BudgetExhausted("$5 are spent")))
    assert (trajectory.outcome, len(trajectory.turns)) == ("budget exhausted", 1)


def test_a_sandbox_killed_from_outside_is_tried_again_with_its_turns_kept(watched: Watched) -> None:
    def kill() -> str:
        pid = watched.started[-1].init_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
        return typing("ls")

    first, second = rolled_out(watched, Scripted(typing("echo before"), kill, typing("echo 42 > answer"), DONE))
    assert (first.outcome, first.attempt, first.verdict) == ("sandbox lost", 0, None)
    assert "before" in first.turns[0].observation
    assert first.limits_by == second.limits_by
    assert first.start_s > 0
    assert (second.outcome, second.attempt) == ("solved", 1)


def test_a_sandbox_that_dies_before_grading_keeps_its_turns_and_is_tried_again(watched: Watched) -> None:
    def kill() -> str:
        watched.started[-1].close()
        return DONE

    first, second = rolled_out(watched, Scripted(typing("echo before"), DONE, kill, typing("echo 42 > answer"), DONE))
    assert len(first.turns) >= 2
    assert first.ending.infrastructure or first.outcome == "verifier failed"
    assert second.outcome == "solved"


@pytest.mark.parametrize("profile", ["exit\n", "kill -9 $PPID\n", "kill -9 -1\n"])
def test_a_terminal_that_does_not_start_is_an_ending_too(watched: Watched, profile: str) -> None:
    """A task's own files may break it; the neighbours in the shard must not notice."""
    task = TASK.model_copy(update={"files": (File(path="/root/.bash_profile", content=profile.encode()),)})
    attempts = rolled_out(watched, Oracle(task, seed="0"), task, attempts=2)
    assert [trajectory.outcome for trajectory in attempts] == ["terminal lost"] * 2
    assert all(trajectory.detail and not trajectory.turns for trajectory in attempts)


def test_a_recorded_trial_has_its_terminal_on_the_row(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing("echo 42 > answer; cat given"), "{", DONE), record=True)
    header, *events = map(json.loads, trajectory.recording.splitlines())
    assert (header["version"], header["title"]) == (2, TASK.id)
    assert [text for _, code, text in events if code == "i"] == ["echo 42 > answer; cat given\n"]
    assert "\rhere" in "".join(text for _, code, text in events if code == "o")
    marks = [[at_s, text] for at_s, code, text in events if code == "m"]
    assert marks == [[round(turn.at_s, 3), f"turn {number}"] for number, turn in enumerate(trajectory.turns)]
    assert trajectory.outcome == "solved"


def test_an_unrecorded_trial_has_no_recording(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, Scripted(typing("echo 42 > answer"), DONE))
    assert trajectory.recording == ""


def test_a_shard_resumes_without_doing_anything_again(watched: Watched, tmp_path: Path) -> None:
    trials = trials_of([TASK], 2, "growth")
    asked: list[str] = []

    def oracle(trial: Trial) -> Oracle:
        asked.append(trial.id)
        return Oracle(trial.terminal_task, seed=str(trial.sample))

    def work(trials: list[Trial]) -> list[Trajectory]:
        return roll_out_shard(
            trials, CONFIG, watched, oracle, tmp_path, slots=Slots(2), on_done=lambda done, attempts: None
        )

    first = work(trials[:1])
    both = work(trials)
    assert both[:1] == first
    assert asked == [trial.id for trial in trials]
    assert [(trajectory.sample, trajectory.outcome) for trajectory in both] == [(0, "solved"), (1, "solved")]
    assert len({trial.id for trial in trials}) == 2
    assert trials_of([TASK], 2, "another growth")[0].id != trials[0].id
