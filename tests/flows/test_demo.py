"""`make demo`, stopped by hand and run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.bubblewrap
@pytest.mark.timeout(600)
def test_a_demo_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")}
    command = [sys.executable, "-u", "-m", "flows.demo"]
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "of gate-verdicts" in line:  # some are done, and others live
                demo.send_signal(signal.SIGINT)
                break
        rest = said + demo.stdout.read()
    assert demo.returncode == 130, rest
    assert "stopping: what is live is finished first" in rest
    assert "the same command goes on from there" in rest
    assert not (tmp_path / "store" / "corpus").exists()

    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "corpus:" in again.stdout
    (corpus,) = (tmp_path / "store" / "corpus").iterdir()
    assert (corpus / "dataset.json").is_file()
