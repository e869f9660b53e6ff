"""A night of growth as people run it: a server, a worker, the command line and the bundled UI in a browser."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from termforge.store import Store
from tests.flows.server import PREFECT, Prefect


@pytest.fixture(scope="session")
def lacks(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Which of some words a page does not show after its scripts have run, in a headless Chromium.

    Chromium's virtual time can run ahead of a busy server, so a page is opened up to five times.
    """
    profile = tmp_path_factory.mktemp("chromium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "these tests need chromium: apt-get install chromium"

    def dom(url: str) -> str:
        arguments = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            f"--disable-component-update --disable-sync --user-data-dir={profile} --window-size=1400,3000 "
            "--virtual-time-budget=25000 --dump-dom"
        ).split()
        return subprocess.run([chromium, *arguments, url], capture_output=True, text=True, timeout=120).stdout

    def lacks(url: str, *words: str) -> list[str]:
        missing = list(words)
        for _ in range(5):
            page = dom(url)
            missing = [word for word in words if word not in page]
            if not missing:
                break
        return missing

    return lacks


def get(prefect: Prefect, path: str, body: dict | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{prefect.url}/api/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.bubblewrap
@pytest.mark.browser
def test_a_growth_runs_from_the_command_line_and_shows_in_the_ui(
    prefect: Prefect, start_worker: Callable[[], object], lacks: Callable[..., list[str]], tmp_path: Path
) -> None:
    start_worker()
    settings = {"store": tmp_path / "store", "night": "ui", "prompt_rows": 3, "forged_per_domain": 1, "images": "host"}
    parameters = [text for name, value in settings.items() for text in ("-p", f"{name}={value}")]
    said = prefect.command("deployment", "run", "grow-corpus/by-hand", "--watch", *parameters)
    assert "Completed" in said

    store = Store(tmp_path / "store")
    (trajectories,) = store.versions("trajectories")
    (corpus,) = store.versions("corpus")
    outcomes = store.scan(trajectories).select(pl.col("outcome").value_counts()).collect().unnest("outcome")
    assert outcomes.rows() == [("solved", 12)]
    assert store.record(corpus).counts["kept"] == 12

    runs = get(prefect, "flow_runs/filter", {"flows": {"name": {"any_": ["grow-corpus"]}}})
    (run,) = (run for run in runs if run["name"] == "ui")
    assert lacks(f"{prefect.url}/runs/flow-run/{run['id']}", "Completed") == []

    deployment = get(prefect, "deployments/name/grow-corpus/by-hand")
    names = ("night", "forged_per_domain", "teacher", "budget_usd", "wait_mode", "concurrency")
    form = f"{prefect.url}/deployments/deployment/{deployment['id']}/run"
    assert lacks(form, *names, "Trials that are live at once, at most.") == []

    for key, words in {"corpus": "kept", "trajectories": "solved", "tasks": "oracle passes: passed"}.items():
        (latest,) = get(prefect, "artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
        assert lacks(f"{prefect.url}/artifacts/artifact/{latest['latest_id']}", words) == []
    assert lacks(f"{prefect.url}/artifacts", "rollouts") == []


@pytest.mark.bubblewrap
def test_a_malformed_prompt_file_is_refused_and_nothing_is_written(
    prefect: Prefect, start_worker: Callable[[], object], tmp_path: Path
) -> None:
    start_worker()
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"problem": "1 + 1?", "expected_answer": "2"}\n{"problem": 5}\n')
    settings = (f"store={tmp_path / 'store'}", f"prompts={prompts}", "solution_column=null", "id_column=null")
    parameters = [text for setting in settings for text in ("-p", setting)]
    done = subprocess.run(
        [PREFECT, "deployment", "run", "adapt-prompts/by-hand", "--watch", *parameters],
        env=prefect.env,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert "Failed" in done.stdout
    assert list((tmp_path / "store").rglob("*.parquet")) == []
    runs = get(prefect, "flow_runs/filter", {"flows": {"name": {"any_": ["adapt-prompts"]}}})
    assert any("prompts.jsonl, line 2" in (run["state"]["message"] or "") for run in runs)


def test_the_nightly_growth_is_scheduled(prefect: Prefect) -> None:
    nightly = get(prefect, "deployments/name/grow-corpus/nightly")
    for _ in range(90):
        runs = get(prefect, "flow_runs/filter", {"deployments": {"id": {"any_": [nightly["id"]]}}})
        if runs:
            break
        time.sleep(1)
    assert {run["state"]["type"] for run in runs} == {"SCHEDULED"}
    assert all(run["expected_start_time"][11:16] == "02:00" for run in runs)
