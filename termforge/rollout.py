"""One trial: start a sandbox, let the agent work, grade what it left, and put everything on one record.

Whatever goes wrong becomes a typed ending on the row. Only infrastructure endings are tried again, and every attempt is
kept, so that no score hides a second chance.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from termforge.agent.loop import AgentConfig, Episode, run_episode
from termforge.errors import AgentFailure, SandboxError, TerminalError, VerifierError
from termforge.sandbox.protocol import Engine, Sandbox, started
from termforge.schemas import Ending, Image, Record, TerminalTask, Trajectory, Verdict, digest
from termforge.shard import work_through
from termforge.slots import Slots
from termforge.teacher import Teacher
from termforge.terminal import Terminal, WaitMode
from termforge.terminal.recording import Recording
from termforge.verify import Left, collect, verify

log = logging.getLogger(__name__)

RESTART_S = 15.0
"""Where no sandbox starts its engine may be restarting: as long is waited before the next attempt."""


class RolloutConfig(Record):
    """How trials are run; part of a trajectory dataset's version."""

    agent: AgentConfig = AgentConfig()
    wait_mode: WaitMode = "settle"
    samples: int = 1
    """Trials of each task."""
    attempts: int = 3
    """Trials of one sample at most; another follows only an infrastructure ending."""
    record: bool = False
    """Keep what each terminal showed as an asciicast: one more tmux client in each sandbox, up to 2 MB on each row."""


class Trial(NamedTuple):
    """One attempt of an agent at a TerminalTask."""

    terminal_task: TerminalTask
    sample: int
    id: str


MakeTeacher = Callable[[Trial], Teacher]


def trials_of(terminal_tasks: Iterable[TerminalTask], samples: int, growth: str) -> list[Trial]:
    """`samples` trials of each task; ids depend on the growth, the task and the sample index alone."""
    return [
        Trial(terminal_task, sample, digest([growth, terminal_task.id, sample])[:16])
        for terminal_task in terminal_tasks
        for sample in range(samples)
    ]


def roll_out_shard(
    trials: Iterable[Trial],
    config: RolloutConfig,
    engine: Engine,
    make_teacher: MakeTeacher,
    folder: Path,
    *,
    slots: Slots,
    on_done: Callable[[int, tuple[Trajectory, ...]], None],
) -> list[Trajectory]:
    """Every attempt of every trial of a shard, in the order of `trials`; resumes what `folder` already holds."""

    def work(trial: Trial) -> tuple[Trajectory, ...]:
        return roll_out(trial, config, engine, make_teacher(trial))

    by_id = {trial.id: trial for trial in trials}
    done = work_through(by_id, work, Trajectory, folder, slots=slots, on_done=on_done)
    return [trajectory for attempts in done.values() for trajectory in attempts]


def roll_out(trial: Trial, config: RolloutConfig, engine: Engine, teacher: Teacher) -> tuple[Trajectory, ...]:
    """The attempts of one trial; only the last can have an ending that is not infrastructure's."""
    attempts: list[Trajectory] = []
    while len(attempts) < config.attempts:
        trajectory = _attempt(trial, len(attempts), config, engine, teacher)
        attempts.append(trajectory)
        if not trajectory.ending.infrastructure and (trajectory.verdict is None or trajectory.verdict.error is None):
            break
        log.warning("trial %s, attempt %d: %s %s", trial.id, trajectory.attempt, trajectory.outcome, trajectory.detail)
        if trajectory.ending is Ending.BUDGET_EXHAUSTED:
            break
        if trajectory.ending is Ending.SANDBOX_LOST and not trajectory.turns:
            time.sleep(RESTART_S)
    return tuple(attempts)


class Run(NamedTuple):
    """What an attempt came to, whether or not its sandbox lived to see it."""

    episode: Episode
    image: Image
    limits_by: str = ""
    left: Left | None = None
    verdict: Verdict | None = None
    start_s: float = 0.0
    grading_s: float = 0.0


def _attempt(trial: Trial, attempt: int, config: RolloutConfig, engine: Engine, teacher: Teacher) -> Trajectory:
    terminal_task = trial.terminal_task
    image = engine.image(terminal_task.image)
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    recording = Recording(terminal_task.id) if config.record else None
    try:
        run = play(terminal_task, config, engine, teacher, recording)
    except SandboxError as error:
        run = Run(Episode(turns=(), ending=Ending.SANDBOX_LOST, detail=str(error)), image)
    except (TerminalError, AgentFailure) as error:
        # The agent has not had a word yet, so a terminal that does not start is not its doing.
        run = Run(Episode(turns=(), ending=Ending.TERMINAL_LOST, detail=str(error)), image)
    return Trajectory(
        trial_id=trial.id,
        task_id=terminal_task.id,
        sample=trial.sample,
        attempt=attempt,
        model=teacher.model,
        sampling=teacher.sampling,
        template=config.agent.template,
        template_sha256=config.agent.template_sha256,
        reply_format=config.agent.reply_format,
        observation_mode=config.agent.observation_mode,
        wait_mode=config.wait_mode,
        overflow=config.agent.overflow,
        thinking=config.agent.thinking,
        image=run.image,
        sandbox=engine.name,
        limits_by=run.limits_by,
        turns=run.episode.turns,
        abandoned=run.episode.abandoned,
        ending=run.episode.ending,
        detail=run.episode.detail,
        left=None if run.left is None else run.left.tree,
        verdict=run.verdict,
        started=began,
        start_s=run.start_s,
        grading_s=run.grading_s,
        recording="" if recording is None else recording.cast(turn.at_s for turn in run.episode.turns),
    )


def play(
    terminal_task: TerminalTask,
    config: RolloutConfig,
    engine: Engine,
    teacher: Teacher,
    recording: Recording | None = None,
    *,
    fresh: bool = False,
) -> Run:
    """One episode in a fresh sandbox, graded where its ending is the agent's own; `fresh` as in `verify`.

    Raises: SandboxError, TerminalError, AgentFailure where it did not come to an episode.
    """
    start = time.monotonic()
    image = engine.image(terminal_task.image)
    limits, needs = terminal_task.limits, terminal_task.needs
    mode = config.agent.observation_mode
    with started(engine, image, files=terminal_task.files, limits=limits, needs=needs) as sandbox:
        with Terminal(sandbox, wait_mode=config.wait_mode, observation_mode=mode, recording=recording) as terminal:
            start_s = time.monotonic() - start
            episode = run_episode(terminal_task.instruction, terminal, teacher, config.agent, limits, began=start)
        grading = time.monotonic()
        left, verdict = (None, None) if episode.ending.infrastructure else _grade(terminal_task, sandbox, engine, fresh)
        return Run(episode, image, sandbox.limits_by, left, verdict, start_s, time.monotonic() - grading)


def _grade(
    terminal_task: TerminalTask, sandbox: Sandbox, engine: Engine, fresh: bool
) -> tuple[Left | None, Verdict | None]:
    """What was left, and a verdict or one that says why there is none: the turns are worth keeping either way."""
    left = None
    try:
        left = collect(terminal_task, sandbox)
        return left, verify(terminal_task, left, sandbox, engine, fresh=fresh)
    except (SandboxError, VerifierError) as error:
        graded = terminal_task.verifier is not None
        return left, Verdict(error=f"{type(error).__name__}: {error}") if graded else None
