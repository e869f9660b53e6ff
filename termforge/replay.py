"""Play a recorded trial again: the model's replies, word for word, into a fresh sandbox of the same image.

    python -m termforge.replay STORE DATASET TRIAL_ID [--sandbox docker] [--other-image]

What the agent left is not stored, only its hashes are, so this is also the way to grade an old trial anew. Exit status
0 when everything that can be compared is equal, 1 when something differs, 2 when the trial cannot be replayed.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    InputError,
    StoreError,
    TeacherError,
    TermforgeError,
)
from termforge.findings import Replay
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine
from termforge.schemas import DatasetRef, Image, LeftFile, TerminalTask, Trajectory, Turn, Verdict
from termforge.stages.machine import open_engine
from termforge.store import Store
from termforge.teacher import ChatMessage, Reply

ATTEMPTS = 3
"""Of one replay, while machines fail."""
DIFF_CHARS = 4_000
PATHS_SHOWN = 20

_UNSTEADY = (
    (re.compile(r"\btmp[._]?\w{6,}\b"), "<temporary>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<address>"),
    (re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b"), "<day>"),
    (re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"), "<month>"),
    (re.compile(r"\d+"), "0"),
    (re.compile(r" {2,}"), " "),
)
"""What two runs of the same commands may show differently: random names, addresses, clocks, numbers, and the width
of a column of them. No decision is made on text that these were applied to."""


class Recorded:
    """A Teacher that answers as the trial's did, in the order of the calls."""

    context_tokens: int | None = None
    """The recorded service alone says where the conversation outgrew its window."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.model = trajectory.model
        self.sampling: dict[str, Any] = trajectory.sampling
        self._answers = (answer for turn in trajectory.turns for answer in _answers(turn))

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return 0

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """The next one, at once.

        Raises: ContextExceeded, EmptyReply as recorded; BudgetExhausted when the harness asks more often than it did.
        """
        answer = next(self._answers, BudgetExhausted("the recorded replies are used up: this harness asks more often"))
        if isinstance(answer, TeacherError):
            raise answer
        return answer


def replay(
    recorded: Trajectory, terminal_task: TerminalTask, config: RolloutConfig, engine: Engine, *, other_image: bool
) -> Replay:
    """Play a trial again as `config` says it was rolled out, grade it, and compare.

    Raises: InputError where another image than the recorded one is here and `other_image` does not allow it.
    """
    image = engine.image(terminal_task.image)
    if not other_image:
        check_image(recorded.image, image)
    for _ in range(ATTEMPTS):
        played = _play(recorded, terminal_task, config, engine)
        if not _error(played):
            break
    return compared(recorded, played, terminal_task)


def check_image(recorded: Image, here: Image) -> None:
    """Raises: InputError naming both where they are not the same build."""
    if here != recorded:
        raise InputError(
            f"recorded on image {recorded.name} (recipe {recorded.recipe or '-'}, digest {recorded.digest}), but here "
            f"is {here.name} (recipe {here.recipe or '-'}, digest {here.digest}); ask for another image to go on"
        )


def compared(recorded: Trajectory, played: Trajectory, terminal_task: TerminalTask) -> Replay:
    """What differs, turn by turn and file by file."""
    turns = [(_seen(old), _seen(new)) for old, new in zip_longest(recorded.turns, played.turns)]
    different = next((number for number, (old, new) in enumerate(turns, start=1) if old != new), None)
    return Replay(
        trial_id=recorded.trial_id,
        attempt=recorded.attempt,
        task_id=terminal_task.id,
        image=played.image,
        sandbox=played.sandbox,
        turns=len(recorded.turns),
        equal_turns=sum(old == new for old, new in turns),
        alike_turns=sum(steady(old) == steady(new) for old, new in turns),
        first_difference=different,
        diff=_diff(*turns[different - 1]) if different else "",
        **_tree(recorded.left, played.left),
        old=recorded.verdict,
        new=played.verdict,
        error=_error(played),
    )


def steady(text: str) -> str:
    """`text` without what changes from run to run."""
    for pattern, word in _UNSTEADY:
        text = pattern.sub(word, text)
    return text


def _answers(turn: Turn) -> Iterator[Reply | TeacherError]:
    """What the calls that led to a turn gave; of a call that was tried again, the last try."""
    calls = {call.stage: call for call in turn.handover}
    if calls:
        yield ContextExceeded("the conversation was too long here")
    for stage, call in calls.items():
        if stage == "short summary" and "answers" in calls and calls["answers"].reply.strip():
            yield ContextExceeded("the first conversation it was handed over to was too long as well")
        reply = Reply(content=call.reply, reasoning=call.reasoning, usage=call.usage)
        yield reply if call.reply else EmptyReply("no reply here")
    reason = "length" if turn.truncated else "stop"
    yield Reply(content=turn.reply, reasoning=turn.reasoning, usage=turn.usage, finish_reason=reason)


def _play(recorded: Trajectory, terminal_task: TerminalTask, config: RolloutConfig, engine: Engine) -> Trajectory:
    """One attempt that ends with the last recorded turn, whatever had ended the trial."""
    limits = terminal_task.limits.model_copy(update={"max_turns": len(recorded.turns)})
    trial = Trial(terminal_task.model_copy(update={"limits": limits}), recorded.sample, recorded.trial_id)
    (played,) = roll_out(trial, config.model_copy(update={"attempts": 1}), engine, Recorded(recorded))
    return played


def _error(played: Trajectory) -> str:
    if played.ending.infrastructure:
        return f"{played.ending}: {played.detail}"
    return (played.verdict and played.verdict.error) or ""


def _seen(turn: Turn | None) -> str:
    """What was typed and what was shown, as a text to compare; empty for a turn that was not reached."""
    if turn is None:
        return ""
    return "".join(f"typed: {command.keystrokes!r}\n" for command in turn.commands) + turn.observation


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "recorded", "replayed", n=1, lineterm="")
    return "\n".join(lines)[:DIFF_CHARS]


def _tree(old: tuple[LeftFile, ...] | None, new: tuple[LeftFile, ...] | None) -> dict[str, Any]:
    """The fields of a Replay about files."""
    if old is None or new is None:
        return {"tree": "unknown"}
    before, after = ({file.path: file for file in files} for files in (old, new))
    return {
        "tree": "equal" if before == after else "different",
        "added": tuple(sorted(after.keys() - before.keys())),
        "missing": tuple(sorted(before.keys() - after.keys())),
        "changed": tuple(sorted(path for path in before.keys() & after.keys() if before[path] != after[path])),
    }


def rollout_config(store: Store, trajectories: DatasetRef) -> RolloutConfig:
    """How the trials of a dataset were run.

    Raises: InputError where its record does not say.
    """
    record = store.record(trajectories)
    if record.kind != "trajectories" or "rollout" not in record.config:
        raise InputError(f"{trajectories}: its record does not say that, and how, trials were run")
    return RolloutConfig.model_validate(record.config["rollout"])


def describe(replay: Replay) -> str:
    """For people."""
    lines = [
        f"trial    {replay.trial_id}, attempt {replay.attempt}, of task {replay.task_id}",
        f"sandbox  {replay.sandbox}, image {replay.image.name} {replay.image.digest}",
    ]
    if replay.error:
        return "\n".join([*lines, f"failed   {replay.error}"])
    lines.append(
        f"turns    {replay.turns}: {replay.equal_turns} equal, "
        f"{replay.alike_turns - replay.equal_turns} that differ in clocks, numbers and random names only"
    )
    if replay.first_difference:
        lines += [f"turn {replay.first_difference} is the first to differ:", replay.diff]
    lines.append(f"tree     {replay.tree}")
    for sign, paths in (("+", replay.added), ("-", replay.missing), ("~", replay.changed)):
        lines += [f"  {sign} {path}" for path in paths[:PATHS_SHOWN]]
        lines += [f"  {sign} and {len(paths) - PATHS_SHOWN} more"] if len(paths) > PATHS_SHOWN else []
    doubt = "" if replay.conclusive or replay.new is None else ", which is not the recorded trial's"
    lines.append(f"verdict  {_judged(replay.old)} recorded, {_judged(replay.new)} now{doubt}")
    return "\n".join([*lines, "equal" if replay.equal else "different"])


def _judged(verdict: Verdict | None) -> str:
    if verdict is None:
        return "none"
    return verdict.error or f"{'solved' if verdict.solved else 'unsolved'} ({verdict.score:.2f})"


def _find(store: Store, trajectories: DatasetRef, trial_id: str) -> tuple[Trajectory, TerminalTask]:
    """The trial's last attempt, and its task.

    Raises: InputError where there is no such trial, StoreError where its task is gone.
    """
    attempts = [trajectory for trajectory in store.read(trajectories) if trajectory.trial_id == trial_id]
    if not attempts:
        raise InputError(f"there is no trial {trial_id} in {trajectories}")
    tasks = store.source(trajectories, "tasks")
    for terminal_task in store.read(tasks):
        if terminal_task.id == attempts[-1].task_id:
            return attempts[-1], terminal_task
    raise StoreError(f"trial {trial_id} in {trajectories} is of no task in {tasks}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "python -m termforge.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", help="folder or fsspec URI")
    parser.add_argument("dataset", help="trajectories: name@version, or name for the newest version")
    parser.add_argument("trial", help="its id; the last attempt is replayed")
    parser.add_argument("--sandbox", choices=["bubblewrap", "docker"], help="instead of the recorded kind")
    parser.add_argument("--other-image", action="store_true", help="go on where the image here is another build")
    options = parser.parse_args(arguments)
    store = Store(options.store)
    try:
        trajectories = store.resolve(options.dataset)
        config = rollout_config(store, trajectories)
        recorded, terminal_task = _find(store, trajectories, options.trial)
        engine = open_engine(options.sandbox or recorded.sandbox)
        found = replay(recorded, terminal_task, config, engine, other_image=options.other_image)
    except TermforgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(describe(found))
    return 0 if found.equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
