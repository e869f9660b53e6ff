"""What a corpus is for: the flows that fine-tune on it and that evaluate an agent, with what they show in the UI."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from termforge.schemas import DatasetRef
from termforge.store import Store
from termforge.train import record
from tests.flows.server import ROOT, Prefect

SETTINGS = {"night": "taught", "images": "host", "sandbox": "bubblewrap", "concurrency": 2}
ONLY = "oracle_host_forged"


def call(
    prefect: Prefect, flow: str, settings: dict[str, Any], *, timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """Run a flow in a process of its own; it prints what the flow returns."""
    code = f"import sys; from flows.{flow} import {flow}; print({flow}(**eval(sys.argv[1])))"
    arguments = [sys.executable, "-c", code, repr(settings)]
    return subprocess.run(arguments, cwd=ROOT, env=prefect.env, capture_output=True, text=True, timeout=timeout_s)


def run(prefect: Prefect, flow: str, settings: dict[str, Any], *, timeout_s: float = 200) -> str:
    done = call(prefect, flow, settings, timeout_s=timeout_s)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def artifact(prefect: Prefect, key: str) -> dict[str, Any]:
    """The newest artifact under a key."""
    body = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
    request = urllib.request.Request(
        f"{prefect.url}/api/artifacts/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        (found,) = json.load(answer)
    return found


@pytest.fixture(scope="module")
def store(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Nine forged tasks, solved by the oracle, as a corpus."""
    folder = tmp_path_factory.mktemp("taught") / "store"
    run(prefect, "grow_corpus", SETTINGS | {"prompts": "", "forged_per_domain": 1, "store": str(folder)})
    return Store(folder)


def newest(store: Store, name: str) -> DatasetRef:
    return store.resolve(name)


@pytest.mark.train
@pytest.mark.bubblewrap
def test_a_model_is_trained_on_a_named_configuration(prefect: Prefect, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "model"
    settings = {"store": store.root, "configurations": [ONLY], "recipe": "tiny", "out": str(out)}
    said = run(prefect, "train_agent", settings, timeout_s=280)
    assert said.strip().endswith(str(out))

    training = record.read(out)
    assert (training.rows.read, training.recipe.name) == (9, "tiny")
    assert training.rows.used + sum(training.rows.dropped.values()) == 9
    assert training.rows.used > 0
    assert {path.name for path in out.iterdir()} >= {"training.json", "config.json", "tokenizer.json"}
    assert list(out.glob("*.safetensors"))

    shown = artifact(prefect, "training")
    assert (shown["type"], shown["data"]) == ("progress", 100)
    summary = artifact(prefect, "training-record")
    assert f'"steps": {training.steps}' in summary["data"]
    assert f"{training.rows.used} of 9 conversations" in summary["description"]


@pytest.mark.bubblewrap
def test_the_oracles_rows_are_trained_on_only_when_named(prefect: Prefect, store: Store, tmp_path: Path) -> None:
    settings = {"store": store.root, "recipe": "tiny", "out": str(tmp_path / "model")}
    done = call(prefect, "train_agent", settings, timeout_s=100)
    assert done.returncode != 0
    assert "InputError: configurations: none named" in done.stderr
    assert f"has {ONLY}" in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.bubblewrap
def test_an_evaluation_counts_passes_of_trials_with_an_interval(prefect: Prefect, store: Store) -> None:
    tasks = str(newest(store, "tasks"))
    settings = SETTINGS | {"night": "evaluated", "tasks": tasks, "samples": 2, "store": store.root}
    run(prefect, "evaluate_agent", settings)

    shown = artifact(prefect, "evaluation")
    assert "trajectories@evaluated-" in shown["description"]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown["data"].splitlines()]
    head = lines[0]
    overall = dict(zip(head, next(line for line in lines if line[0] == "overall"), strict=True))
    assert (overall["tasks"], overall["passes/trials"], overall["infrastructure"]) == ("9", "18/18", "0")
    assert 60 < float(overall["low %"]) < float(overall["high %"]) == 100
    assert overall["interval"] == "95% Wilson, tasks clustered"
    assert sum(line[head.index("passes/trials")] == "2/2" for line in lines if len(line) == len(head)) == 9

    (ref,) = (ref for ref in store.versions("trajectories") if ref.version.startswith("evaluated-"))
    rows = list(store.read(ref))
    assert {row.observation_mode for row in rows} == {"terminus2"}
    assert sorted(row.sample for row in rows) == [0] * 9 + [1] * 9
