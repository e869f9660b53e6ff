"""Every way a trial can end badly: a typed ending, no turn lost, the work graded where it can be, no neighbour harmed.

The disasters of hostile.py run a few at a time while the tests wait for theirs; one good trial lives through them all.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.bubblewrap import Bubblewrap
from termforge.sandbox.docker_engine import Docker
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import Ending, File, Image, Limits, TerminalTask, Trajectory
from tests.sandbox.conftest import PYTHON
from tests.sandbox.hostile import ALIVE, DISASTERS, DONE, EQUAL, SLEEPERS, STILL, TASK, TIGHT, WORK, Disaster, reply
from tests.sandbox.scripted import Scripted
from tests.sandbox.watched import Watched, control_groups, descendants, ended, wait_until

AT_ONCE = 4
ROOT = Path(__file__).parents[2]
Attempts = tuple[Trajectory, ...]


def rolled_out(watched: Watched, *lines: Any, task: TerminalTask = TASK) -> Attempts:
    return roll_out(Trial(task, 0, "trial"), RolloutConfig(), watched, Scripted(*lines))


def graded_by(source: str, **changes: Any) -> TerminalTask:
    """The task with other tests; they still go by the name `test_it`."""
    assert TASK.verifier is not None
    files = (File(path="/tests/test_outputs.py", content=source.encode()),)
    return TASK.model_copy(update={"verifier": TASK.verifier.model_copy(update={"files": files, **changes})})


@pytest.fixture
def watched(engine: Engine, image: Image) -> Iterator[Watched]:
    """The engine; afterwards nothing of its sandboxes may be left."""
    watched = Watched(engine, image)
    yield watched
    watched.assert_nothing_is_left()


# The table


class Struck(NamedTuple):
    trials: dict[str, Future[Attempts]]
    neighbour: Future[Attempts]
    watched: Watched


@pytest.fixture(scope="module")
def struck(engine: Engine, image: Image) -> Iterator[Struck]:
    """All disasters, and a trial beside them that types once whenever one is over and does its own work last."""
    watched = Watched(engine, image)
    over = threading.Semaphore(0)

    def look() -> str:
        over.acquire()
        return ALIVE

    patient = TASK.model_copy(update={"limits": Limits(max_turns=len(DISASTERS) + 4)})
    with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(AT_ONCE) as pool:
        neighbour = beside.submit(rolled_out, watched, *[look] * len(DISASTERS), WORK, DONE, task=patient)
        trials = {disaster.name: pool.submit(strike, disaster, watched) for disaster in DISASTERS}
        for trial in trials.values():
            trial.add_done_callback(lambda _: over.release())
        yield Struck(trials, neighbour, watched)


def strike(disaster: Disaster, watched: Watched) -> Attempts:
    task = TASK.model_copy(update={"limits": disaster.limits})
    return rolled_out(watched, WORK, *disaster.replies, DONE, task=task)


@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda disaster: disaster.name)
def test_a_disaster_ends_as_the_table_says(struck: Struck, engine: Engine, disaster: Disaster) -> None:
    (trajectory,) = struck.trials[disaster.name].result()
    expected = disaster.expected(engine)
    assert (trajectory.ending, trajectory.outcome) == expected, trajectory.detail
    assert trajectory.verdict is not None
    assert disaster.because in trajectory.verdict.results[0].message
    if expected == (disaster.ending, disaster.outcome):
        assert any(disaster.shown in turn.observation for turn in trajectory.turns), trajectory.turns[-1].observation


def test_no_disaster_costs_a_turn(struck: Struck) -> None:
    for disaster in DISASTERS:
        script = [WORK, *disaster.replies, DONE, DONE]
        (trajectory,) = struck.trials[disaster.name].result()
        kept = [turn.reply for turn in trajectory.turns]
        assert kept == script[: len(kept)], disaster.name
        assert len(kept) == len(script) if trajectory.ending is Ending.COMPLETED else 2 <= len(kept) < len(script)


def test_no_disaster_harms_a_neighbour(struck: Struck) -> None:
    (trajectory,) = struck.neighbour.result()
    assert trajectory.outcome == "solved"
    assert all(STILL in turn.observation for turn in trajectory.turns[: len(DISASTERS)])


def test_no_disaster_leaves_anything_behind(struck: Struck) -> None:
    for trial in (struck.neighbour, *struck.trials.values()):
        trial.result()
    struck.watched.assert_nothing_is_left()


def test_memory_taken_from_what_holds_the_sandbox_is_the_agent_s_doing(watched: Watched) -> None:
    """An agent can make the kernel choose process 1; with bubblewrap its files end with it."""
    task = TASK.model_copy(update={"limits": TIGHT})
    (trajectory,) = rolled_out(watched, WORK, reply(EQUAL, SLEEPERS), DONE, task=task)
    if watched.name == "bubblewrap":
        assert (trajectory.ending, trajectory.outcome) == (Ending.RESOURCE_LIMIT, "resource limit")
        assert "memory ran out" in trajectory.detail
    else:
        assert trajectory.ending in (Ending.RESOURCE_LIMIT, Ending.TERMINAL_CLOSED)
        assert trajectory.outcome == "solved"


# Blows from outside


def kill(sandbox: Any) -> None:
    os.kill(sandbox.init_pid, signal.SIGKILL)


def kill_container(sandbox: Any) -> None:
    sandbox._api.kill(sandbox.container)


def restart_container(sandbox: Any) -> None:
    sandbox._api.restart(sandbox.container, timeout=0)


def remove_container(sandbox: Any) -> None:
    sandbox._api.remove_container(sandbox.container, force=True)


BLOWS = {"bubblewrap": [kill], "docker": [kill, kill_container, restart_container, remove_container]}


def test_a_sandbox_lost_amid_a_turn_keeps_the_turn_and_is_tried_again(engine: Engine, image: Image) -> None:
    with ThreadPoolExecutor() as pool:
        for ends in pool.map(lambda blow: struck_amid_a_turn(blow, engine, image), BLOWS[engine.name]):
            first, second = ends
            assert (first.outcome, first.verdict, len(first.turns)) == ("sandbox lost", None, 2)
            assert first.turns[1].commands[0].keystrokes == "sleep 60\n"
            assert (second.outcome, second.attempt) == ("solved", 1)


def struck_amid_a_turn(blow: Callable[[Sandbox], None], engine: Engine, image: Image) -> Attempts:
    watched = Watched(engine, image)

    def strike_soon() -> str:
        threading.Timer(1.0, blow, [watched.started[-1]]).start()
        return reply("sleep 60\n")

    ends = rolled_out(watched, WORK, strike_soon, WORK, DONE)
    watched.assert_nothing_is_left()
    return ends


def test_a_grader_that_is_killed_costs_no_turn_and_the_trial_is_tried_again(watched: Watched) -> None:
    def kill_the_grader() -> None:
        while len(watched.started) < 2:
            time.sleep(0.01)
        time.sleep(1.0)
        kill(watched.started[1])

    slow = graded_by("import time\ndef test_it(): time.sleep(3); assert open('/app/out.txt').read() == '42\\n'")
    killer = threading.Thread(target=kill_the_grader)
    killer.start()
    first, second = rolled_out(watched, WORK, DONE, DONE, WORK, DONE, task=slow)
    killer.join()
    assert (first.ending, first.outcome, len(first.turns)) == (Ending.COMPLETED, "verifier failed", 3)
    assert (second.outcome, second.attempt) == ("solved", 1)


@pytest.mark.bubblewrap
def test_a_control_group_that_cannot_be_removed_costs_nothing() -> None:
    engine = Bubblewrap()
    watched = Watched(engine)
    foreign = subprocess.Popen(["sleep", "60"])
    groups: set[Path] = set()

    def enter() -> str:
        groups.update(control_groups(watched.started[0]))
        for folder in groups:
            (folder / "cgroup.procs").write_text(str(foreign.pid))
        return WORK

    (trajectory,) = rolled_out(watched, enter, DONE)
    foreign.kill()
    foreign.wait()
    assert (trajectory.outcome, len(trajectory.turns)) == ("solved", 3)
    for folder in groups:
        folder.rmdir()


# Grading


def test_tests_that_hang_fail_and_the_trial_is_kept(watched: Watched) -> None:
    hanging = graded_by("import time\ndef test_it(): time.sleep(600)", timeout_s=2.0)
    (trajectory,) = rolled_out(watched, WORK, DONE, task=hanging)
    assert (trajectory.outcome, len(trajectory.turns)) == ("unsolved", 3)
    assert trajectory.verdict is not None
    assert trajectory.verdict.results[0].message == "the tests ran out of time"


WRITER = """setsid bash -c 'while :; do
  for n in 41 42; do echo $n > /app/out.txt; done; date +%N > /app/tick
  echo 1 > /logs/verifier/reward.txt; echo "def test_it(): pass" > /tests/test_outputs.py
