import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from termforge.errors import InputError, TrainingError
from termforge.train import launch
from termforge.train.record import Progress

OUT = Path("out")


def test_lines_arrive_as_they_are_printed():
    lines: list[str] = []
    launch.run([sys.executable, "-c", "import sys; print('one'); print('two', file=sys.stderr)"], lines.append)
    assert sorted(lines) == ["one", "two"]


def test_a_failure_carries_the_last_lines():
    code = "import sys; [print('line', i) for i in range(200)]; sys.exit('it broke')"
    with pytest.raises(TrainingError, match=r"ended with 1:\n(?s:.*)line 199\nit broke") as caught:
        launch.run([sys.executable, "-u", "-c", code], lambda line: None)
    assert "line 5\n" not in str(caught.value)


def test_refused_input_is_the_users_error():
    code = f"print({launch.REFUSED!r} + 'no such column'); raise SystemExit(2)"
    with pytest.raises(InputError, match=r"^no such column$"):
        launch.run([sys.executable, "-c", code], lambda line: None)


def test_a_broken_callback_ends_the_training(tmp_path: Path):
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); print('x', flush=True); time.sleep(60)"

    def on_line(line: str) -> None:
        raise KeyError(line)

    started = time.monotonic()
    with pytest.raises(KeyError):
        launch.run([sys.executable, "-c", code], on_line)
    assert time.monotonic() - started < 30
    assert gone(int(pid.read_text()))


def test_a_training_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "GRACE_S", 0.3)
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    seen: list[int] = []

    def on_line(line: str) -> None:
        seen.append(int(line))
        raise KeyError

    started = time.monotonic()
    with pytest.raises(KeyError):
        launch.run([sys.executable, "-c", code], on_line)
    assert time.monotonic() - started < 30
    assert gone(seen[0])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_dies_with_its_parent(tmp_path: Path, how: signal.Signals):
    """The launcher between flow and training passes no kill on; the training watches its input instead."""
    child = (
        "import os, threading, time\n"
        "from termforge.train.__main__ import _die_with_parent\n"
        "threading.Thread(target=_die_with_parent, daemon=True).start()\n"
        "print(os.getpid(), flush=True); time.sleep(60)\n"
    )
    launcher = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    parent = (
        "import sys; from termforge.train import launch;"
        f"launch.run([sys.executable, '-c', {launcher!r}], lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        training = int(process.stdout.readline())
        process.send_signal(how)
        process.wait(10)
    assert gone(training)


def test_progress_is_read_back_from_its_line():
    step = Progress(step=3, steps=40, loss=5.1234, learning_rate=2e-5)
    assert launch.progress(str(step)) == step
    assert launch.progress("Map: 100%") is None
    assert launch.progress(f"[rank 0] {step}") is None


@pytest.mark.train
def test_the_command_starts_the_recipes_processes():
    command = launch.command("tiny", [Path("a"), Path("b")], OUT)
    assert command[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert _after(command, "--num_processes") == "1"
    assert "--deepspeed_config_file" not in command
    assert command[command.index("termforge.train") :] == [
        *("termforge.train", "--recipe", "tiny"),
        *("--data", "a", "b"),
        *("--out", "out"),
    ]


@pytest.mark.train
def test_a_large_recipe_runs_on_one_machine_when_told_how_many_processes():
    with pytest.raises(InputError, match="spans 4 machines"):
        launch.command("8b", [Path("a")], OUT)
    command = launch.command("8b", [Path("a")], OUT, processes=8)
    assert _after(command, "--num_processes") == "8"
    assert Path(_after(command, "--config_file")).name == "deepspeed.yaml"
    assert Path(_after(command, "--deepspeed_config_file")).is_file()
    with pytest.raises(InputError, match="not a multiple"):
        launch.command("8b", [Path("a")], OUT, processes=12)


def gone(pid: int) -> bool:
    """Within a few seconds; a zombie that nobody reaped counts as gone."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def _after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]
