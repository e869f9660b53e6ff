"""Recorded trials played again on real sandboxes: what is the same is called equal, what is not is found."""

from collections.abc import Iterator
from typing import Any

import pytest

from termforge.agent.protocol import render
from termforge.errors import InputError, SandboxError
from termforge.findings import Replay
from termforge.oracle import Oracle
from termforge.replay import ATTEMPTS, Recorded, replay
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import (
    Command,
    Ending,
    File,
    Image,
    ImageRecipe,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Trajectory,
    Turn,
    Verifier,
)
from tests.sandbox.watched import Watched

CONFIG = RolloutConfig()
DONE = render("Done.", "Confirm.", (), task_complete=True)


def checks(answer: str, *, live: bool = False) -> Verifier:
    source = f"def test_it():\n    with open('/app/answer') as file: assert file.read() == '{answer}\\n'\n"
    file = File(path="/tests/test_outputs.py", content=source.encode())
    return Verifier(files=(file,), tests=(Test(id="test_outputs.py::test_it"),), live=live)


def task(*lines: str, **changes: Any) -> TerminalTask:
    """Its solution types one line a turn."""
    steps = (
        Step(analysis="Next.", plan="Type.", commands=(Command(keystrokes=f"{line}\n", duration_s=15.0),))
        for line in lines
    )
    fields = {"verifier": checks("42"), "files": (File(path="/app/given", content=b"here"),)} | changes
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction="Write 42 to /app/answer.",
        solution=tuple(steps),
        provenance=Provenance(source="forge", generator="test@1"),
        **fields,
    )


PLAIN = task("ls -A", "echo 42 > answer; cat answer")


@pytest.fixture
def watched(engine: Engine, image: Image) -> Iterator[Watched]:
    """The engine; afterwards nothing of its sandboxes may be left."""
    watched = Watched(engine, image)
    yield watched
    watched.assert_nothing_is_left()


def record(engine: Engine, terminal_task: TerminalTask, *replies: str, slip_rate: float = 0.0) -> Trajectory:
    """A trial of the oracle, or of a teacher that says `replies`."""
    said = Trajectory(
        trial_id="said",
        task_id="",
        model="test/said",
        template="",
        template_sha256="",
        image=Image(name="", recipe="", digest="", inventory=""),
        sandbox="bubblewrap",
        turns=tuple(Turn(prompt="", reply=reply) for reply in replies),
        ending=Ending.COMPLETED,
    )
    teacher = Recorded(said) if replies else Oracle(terminal_task, seed="0", slip_rate=slip_rate)
    (trajectory,) = roll_out(Trial(terminal_task, 0, "trial"), CONFIG, engine, teacher)
    return trajectory


@pytest.fixture(scope="module")
def plain(engine: Engine, image: Image) -> Trajectory:
    return record(Watched(engine, image), PLAIN)


def played(recorded: Trajectory, terminal_task: TerminalTask, engine: Engine, *, other_image: bool = False) -> Replay:
    return replay(recorded, terminal_task, CONFIG, engine, other_image=other_image)


@pytest.mark.parametrize("slip_rate", [0.0, 1.0])
def test_an_oracle_trial_replays_equal_to_the_last_file(watched: Watched, slip_rate: float) -> None:
    terminal_task = task("ls -A", "mkdir out; echo 41 > out/draft", "mv out/draft .; echo 42 > answer")
    recorded = record(watched, terminal_task, slip_rate=slip_rate)
    assert recorded.left is not None
    assert [file.path for file in recorded.left] == ["/app/answer", "/app/draft", "/app/given"]
    found = played(recorded, terminal_task, watched)
    assert (found.turns, found.equal_turns, found.alike_turns) == (len(recorded.turns),) * 3
    assert (found.tree, found.first_difference, found.diff, found.error) == ("equal", None, "", "")
    assert found.equal
    assert found.conclusive
    assert found.old is not None
    assert found.new is not None
    assert found.old.results == found.new.results
    assert (found.trial_id, found.task_id) == ("trial", terminal_task.id)
    assert (found.image, found.sandbox) == (recorded.image, recorded.sandbox)


def test_a_clock_or_a_die_on_the_screen_is_found_in_its_turn(watched: Watched) -> None:
    terminal_task = task("ls", "echo 42 > answer", "date; date +%N; echo $RANDOM$RANDOM; mktemp -u", "cat answer")
    found = played(record(watched, terminal_task), terminal_task, watched)
    assert (found.first_difference, found.equal_turns) == (3, found.turns - 1)
    assert found.alike_turns == found.turns
    assert "--- recorded\n+++ replayed\n" in found.diff
    assert not found.equal


def test_other_words_on_the_screen_are_not_alike(watched: Watched) -> None:
    terminal_task = task("shuf -e a b c d e f g h i j k l m n o p q r s t u v w x y z | tr -d '\\n'; echo")
    found = played(record(watched, terminal_task), terminal_task, watched)
    assert (found.first_difference, found.equal_turns, found.alike_turns) == (1, found.turns - 1, found.turns - 1)


def test_a_die_in_a_file_is_found_in_the_tree_and_decides_nothing(watched: Watched) -> None:
    dice = "d() { od -An -N8 -tx8 /dev/urandom | tr -d ' '; }"
    terminal_task = task("echo 42 > answer", f"{dice}; d > noise; touch new-$(d); chmod 600 given; clear")
    recorded = record(watched, terminal_task)
    found = played(recorded, terminal_task, watched)
    assert (found.tree, found.changed) == ("different", ("/app/noise",))
    assert len(found.added) == len(found.missing) == 1
    assert recorded.left is not None
    assert found.missing[0] in {file.path for file in recorded.left}
    assert found.added[0].startswith("/app/new-")
    assert found.equal_turns == found.turns
    assert not found.equal
    assert not found.conclusive