done' > /dev/null 2>&1 &
"""
FROZEN = """
import os, time
def test_it():
    def state(): return open("/app/out.txt").read(), open("/app/tick").read(), os.listdir("/app")
    before = state()
    time.sleep(2)
    assert state() == before
    assert before[0] == "42\\n", "not solved"
"""


def test_what_background_writers_do_while_the_tests_run_is_not_seen(watched: Watched) -> None:
    (trajectory,) = rolled_out(watched, reply("mkdir -p /logs/verifier /tests\n", WRITER), DONE, task=graded_by(FROZEN))
    assert trajectory.verdict is not None
    assert trajectory.left is not None
    (sha,) = [file.sha256 for file in trajectory.left if file.path == "/app/out.txt"]
    if sha == sha256(b"42\n").hexdigest():
        assert trajectory.outcome == "solved"
    else:
        assert "AssertionError: not solved" in trajectory.verdict.results[0].message


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("true", "solved"),
        ("rm -rf --no-preserve-root / 2>/dev/null", "unsolved"),
        ("rm -rf /tests; echo > /tests", "solved"),
        ("rm -rf /app", "unsolved"),
    ],
)
def test_a_broken_machine_fails_the_tests_that_run_on_it(watched: Watched, line: str, outcome: str) -> None:
    """What lies in the place of the tests' own folder is taken away, and costs nothing."""
    live = graded_by("def test_it(): assert open('/app/out.txt').read() == '42\\n'", live=True)
    (trajectory,) = rolled_out(watched, WORK, reply(f"{line}\n"), DONE, task=live)
    assert (trajectory.ending, trajectory.outcome) == (Ending.COMPLETED, outcome)


