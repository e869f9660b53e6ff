"""Harbor's figures on the same machine: the same script from the same endpoint, run by `harbor run`.

The kit lies beside the checkout, in shared/bench/harbor; its setup.sh makes the folder that is named here.
"""

import json
import os
import subprocess
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import endpoint as scripted
from tests.benchmarks.endpoint import SCRIPT, WAITS_S
from tests.benchmarks.workload import IMAGE as OURS

KIT = Path(__file__).parents[3] / "shared/bench/harbor"
IMAGE = "rollout-baseline:1"
"""As the kit's task names it."""


class Baseline(NamedTuple):
    turn_ms: float
    """Of one trial, the agent's phase alone."""
    batch_s: float
    """Eight trials at once, the whole command."""


def baseline(folder: Path) -> Baseline:
    _build_image()
    with scripted.endpoint() as (url, _):
        _, job = _run(folder, url, attempts=1, concurrency=1)
        batch_s, _ = _run(folder, url, attempts=8, concurrency=8)
    [result] = [json.loads(path.read_text()) for path in job.glob("*/result.json")]
    phase = result["agent_execution"]
    agent_s = (_time(phase["finished_at"]) - _time(phase["started_at"])).total_seconds()
    return Baseline(1000 * (agent_s - WAITS_S) / len(SCRIPT), batch_s)


def _run(folder: Path, url: str, *, attempts: int, concurrency: int) -> tuple[float, Path]:
    """Wall seconds of a job, and its folder."""
    job = f"termforge-{uuid.uuid4().hex[:8]}"
    argv = [
        str(folder / "venv/bin/harbor"), "run", "-p", str(KIT / "task"), "-a", "terminus-2", "-m", "openai/scripted",
        "--ak", f"api_base={url}/v1", "-k", str(attempts), "-n", str(concurrency),
        "--job-name", job, "--jobs-dir", str(folder / "jobs"), "-q",
    ]  # fmt: skip
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DOCKER_CONFIG": str(folder / "docker-config")}
    start = time.monotonic()
    subprocess.run(argv, check=True, cwd=folder, env=os.environ | settings | {"OPENAI_API_KEY": "none"})
    seconds = time.monotonic() - start
    rewards = [
        json.loads(path.read_text())["verifier_result"] for path in (folder / "jobs" / job).glob("*/result.json")
    ]
    assert [reward["rewards"]["reward"] for reward in rewards] == [1] * attempts, rewards
    return seconds, folder / "jobs" / job


def _build_image() -> None:
    """Ours with what Harbor records with, so that both sides work on the same image."""
    text = f"FROM termforge/{OURS}:latest\nRUN apt-get update && apt-get install -y asciinema\n"
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, "-"], input=text.encode(), check=True)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