def test_a_mode_is_part_of_the_tree(watched: Watched, plain: Trajectory) -> None:
    assert plain.left is not None
    first, *others = plain.left
    closed = plain.model_copy(update={"left": (first.model_copy(update={"mode": 0o600}), *others)})
    found = played(closed, PLAIN, watched)
    assert (found.tree, found.changed, found.added, found.missing) == ("different", ("/app/answer",), (), ())


def test_other_tests_give_the_recorded_trial_a_new_verdict(watched: Watched, plain: Trajectory) -> None:
    assert plain.outcome == "solved"
    stricter = PLAIN.model_copy(update={"verifier": checks("43")})
    found = played(plain, stricter, watched)
    assert found.conclusive
    assert found.old is not None
    assert found.new is not None
    assert (found.old.solved, found.new.solved) == (True, False)
    assert found.task_id == stricter.id


def test_files_decide_where_only_the_screen_differs(watched: Watched) -> None:
    terminal_task = task("echo $RANDOM-$RANDOM-$RANDOM", "echo 42 > answer")
    found = played(record(watched, terminal_task), terminal_task, watched)
    assert (found.equal, found.conclusive) == (False, True)


@pytest.mark.parametrize("same", [True, False])
def test_the_screen_decides_where_the_files_are_not_known(watched: Watched, plain: Trajectory, same: bool) -> None:
    first, *others = plain.turns
    shown = first.model_copy(update={"observation": first.observation if same else "something else"})
    found = played(plain.model_copy(update={"left": None, "turns": (shown, *others)}), PLAIN, watched)
    assert (found.tree, found.equal, found.conclusive) == ("unknown", same, same)


def test_live_tests_need_an_equal_screen_too(watched: Watched) -> None:
    """They may look at anything on the machine, and files are not all of it."""
    live = checks("42", live=True)
    for line, same in (("ls", True), ("echo $RANDOM-$RANDOM-$RANDOM", False)):
        terminal_task = task(line, "echo 42 > answer", verifier=live)
        recorded = record(watched, terminal_task)
        assert recorded.left is not None
        found = played(recorded, terminal_task, watched)
        assert found.new is not None
        assert (found.new.solved, found.tree, found.conclusive) == (True, "equal", same)


@pytest.mark.parametrize(
    ("replies", "ending"),
    [
        (
            (render("", "", [Command(keystrokes="echo 42 > answer; exit\n", duration_s=15.0)], False),),
            Ending.TERMINAL_CLOSED,
        ),
        (("{", "", "no JSON", "\ud800\0", DONE, DONE), Ending.COMPLETED),
        (("{",) * CONFIG.agent.max_unusable, Ending.PROTOCOL_ERRORS),
    ],
)
def test_every_kind_of_turn_replays(watched: Watched, replies: tuple[str, ...], ending: Ending) -> None:
    recorded = record(watched, PLAIN, *replies)
    assert recorded.ending is ending
    found = played(recorded, PLAIN, watched)
    assert found.equal
    assert found.turns == len(recorded.turns)
    assert found.new is not None
    assert found.old is not None
    assert found.new.score == found.old.score


def test_a_trial_that_was_cut_short_is_played_as_far_as_it_went(watched: Watched, plain: Trajectory) -> None:
    cut = plain.model_copy(update={"turns": plain.turns[:1], "ending": Ending.CONTEXT_LIMIT, "left": None})
    found = played(cut, PLAIN, watched)
    assert (found.turns, found.equal_turns, found.error) == (1, 1, "")
    assert found.new is not None
    assert not found.new.solved


def test_a_replay_that_ends_early_lacks_turns(watched: Watched, plain: Trajectory) -> None:
    """A recording of a shell that came back is not what happens to one that exits."""
    first, *others = plain.turns
    exits = render("", "", [Command(keystrokes="exit\n", duration_s=15.0)], False)
    altered = plain.model_copy(update={"turns": (first.model_copy(update={"reply": exits}), *others)})
    found = played(altered, PLAIN, watched)
    assert (found.turns, found.equal_turns, found.first_difference) == (3, 0, 1)
    assert "-typed: 'ls -A" in found.diff


def test_another_image_is_refused_unless_it_is_asked_for(watched: Watched, plain: Trajectory) -> None:
    elsewhere = plain.model_copy(update={"image": plain.image.model_copy(update={"digest": "sha256:0"})})
    started = len(watched.started)
    with pytest.raises(InputError, match=r"digest sha256:0.*but here is") as refused:
        played(elsewhere, PLAIN, watched)
    assert plain.image.digest in str(refused.value)
    assert len(watched.started) == started
    assert played(elsewhere, PLAIN, watched, other_image=True).equal


class Failing(Watched):
    """Its first sandboxes do not start."""

    def __init__(self, engine: Engine, image: Image, failures: int) -> None:
        super().__init__(engine, image)
        self.failures = failures

    def start(self, image: Image, **options: Any) -> Sandbox:
        self.failures -= 1
        if self.failures >= 0:
            raise SandboxError("no room")
        return super().start(image, **options)


def test_a_replay_is_begun_again_when_machines_fail(engine: Engine, image: Image, plain: Trajectory) -> None:
    assert played(plain, PLAIN, Failing(engine, image, ATTEMPTS - 1)).equal


def test_machines_that_fail_say_nothing_of_the_trial(engine: Engine, image: Image, plain: Trajectory) -> None:
    found = played(plain, PLAIN, Failing(engine, image, ATTEMPTS))
    assert found.error == "sandbox lost: no room"
    assert (found.equal, found.conclusive) == (False, False)