LIAR = f"""rm -f {PYTHON}; cat > {PYTHON} <<'E'
#!/bin/sh
echo '{{"id": []}}'; echo '{{"id": "test_outputs.py::test_it"}}'; head -c 99999 /dev/zero | tr '\\0' '['
E
chmod 755 {PYTHON}
"""


def test_what_a_machine_makes_up_about_its_tests_passes_nothing(watched: Watched) -> None:
    """With bubblewrap the grader's Python is the host's, and stays."""
    live = graded_by("def test_it(): assert open('/app/out.txt').read() == '42\\n'", live=True)
    (trajectory,) = rolled_out(watched, WORK, reply(LIAR), DONE, task=live)
    assert trajectory.outcome == ("solved" if watched.name == "bubblewrap" else "unsolved")


# The holder dies

HOLDER = """
import json, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from termforge.images import built
from termforge.images.recipe import recipe
from termforge.sandbox.bubblewrap import Bubblewrap
from termforge.sandbox.docker_engine import Docker
from tests.sandbox.hostile import WORK, reply
from tests.sandbox.test_endings import rolled_out
from tests.sandbox.watched import Watched

if sys.argv[1] == "docker":
    watched = Watched(Docker(Path(sys.argv[2])), built(recipe("file-operations")).image)
else:
    watched = Watched(Bubblewrap())
begun = threading.Semaphore(0)

def begin():
    begun.release()
    return reply("(trap '' TERM HUP INT; setsid sleep 600 & sleep 600)\\n", wait_s=60.0)

with ThreadPoolExecutor(3) as pool:
    for number in range(3):
        pool.submit(rolled_out, watched, WORK, begin)
    for number in range(3):
        begun.acquire()
    time.sleep(1)
    print(json.dumps([[one.init_pid for one in watched.started], [str(group) for group in watched.groups]]), flush=True)
"""


def test_trials_of_a_holder_that_is_killed_leave_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, engine.name, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        first_processes, groups = json.loads(holder.stdout.readline())
        processes = {*first_processes}.union(*map(descendants, (holder.pid, *first_processes)))
        assert len(first_processes) == 3
        assert not any(map(ended, processes))
        holder.kill()
    reaper = Docker(tmp_path) if engine.name == "docker" else engine
    reaped = reaper.reap()
    assert wait_until(lambda: all(map(ended, processes)))
    assert not any(Path(group).exists() for group in groups)
    if isinstance(reaper, Docker):
        assert reaped == 3
        assert reaper.reap() == 0
        reaper.close()
        assert [path.name for path in (tmp_path / "leases/docker").iterdir()] == ["owner"]
