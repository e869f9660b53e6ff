"""A training as a subprocess of a flow: its command, its output line by line, its end. Imports no torch."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from termforge.errors import InputError, SetupError, TrainingError
from termforge.train import recipes
from termforge.train.record import Progress

LIFELINE = "TERMFORGE_LIFELINE"
"""Set for a training whose input is held open by its parent: it ends when the input does."""
REFUSED = "termforge.train refuses: "
"""Begins the line with which a training says that its input is unusable."""
LAST_LINES = 100
GRACE_S = 10.0
QUIET = {"TQDM_MININTERVAL": "30", "PYTHONWARNINGS": "ignore::FutureWarning"}
"""The libraries print progress ten times a second and each deprecation at each step; steps are what counts here."""

_STEP = re.compile(r"step (\d+)/(\d+) loss (\S+) learning rate (\S+)")


def command(recipe: str, data: Sequence[Path], out: Path, *, processes: int | None = None) -> list[str]:
    """`accelerate launch ... -m termforge.train ...` for this machine.

    `processes` (one per GPU here) replaces the recipe's count; accumulation grows so that the global batch stays. A
    recipe for several machines needs it, or the cluster's own launcher. InputError where recipe, files and counts do
    not fit; SetupError where the train extra is not installed.
    """
    chosen = recipes.load(recipe)
    if processes is None and chosen.machines > 1:
        raise InputError(
            f"recipe {recipe} spans {chosen.machines} machines: let the cluster's launcher start "
            f"`python -m termforge.train` on each, or say how many processes this machine shall run"
        )
    count = chosen.processes if processes is None else processes
    chosen.accumulation(count)
    if find_spec("accelerate") is None or find_spec("trl") is None:
        raise SetupError("training needs the train extra: pip install 'termforge[train]'")
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--quiet"]
    launcher += ["--config_file", str(recipes.accelerate_file(chosen))]
    launcher += ["--num_processes", str(count), "--num_machines", "1"]
    deepspeed = recipes.deepspeed_file(chosen)
    if deepspeed is not None:
        recipes.check_deepspeed(json.loads(deepspeed.read_text(encoding="utf-8")), chosen)
        launcher += ["--deepspeed_config_file", str(deepspeed)]
    files = [str(path) for path in data]
    return [*launcher, "-m", "termforge.train", "--recipe", recipe, "--data", *files, "--out", str(out)]


def run(command: Sequence[str], on_line: Callable[[str], None]) -> None:
    """Run a training and hand over each line it prints. It never outlives this process, whatever ends that.

    InputError where the training refuses its input, TrainingError with the last lines where it fails.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env=QUIET | os.environ | {LIFELINE: "1"},
    )
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.rstrip())
                on_line(last[-1])
            code = process.wait()
        finally:
            _end(process)
    if code:
        _raise(code, list(last))


def progress(line: str) -> Progress | None:
    """The optimizer step that a line of output reports, if it does."""
    if not (match := _STEP.fullmatch(line)):
        return None
    step, steps, loss, rate = match.groups()
    return Progress(step=int(step), steps=int(steps), loss=float(loss), learning_rate=float(rate))


def _end(process: subprocess.Popen[str]) -> None:
    """The whole session of the training, launcher and workers, politely at first."""
    for kill in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kill)
        except ProcessLookupError:
            return
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue


def _raise(code: int, lines: list[str]) -> None:
    for line in lines:
        if line.startswith(REFUSED):
            raise InputError(line.removeprefix(REFUSED))
    raise TrainingError(f"the training ended with {code}:\n" + "\n".join(lines))
