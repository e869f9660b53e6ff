"""Leases of holders: alive as long as their process, however it ends."""

import signal
import subprocess
import sys
from pathlib import Path

from termforge.sandbox import holder
from termforge.sandbox.holder import Holder

HOLD = """
import sys
from pathlib import Path
from termforge.sandbox.holder import Holder
print(Holder(Path(sys.argv[1])).id, flush=True)
held = Holder(Path(sys.argv[1]))
print(held.id, flush=True)
sys.stdin.read()
"""


def test_a_holder_lives_until_its_process_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ids = [process.stdout.readline().strip() for _ in range(2)]
    assert not any(holder.is_dead(tmp_path, one) for one in ids)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert all(holder.is_dead(tmp_path, one) for one in ids)


def test_a_holder_of_this_process_counts_as_alive_until_released(tmp_path: Path) -> None:
    held = Holder(tmp_path)
    assert not holder.is_dead(tmp_path, held.id)
    held.release()
    held.release()
    assert holder.is_dead(tmp_path, held.id)


def test_a_state_folder_keeps_its_id(tmp_path: Path) -> None:
    assert holder.owner(tmp_path / "a") == holder.owner(tmp_path / "a")
    assert holder.owner(tmp_path / "a") != holder.owner(tmp_path / "b")
