"""Flows about how hard tasks are: a solver's pass@k, tasks that grow until they are hard, an adversary over HTTP."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from termforge.schemas import DatasetRef, File, ImageRecipe, Provenance, TerminalTask, Test, Verifier
from termforge.store import Store
from tests.flows.server import ROOT, Prefect
from tests.scripted_endpoint import ScriptedEndpoint

pytestmark = pytest.mark.bubblewrap

PLACE = {"night": "one", "images": "host", "sandbox": "bubblewrap"}
WEAK = (
    "import os\ndef test_it():\n    assert os.path.exists('/app/out'), 'missing'\n    assert open('/app/out').read(1)\n"
)
STRONG = WEAK + "    assert open('/app/out').read() == 'secret\\n'\n"


def run(prefect: Prefect, flow: str, settings: dict[str, Any]) -> str:
    code = f"import sys; from flows.{flow} import {flow}; {flow}(**eval(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, repr(settings)],
        cwd=ROOT,
        env=prefect.env | {"HOSTED_VLLM_API_KEY": "sk-attacks"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def newest(store: Store, name: str) -> DatasetRef:
    return store.versions(name)[-1]


def test_tasks_that_a_solver_always_solves_get_further_parts(prefect: Prefect, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    place = PLACE | {"store": str(store.root)}
    run(prefect, "forge_tasks", place | {"per_domain": 1})
    few = list(store.read(newest(store, "forged-tasks")))[4:6]
    with store.writer(DatasetRef(name="few", version="one"), "tasks", config={}) as out:
        for task in few:
            out.add(task)
    settings = place | {"tasks": "few@one", "samples": 2, "k": 2, "rounds": 1}
    run(prefect, "harden_tasks", settings)
    first, second = store.versions("difficulties")
    assert store.record(first).counts == {"too easy": 2}
    longer = list(store.read(newest(store, "extended-tasks")))
    assert [len(task.provenance.skills) for task in longer] == [len(task.provenance.skills) + 1 for task in few]
    assert store.record(second).counts == {"too easy": 2}
    assert {row.trials for row in store.read(second)} == {2}
    assert store.record(newest(store, "hardened-tasks")).rows == 0
    run(prefect, "harden_tasks", settings)
    assert store.versions("difficulties") == [first, second]


def test_what_is_measured_steers_the_next_growth(prefect: Prefect, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    place = PLACE | {"store": str(store.root)}
    run(prefect, "forge_tasks", place | {"per_domain": 1})
    run(prefect, "measure_difficulty", place | {"tasks": "forged-tasks", "samples": 1, "high": 1.0})
    measured = str(newest(store, "difficulties"))
    run(prefect, "forge_tasks", place | {"per_domain": 6, "measured": measured, "night": "two"})
    in_band = Counter(
        skill for task in store.read(store.versions("forged-tasks")[0]) for skill in task.provenance.skills
    )
    drawn = Counter(skill for task in store.read(newest(store, "forged-tasks")) for skill in task.provenance.skills)
    lacking = [skill for skill in drawn if skill not in in_band]
    assert sum(drawn[skill] for skill in lacking) > sum(drawn[skill] for skill in in_band)


def graded(tests: str) -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction="Copy /app/in to /app/out." + (" Exactly." if tests == STRONG else ""),
        files=(File(path="/app/in", content=b"secret\n"),),
        verifier=Verifier(
            files=(File(path="/tests/test_it.py", content=tests.encode()),), tests=(Test(id="test_it.py::test_it"),)
        ),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def test_an_exploited_task_keeps_its_exploit(prefect: Prefect, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writer(DatasetRef(name="mixed", version="one"), "tasks", config={}) as out:
        for tests in (WEAK, STRONG):
            out.add(graded(tests))
    script = {
        "otherwise": {
            "content": "<script>echo guess > out</script>",
            "usage": {"prompt_tokens": 5, "completion_tokens": 5},
        }
    }
    with ScriptedEndpoint(script) as endpoint:
        settings = {"store": str(store.root), "tasks": "mixed", "api_base": endpoint.url, "submits": 2}
        run(prefect, "attack_tasks", PLACE | settings | {"adversary": "hosted_vllm/scripted"})
        assert len(endpoint.requests) == 3
    assert store.record(newest(store, "attacks")).counts == {"exploited": 1, "no attempts left": 1}
    weak, strong = store.read(newest(store, "attacked-tasks"))
    assert [file.path for control in weak.controls for file in control.files] == ["/app/out"]
    assert strong == graded(STRONG)
