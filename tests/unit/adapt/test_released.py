"""Archives and rows in the published form, made here: what NVIDIA's hold by all accounts, and what they must not."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from termforge.adapt.__main__ import main
from termforge.adapt.released import released_tasks
from termforge.adapt.released_corpus import released_rows, released_tables
from termforge.errors import InputError
from termforge.export.row import SCHEMA
from termforge.findings import Rejected
from termforge.images import DOMAIN_IMAGES
from termforge.schemas import ImageRecipe, TerminalTask

IMAGES = {name: ImageRecipe(name=name, recipe="abc") for name in DOMAIN_IMAGES.values()}
TOML = """\
[metadata]
difficulty = "medium"
[agent]
timeout_sec = 900.0
[verifier]
timeout_sec = 450.0
[environment]
docker_image = "gitlab.example/hb__datagen-flash-debugging:latest"
memory_mb = 1024
"""
DOCKERFILE = "FROM ghcr.io/laude-institute/t-bench/ubuntu-24-04:latest\nWORKDIR /app\nCOPY files/ /app/\n"
TESTS = "import os\n\ndef test_it():\n    assert os.path.exists('/app/out')\n\ndef test_more():\n    assert True\n"


def members(**changes: str | None) -> dict[str, str | None]:
    made: dict[str, str | None] = {
        "instruction.md": "Mend it.",
        "task.toml": TOML,
        "environment/Dockerfile": DOCKERFILE,
        "environment/files": None,
        "environment/files/in/data.csv": "a,b\n",
        "environment/files/logs": None,
        "tests/test.sh": "#!/bin/bash\n",
        "tests/test_outputs.py": TESTS,
        "tests/test_requirements.txt": "flask\n",
        "solution": None,
    }
    return made | changes


def archive(folder: Path, tasks: dict[str, dict[str, str | None]], link: str = "") -> Path:
    path = folder / "mixed.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, files in tasks.items():
            for inside, text in files.items():
                member = tarfile.TarInfo(f"./easy_5000/{name}/{inside}")
                member.type = tarfile.DIRTYPE if text is None else tarfile.REGTYPE
                member.size = len(text or "")
                tar.addfile(member, io.BytesIO((text or "").encode()))
            if link:
                member = tarfile.TarInfo(f"./easy_5000/{name}/environment/files/link")
                member.type, member.linkname = tarfile.SYMTYPE, link
                tar.addfile(member)
    return path


def one(folder: Path, link: str = "", **changes: str | None) -> TerminalTask | Rejected:
    path = archive(folder, {"debugging/debugging_task_0001": members(**changes)}, link)
    (task,) = released_tasks(path, "mixed", IMAGES)
    return task


def test_a_task_brings_its_own_files_and_runs_on_our_image(tmp_path: Path) -> None:
    task = one(tmp_path)
    assert isinstance(task, TerminalTask)
    assert (task.image.name, task.domain, task.instruction) == ("debugging", "debugging", "Mend it.")
    assert task.solution is None
    assert {file.path: file.content for file in task.files}["/app/in/data.csv"] == b"a,b\n"


def test_a_folder_that_is_empty_in_the_archive_is_made_again(tmp_path: Path) -> None:
    task = one(tmp_path)
    assert isinstance(task, TerminalTask)
    assert [file.path for file in task.files if file.content == b""] == ["/app/logs/.keep"]


def test_a_task_without_any_input_has_no_files(tmp_path: Path) -> None:
    bare = {name: text for name, text in members().items() if not name.startswith("environment/files")}
    (task,) = released_tasks(archive(tmp_path, {"debugging/debugging_task_0001": bare}), "mixed", IMAGES)
    assert isinstance(task, TerminalTask)
    assert task.files == ()


def test_the_key_is_level_skill_and_name(tmp_path: Path) -> None:
    task = one(tmp_path)
    assert isinstance(task, TerminalTask)
    origin = "nvidia/Nemotron-Terminal-Synthetic-Tasks:mixed/debugging/debugging_task_0001"
    assert (task.provenance.origin, task.provenance.difficulty) == (origin, "mixed")


def test_limits_come_from_the_settings(tmp_path: Path) -> None:
    task = one(tmp_path)
    assert isinstance(task, TerminalTask)
    assert task.verifier is not None
    assert (task.limits.container_s, task.limits.memory_mb, task.verifier.timeout_s) == (900.0, 1024, 450.0)


def test_weights_are_kept_and_are_one_where_there_are_none(tmp_path: Path) -> None:
    weighted = one(
        tmp_path, **{"tests/weights.json": json.dumps({"test_it": 0.75, "test_outputs.py::test_more": 0.25})}
    )
    plain = one(tmp_path)
    assert isinstance(weighted, TerminalTask)
    assert isinstance(plain, TerminalTask)
    assert weighted.verifier is not None
    assert plain.verifier is not None
    assert [(test.id, test.weight) for test in weighted.verifier.tests] == [
        ("test_outputs.py::test_it", 0.75),
        ("test_outputs.py::test_more", 0.25),
    ]
    assert [test.weight for test in plain.verifier.tests] == [1.0, 1.0]
    assert [file.path for file in weighted.verifier.files] == ["/tests/test_outputs.py"]


def test_domains_without_an_image_of_their_own_share_one(tmp_path: Path) -> None:
    path = archive(tmp_path, {"model_training/model_training_task_7": members()})
    (task,) = released_tasks(path, "medium", IMAGES)
    assert isinstance(task, TerminalTask)
    assert (task.domain, task.image.name) == ("model-training", DOMAIN_IMAGES["model-training"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"environment/files/../../etc/passwd": "x"}, "not an absolute, normal path"),
        ({"tests/test_outputs.py": "def test_it(:"}, "is not Python"),
        ({"tests/test_outputs.py": "x = 1"}, "at least 1 item"),
        ({"task.toml": "["}, "task.toml"),
        ({"instruction.md": None}, "there is no instruction.md"),
        ({"tests/weights.json": "{"}, "weights.json: not valid JSON"),
        ({"tests/weights.json": "[1]"}, "weights.json: weights by name are expected, not list"),
        ({"tests/weights.json": '{"test_it": "x"}'}, "weight"),
        ({"task.toml": "verifier = 3"}, "verifier is 3, and no section"),
        ({"task.toml": "agent = []"}, "agent is [], and no section"),
        ({"environment/Dockerfile": "FROM x\nCOPY files/in /app/\n"}, "copied as a whole"),
        ({"environment/Dockerfile": "FROM x\nCOPY --chmod=700 files/ /app/\n"}, "as they are"),
        ({"environment/Dockerfile": "FROM x\nCOPY files/\n"}, "a source and a target"),
        ({"environment/Dockerfile": "FROM x\n"}, "no COPY brings in"),
    ],
)
def test_an_unfit_task_is_refused_and_the_next_one_read(
    changes: dict[str, str | None], why: str, tmp_path: Path
) -> None:
    tasks = {"debugging/debugging_task_0001": members(**changes), "debugging/debugging_task_0002": members()}
    refused, task = released_tasks(archive(tmp_path, tasks), "mixed", IMAGES)
    assert isinstance(refused, Rejected)
    assert isinstance(task, TerminalTask)
    assert why in refused.detail
    assert "mixed/debugging/debugging_task_0001" in refused.detail


@pytest.mark.parametrize(
    ("copied", "folder"),
    [
        ("COPY files/ /srv/data/", "/srv/data"),
        ("COPY ./files /srv", "/srv"),
        ("COPY files/. ./", "/app"),
        ("COPY files/ .", "/app"),
        ("COPY files/ data", "/app/data"),
        ("WORKDIR /srv\nCOPY files/ ./", "/srv"),
        ("WORKDIR /srv\nWORKDIR sub\nCOPY files/ data/", "/srv/sub/data"),
        ('COPY ["files/", "/srv/"]', "/srv"),
        ("COPY --chown=agent:agent files/ /srv/", "/srv"),
        ("copy files/ \\\n    /srv/", "/srv"),
        ("ADD files/ /srv/", "/srv"),
        ("COPY . /srv/", "/srv/files"),
    ],
)
def test_files_lie_where_the_dockerfile_copies_them(copied: str, folder: str, tmp_path: Path) -> None:
    task = one(tmp_path, **{"environment/Dockerfile": f"FROM x\n{copied}\n"})
    assert isinstance(task, TerminalTask)
    assert {file.path for file in task.files} == {f"{folder}/in/data.csv", f"{folder}/logs/.keep"}


def test_links_are_refused(tmp_path: Path) -> None:
    refused = one(tmp_path, link="/etc/passwd")
    assert isinstance(refused, Rejected)
    assert "is a link" in refused.detail


def test_what_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"x\.tar\.gz: cannot be read"):
        list(released_tasks(tmp_path / "x.tar.gz", "mixed", IMAGES))


def row(*said: tuple[str, str | None], **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "conversations": [{"role": role, "content": content} for role, content in said],
        "agent": "terminus-2",
        "model": "deepseek-ai/DeepSeek-V3.2",
        "model_provider": "hosted_vllm",
        "date": "2025-12-29",
        "task": "task_8717",
        "run_id": "r",
        "episode": "episode-1",
        "trial_name": "task_8717__BP52K9X",
        "enable_thinking": True,
    }
    return made | changes


DONE = '<think>\nYes.\n</think>\n\n{"analysis": "", "plan": "", "commands": [], "task_complete": true}'
GOING = '{"analysis": "", "plan": "", "commands": []}'


def published(folder: Path, *rows: dict[str, object], name: str = "skill_based/easy/data_science/x.parquet") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def test_a_null_tail_is_left_out_and_named(tmp_path: Path) -> None:
    path = published(tmp_path, row(("user", "u"), ("assistant", GOING), ("user", "v"), ("assistant", None)))
    (found,) = released_rows(path)
    assert [message.content for message in found.conversations] == ["u", GOING, "v"]
    assert (found.ending, found.complete, found.turns) == ("null tail", False, 1)


def test_endings_tell_complete_rows_from_unfinished_ones(tmp_path: Path) -> None:
    path = published(tmp_path, row(("user", "u"), ("assistant", DONE)), row(("user", "u"), ("assistant", GOING)))
    assert [(found.ending, found.complete) for found in released_rows(path)] == [
        ("completed", True),
        ("unfinished", False),
    ]


def test_replies_that_could_not_be_parsed_are_marked(tmp_path: Path) -> None:
    complaint = "Previous response had parsing errors:\nERROR: No valid JSON found in response"
    path = published(tmp_path, row(("user", "u"), ("assistant", "?"), ("user", complaint), ("assistant", DONE)))
    (found,) = released_rows(path)
    assert found.error_turns == (0,)


def test_level_and_skill_come_from_the_folders_and_the_source_from_its_column(tmp_path: Path) -> None:
    said = ("user", "u"), ("assistant", DONE)
    (skill,) = released_rows(published(tmp_path, row(*said)))
    adapters = published(tmp_path, row(*said, source="math"), name="dataset_adapters/math.parquet")
    (adapted,) = released_rows(adapters)
    assert (skill.source, skill.difficulty, skill.domain, skill.configuration) == (
        "skill",
        "easy",
        "data-science",
        "skill_based_easy",
    )
    assert (adapted.source, adapted.domain, adapted.configuration) == ("math", None, "dataset_adapters")


def test_rows_stand_in_the_columns_of_our_corpus(tmp_path: Path) -> None:
    (table,) = released_tables(published(tmp_path, row(("user", "u"), ("assistant", DONE))))
    assert table.schema == SCHEMA
    assert table["outcome"].to_pylist() == ["ungraded"]
    assert table["solved"].to_pylist() == [None]


def test_many_rows_come_a_few_hundred_at_a_time(tmp_path: Path) -> None:
    path = published(tmp_path, *[row(("user", "u"), ("assistant", DONE))] * 600)
    assert [len(table) for table in released_tables(path)] == [256, 256, 88]


def test_a_null_elsewhere_is_refused_with_its_place(tmp_path: Path) -> None:
    path = published(tmp_path, row(("user", None), ("assistant", DONE)))
    with pytest.raises(InputError, match=r"row 1, column 'conversations', message 1"):
        list(released_rows(path))


def test_both_are_read_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = {"debugging/debugging_task_0001": members(), "debugging/debugging_task_0002": members(**{"task.toml": "["})}
    assert main(["tasks", str(archive(tmp_path, tasks)), "mixed", str(tmp_path / "store")]) == 0
    assert capsys.readouterr().out == "released-tasks@mixed-mixed: 1 tasks, 1 refused\n"
    rows = published(tmp_path, row(("user", "u"), ("assistant", None)))
    assert main(["corpus", str(rows), str(tmp_path / "out.parquet")]) == 0
    assert pq.read_table(tmp_path / "out.parquet")["ending"].to_pylist() == ["null tail"]
    assert main(["corpus", str(tmp_path / "none.parquet"), str(tmp_path / "none")]) == 1
    assert not list(tmp_path.glob("none*"))
