"""Exported tasks come back sound, and run under Harbor itself as they run here."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from termforge.findings import GateVerdicts
from termforge.forge import forge_task, usable
from termforge.harbor.__main__ import main
from termforge.harbor.exporting import LABEL, export_task, export_tasks
from termforge.harbor.importing import import_task
from termforge.images import IMAGES, Inventory, built, recipe_of
from termforge.images.recipe import recipe
from termforge.sandbox.docker_engine import Docker
from termforge.sandbox.protocol import Engine, started
from termforge.schemas import DOMAINS, Command, File, Provenance, Step, TerminalTask, Test, Verifier
from termforge.store import Store
from termforge.validate import ValidationConfig, validate
from tests.unit.harbor.folders import write_folder

FORGED = 10


@pytest.fixture(scope="module")
def inventories() -> dict[str, Inventory]:
    return {name: built(recipe(name)).inventory for name in IMAGES}


def forged(index: int) -> TerminalTask:
    """Every domain in turn, with the skills that its image can play."""
    domain = DOMAINS[index % len(DOMAINS)]
    image = recipe_of(domain)
    skills = usable(built(image).inventory).skills
    return forge_task(index, seed="harbor", domain=domain, image=image, skills=skills)


def failures(verdicts: GateVerdicts) -> list[str]:
    return [f"{gate.gate}: {gate.detail}" for gate in verdicts.gates if gate.status == "failed"]


def passed(verdicts: GateVerdicts) -> set[str]:
    return {gate.gate for gate in verdicts.gates if gate.status == "passed"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("index", range(3))
def test_a_task_that_went_out_and_came_back_passes_the_gates(
    engine: Engine, inventories: dict[str, Inventory], tmp_path: Path, index: int
) -> None:
    export_task(forged(index), tmp_path / "task")
    back = import_task(tmp_path / "task", inventories)
    verdicts = validate(back, ValidationConfig(), engine, inventories[back.image.name])
    assert failures(verdicts) == []
    assert {"no-op fails", "oracle passes"} <= passed(verdicts)


PROGRAM = """\
def test_it():
    import subprocess
    shown = subprocess.run(["bash", "/app/greet.sh", "x"], capture_output=True, text=True)
    assert shown.stdout == "hello,\\tx in harbour\\n"
"""
SOLVE = """\
#!/bin/bash
set -e
cat > /app/greet.sh <<'EOF'
if true; then
\tprintf 'hello,\t%s in HERE\\n' "$1"
fi
EOF
cp /solution/note.txt "/app/a note"
cd "$(dirname "$0")"
./fill.sh
"""
FOREIGN = {
    "environment/Dockerfile": "FROM debian:12\nENV PLACE=harbour\nWORKDIR /app\nRUN mkdir empty\nCOPY greeting.txt .\n",
    "environment/greeting.txt": "hello\n",
    "tests/test_outputs.py": PROGRAM,
    "solution/solve.sh": SOLVE,
    "solution/fill.sh": '#!/bin/bash\nsed -i "s/HERE/$PLACE/" /app/greet.sh\n',
    "solution/note.txt": "a note\n",
}


def foreign(folder: Path, inventories: dict[str, Inventory]) -> TerminalTask:
    write_folder(folder, FOREIGN)
    (folder / "solution/fill.sh").chmod(0o755)
    return import_task(folder, inventories)


def test_a_foreign_task_passes_the_gates(engine: Engine, inventories: dict[str, Inventory], tmp_path: Path) -> None:
    """Tabs are typed as they are, other files of the solution are there, and a live test sees the agent's machine."""
    back = foreign(tmp_path, inventories)
    assert back.verifier is not None
    assert back.verifier.live
    verdicts = validate(back, ValidationConfig(), engine, inventories[back.image.name])
    assert failures(verdicts) == []
    assert {"no-op fails", "oracle passes"} <= passed(verdicts)


def test_the_command_imports_what_it_can_and_keeps_the_rest_with_the_reason(tmp_path: Path) -> None:
    write_folder(tmp_path / "in/sound")
    write_folder(tmp_path / "in/odd", {"environment/Dockerfile": "FROM scratch\n"})
    write_folder(tmp_path / "in/deep", {"task.toml": "a = " + "[" * 5000})
    for _ in range(2):  # a second time finds the version that is there
        assert main(["import", str(tmp_path / "in"), str(tmp_path / "store")]) == 0
    store = Store(tmp_path / "store")
    [tasks], [rejected] = store.versions("harbor-tasks"), store.versions("rejected-harbor-tasks")
    assert [row.provenance.origin for row in store.read(tasks)] == ["sound"]
    deep, odd = (row.detail for row in store.read(rejected))
    assert deep.startswith(f"{tmp_path}/in/deep: RecursionError: ")
    assert odd == (
        f"{tmp_path}/in/odd/environment/Dockerfile:1: FROM scratch: "
        "this base is not like one of our images (Debian 12 with Python 3.11)"
    )
    write_folder(tmp_path / "in/odd", {"environment/Dockerfile": "FROM alpine\n"})
    assert main(["import", str(tmp_path / "in"), str(tmp_path / "store")]) == 0
    assert len(store.versions("rejected-harbor-tasks")) == 2


