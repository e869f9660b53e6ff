"""The folder that an export writes."""

import json
import tomllib
from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.__main__ import main
from termforge.harbor.exporting import export_task, export_tasks
from termforge.harbor.importing import import_task
from termforge.harbor.variables import SYSTEM_PATH
from termforge.images import HOST, recipe_of
from termforge.schemas import (
    Command,
    DatasetRef,
    File,
    Limits,
    Need,
    Provenance,
    Step,
    TerminalTask,
    Test,
    Verifier,
)
from termforge.store import Store
from tests.unit.harbor.folders import DOCKERFILE, INVENTORIES, TASK_TOML, imported, write_folder

TASK = TerminalTask(
    image=recipe_of("security"),
    domain="security",
    instruction="Write “42”.\n",
    files=(
        File(path="/app/in/a b", content=b"\x00\xff"),
        File(path="/app/run.sh", content=b"", mode=0o755),
        File(path="/root/.secret", content=b"", mode=0o600),
    ),
    verifier=Verifier(
        files=(File(path="/tests/test_it.py", content=b"def test_a(): ...\ndef test_b(): ...\n"),),
        tests=(Test(id="test_it.py::test_a"), Test(id="test_it.py::test_b", weight=3.0)),
        timeout_s=90.0,
        threshold=0.75,
    ),
    graded_paths=("/app", "/srv"),
    needs=frozenset({Need.USERS}),
    solution=(Step(analysis="", plan="", commands=(Command(keystrokes="echo 42 > a\n"),)),),
    limits=Limits(cpus=1.5, memory_mb=512, container_s=300),
    provenance=Provenance(source="forge", generator="test@1", skills=("a/b",), difficulty="easy"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export_task(TASK, tmp_path / "task")
    return tmp_path / "task"


def test_an_export_is_read_back_as_the_same_task(folder: Path) -> None:
    back = import_task(folder, INVENTORIES)
    changed = {"solution": None, "provenance": TASK.provenance}
    assert back.model_copy(update=changed) == TASK.model_copy(update={"solution": None})


def test_the_image_is_ours_and_holds_files_with_their_modes(folder: Path) -> None:
    assert (folder / "environment/Dockerfile").read_text().splitlines() == [
        f"FROM termforge/security:{TASK.image.recipe}",
        f"LABEL termforge.task={TASK.id}",
        "COPY files/ /",
        "RUN chmod 0600 /root/.secret",
        "WORKDIR /app",
    ]
    assert (folder / "environment/files/app/in/a b").read_bytes() == b"\x00\xff"
    assert (folder / "environment/files/app/run.sh").stat().st_mode & 0o777 == 0o755


def test_harbor_is_told_limits_as_it_knows_them(folder: Path) -> None:
    settings = tomllib.loads((folder / "task.toml").read_text())
    assert settings["task"]["name"] == f"termforge/{TASK.id}"
    assert settings["agent"]["timeout_sec"] == 1800 + 300
    assert settings["verifier"]["timeout_sec"] > 90
    assert settings["environment"] == {"cpus": 2, "memory_mb": 512, "storage_mb": 2048}


def test_weights_are_kept_in_a_file(folder: Path) -> None:
    kept = json.loads((folder / "tests/weights.json").read_text())
    assert kept == {"timeout_s": 90.0, "weights": {"test_it.py::test_a": 1.0, "test_it.py::test_b": 3.0}}


def test_agent_code_is_demoted_in_harbors_container_too(folder: Path) -> None:
    module = (folder / "tests/.grader/termforge_grader.py").read_text()
    assert module.rstrip().endswith("'--no-new-privs']")


def test_what_came_from_harbor_goes_back_as_it_was(tmp_path: Path) -> None:
    """Its solution's files and variables: nothing writes over a script that runs."""
    changes = {
        "environment/Dockerfile": f"{DOCKERFILE}ENV LEVEL='a \"b\"' PATH=/app/bin:$PATH\n",
        "task.toml": f"{TASK_TOML}[solution.env]\nA = 'it is'\n",
        "solution/a b.sh": "#!/bin/bash\nEOF\n",
    }
    folder = write_folder(tmp_path / "first", changes)
    (folder / "solution/a b.sh").chmod(0o755)
    first = import_task(folder, INVENTORIES)
    export_task(first, tmp_path / "second")
    for name in ("solve.sh", "a b.sh"):
        written = tmp_path / "second/solution" / name
        assert written.read_bytes() == (folder / "solution" / name).read_bytes()
        assert written.stat().st_mode & 0o777 == 0o755
    settings = tomllib.loads((tmp_path / "second/task.toml").read_text())
    assert settings["environment"]["env"] == {"LEVEL": 'a "b"', "PATH": f"/app/bin:{SYSTEM_PATH}"}
    assert settings["solution"]["env"] == {"A": "it is"}
    assert not (tmp_path / "second/environment/files").exists()
    assert import_task(tmp_path / "second", INVENTORIES).id == first.id


def test_a_variable_that_harbor_would_fill_in_is_not_exported(tmp_path: Path) -> None:
    task = imported(tmp_path, {"environment/Dockerfile": f"{DOCKERFILE}ENV A='${{B}}'\n"})
    with pytest.raises(InputError, match="which Harbor would fill in"):
        export_task(task, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verifier": None}, "no tests"),
        ({"image": HOST}, "pseudo-image host"),
        ({"needs": frozenset({Need.NET_ADMIN})}, "net_admin"),
        ({"solution": (Step(analysis="", plan="", commands=(Command(keystrokes="C-c"),)),)}, "only a terminal"),
        (
            {"solution": (Step(analysis="", plan="", commands=(Command(keystrokes="cat /solution/solve.sh\n"),)),)},
            "where its own script would lie",
        ),
    ],
)
def test_what_harbor_cannot_run_is_left_out_with_the_reason(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    unfit = TASK.model_copy(update=change)
    exported = export_tasks([unfit, TASK], tmp_path)
    assert exported.written == 1
    assert reason in exported.refused[unfit.id]
    assert [path.name for path in tmp_path.iterdir()] == [TASK.id]


def test_an_export_never_overwrites(folder: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        export_task(TASK, folder)


def test_the_command_exports_a_dataset_up_to_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "store")
    with store.writer(DatasetRef(name="tasks", version="1"), "tasks", config={}) as out:
        for number in range(3):
            out.add(TASK.model_copy(update={"instruction": f"Write {number}."}))
    assert main(["export", str(tmp_path / "store"), "tasks", str(tmp_path / "out"), "--limit", "2"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert "tasks@1: 2 tasks in" in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["-1", "many"])
def test_a_limit_is_a_number_of_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: str) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path), "tasks", str(tmp_path / "out"), "--limit", limit])
    assert f"{limit!r} is no number of tasks" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "nothing", str(tmp_path / "out")]) == 1
    assert "there is no dataset 'nothing'" in capsys.readouterr().err