TESTS = """\
from pathlib import Path
from termforge_grader import run_agent

def test_answer():
    assert Path("/app/answer").read_text() == "42\\n"

def test_program():
    finished = run_agent(["bash", "/app/echo.sh"], stdin="of the tests")
    assert (finished.stdout, finished.stderr) == ("of the tests", "of the tests")

def test_secret():
    assert "42" not in run_agent(["bash", "/app/spy.sh"]).stdout
    assert Path("/app/spy.sh").exists()
"""
LINES = (
    "cd /tmp\n",
    "echo 42 > /app/answer\n",
    "echo 'tee /dev/stderr < /dev/stdin > /dev/stdout' > /app/echo.sh\n",
    "echo 'cat /tests/*.py /tests/*.json' > /app/spy.sh\n",
)


@pytest.mark.docker
def test_an_exported_task_weighs_its_tests_in_any_container(tmp_path: Path) -> None:
    """What Harbor runs, run without it: agent code is another user that can reopen its streams and reads no test."""
    weights = {"test_answer": 1.0, "test_program": 2.0, "test_secret": 1.0}
    terminal_task = TerminalTask(
        image=recipe("file-operations"),
        instruction="Write them.",
        verifier=Verifier(
            files=(File(path="/tests/test_it.py", content=TESTS.encode()),),
            tests=tuple(Test(id=f"test_it.py::{name}", weight=weight) for name, weight in weights.items()),
        ),
        solution=(Step(analysis="", plan="", commands=tuple(Command(keystrokes=line) for line in LINES)),),
        provenance=Provenance(source="forge", generator="test@1"),
    )
    export_task(terminal_task, tmp_path / "task")
    with closing(Docker()) as docker, started(docker, docker.image(terminal_task.image)) as sandbox:

        def reward() -> float:
            sandbox.run(["/tests/test.sh"])
            return float(sandbox.run(["cat", "/logs/verifier/reward.txt"]).stdout)

        sandbox.put([_as_file(path, tmp_path / "task") for path in (tmp_path / "task").rglob("*") if path.is_file()])
        assert reward() == 0.0
        assert sandbox.run(["/solution/solve.sh"]).exit_code == 0
        assert reward() == 1.0
        sandbox.run(["rm", "/app/answer"])
        assert reward() == 0.75


def _as_file(path: Path, folder: Path) -> File:
    relative = path.relative_to(folder).as_posix()
    return File(path=f"/{relative}", content=path.read_bytes(), mode=path.stat().st_mode & 0o777)


@pytest.fixture(scope="module")
def harbor() -> Path:
    if "HARBOR" not in os.environ:
        pytest.skip("HARBOR names no folder with Harbor")
    return Path(os.environ["HARBOR"]).resolve()


@pytest.fixture(scope="module")
def exported(harbor: Path, inventories: dict[str, Inventory], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forged tasks, and one that came from Harbor itself."""
    folder = tmp_path_factory.mktemp("exported")
    returning = foreign(tmp_path_factory.mktemp("foreign"), inventories)
    assert export_tasks([*map(forged, range(FORGED)), returning], folder).written == FORGED + 1
    return folder


@pytest.mark.docker
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("agent", "reward"), [("oracle", 1.0), ("nop", 0.0)])
def test_harbor_scores_exported_tasks_as_we_do(
    harbor: Path, exported: Path, tmp_path: Path, agent: str, reward: float
) -> None:
    argv = [str(harbor / "venv/bin/harbor"), "run", "-p", str(exported), "-a", agent, "-n", "4", "-q"]
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DOCKER_CONFIG": str(harbor / "docker-config")}
    try:
        subprocess.run(
            [*argv, "--job-name", agent, "--jobs-dir", str(tmp_path)],
            check=True,
            cwd=tmp_path,
            env=os.environ | settings,
        )
    finally:
        subprocess.run(["docker", "image", "prune", "--force", "--filter", f"label={LABEL}"], check=True)
    results = [json.loads(path.read_text()) for path in (tmp_path / agent).glob("*/result.json")]
    assert {result["task_name"].rpartition("/")[2]: result["verifier_result"]["rewards"] for result in results} == {
        path.name: {"reward": reward} for path in exported.iterdir()
    }
