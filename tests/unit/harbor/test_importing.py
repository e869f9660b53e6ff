"""What a Harbor task becomes here, and where it is refused by file, line and reason."""

import os
from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.importing import import_task
from termforge.images.recipe import recipe
from tests.unit.harbor.folders import DOCKERFILE, FILES, INVENTORIES, TASK_TOML, TESTS, imported, write_folder


def test_a_task_keeps_words_tests_limits_and_origin(tmp_path: Path) -> None:
    terminal_task = imported(tmp_path)
    assert terminal_task.instruction == FILES["instruction.md"]
    assert terminal_task.domain == "data-science"
    assert terminal_task.image == recipe("data-science")
    assert terminal_task.verifier is not None
    assert [test.id for test in terminal_task.verifier.tests] == ["test_outputs.py::test_answer"]
    assert [file.path for file in terminal_task.verifier.files] == ["/tests/test_outputs.py"]
    assert terminal_task.verifier.timeout_s == 120
    limits = terminal_task.limits
    assert (limits.model_s, limits.container_s, limits.cpus) == (600, 600, 2)
    assert (limits.memory_mb, limits.disk_mb) == (4096, 10240)
    assert terminal_task.provenance.source == "harbor"
    assert terminal_task.provenance.origin == "answer"


def test_the_solution_is_typed_and_run(tmp_path: Path) -> None:
    solution = imported(tmp_path).solution
    assert solution is not None
    typed = "".join(command.keystrokes for step in solution for command in step.commands)
    script = FILES["solution/solve.sh"]
    assert (
        f"cat > /solution/solve.sh <<'EOF'\n{script}EOF\nchmod +x /solution/solve.sh && /solution/solve.sh\n" in typed
    )


def test_what_python_leaves_behind_is_no_part_of_a_task(tmp_path: Path) -> None:
    left = {f"{place}/__pycache__/test_outputs.cpython-312.pyc": "\x00" for place in ("tests", "solution")}
    assert imported(tmp_path, left) == imported(tmp_path / "clean")


def test_programs_beside_the_solution_can_be_run(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"solution/a b.sh": "", "solution/data": ""})
    (folder / "solution/a b.sh").chmod(0o700)
    solution = import_task(folder, INVENTORIES).solution
    assert solution is not None
    assert solution[1].commands[0].keystrokes == (
        "chmod +x /solution/solve.sh '/solution/a b.sh' && /solution/solve.sh\n"
    )


def test_modes_do_not_follow_the_umask_of_a_clone(tmp_path: Path) -> None:
    changes = {"environment/Dockerfile": f"{DOCKERFILE}COPY run.sh .\n", "environment/run.sh": ""}
    ids = set()
    for mode, program in ((0o600, 0o700), (0o664, 0o775)):
        folder = write_folder(tmp_path / oct(mode), changes)
        for path in folder.rglob("*.*"):
            path.chmod(program if path.suffix == ".sh" else mode)
        ids.add(import_task(folder, INVENTORIES).id)
    assert len(ids) == 1


@pytest.mark.parametrize("place", ["instruction.md", "solution/notes.txt", "environment/sub", "tests/data"])
def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, place: str) -> None:
    folder = write_folder(tmp_path / "task", {"environment/Dockerfile": f"{DOCKERFILE}COPY sub/hostname .\n"})
    (folder / place).unlink(missing_ok=True)
    (folder / place).symlink_to("/etc")
    with pytest.raises(InputError, match=f"{place}: is a link that leads out of the task's folder"):
        import_task(folder, INVENTORIES)


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "task", {"texts/one.md": "Write it."})
    (folder / "instruction.md").unlink()
    (folder / "instruction.md").symlink_to("texts/one.md")
    assert import_task(folder, INVENTORIES).instruction == "Write it."


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    os.mkfifo(folder / "solution/pipe")
    with pytest.raises(InputError, match="solution/pipe: is neither a file nor a folder"):
        import_task(folder, INVENTORIES)


@pytest.mark.parametrize("setting", ["allow_internet = true", 'network_mode = "public"'])
def test_the_internet_is_promised_only_where_a_solution_does_without(tmp_path: Path, setting: str) -> None:
    folder = write_folder(tmp_path, {"task.toml": f"{TASK_TOML}{setting}\n"})
    assert import_task(folder, INVENTORIES).solution is not None
    (folder / "solution/solve.sh").unlink()
    with pytest.raises(InputError, match=r"task\.toml: it promises the internet"):
        import_task(folder, INVENTORIES)


def test_a_task_without_a_solution_has_none(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "solution/solve.sh").unlink()
    assert import_task(folder, INVENTORIES).solution is None


def test_canary_lines_are_not_part_of_the_instruction(tmp_path: Path) -> None:
    text = "<!-- benchmark canary GUID 1 -->\n# canary 2\n\nWrite it.\n"
    assert imported(tmp_path, {"instruction.md": text}).instruction == "Write it.\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("cpus = 2", "gpus = 1", "environment.gpus"),
        ("cpus = 2", 'os = "windows"', "environment.os"),
        ("cpus = 2", "healthcheck = {command = 'true'}", "environment.healthcheck: this setting has no counterpart"),
        ("cpus = 2", '[environment.env]\nKEY = "${KEY}"', "comes from the machine"),
        ('memory = "4G"', 'memory = "4 apples"', "is no size"),
        ("[agent]", '[agent]\nuser = "bob"', "user: "),
        ("[agent]", '[agent]\nnetwork_mode = "allowlist"', "network_mode"),
        ("[verifier]", '[verifier]\nenvironment_mode = "separate"', "verifier.environment_mode"),
        ("[verifier]", '[verifier.env]\nA = "1"\n[other]', "verifier.env"),
        ("timeout_sec = 600.0", "timeout_sec = 0", "agent.timeout_sec"),
        ("cpus = 2", 'env = { "A.B" = "1" }', "env: shells have no variable of such a name"),
        ("4G", "infG", "is no size"),
        ('version = "1.0"', 'version = "1.0', "Illegal character"),
        ('version = "1.0"', 'version = "1.0"\n[[steps]]\nname = "one"', "steps"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_kept_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in TASK_TOML
    with pytest.raises(InputError, match=rf"(?s)task\.toml.*{reason}"):
        imported(tmp_path, {"task.toml": TASK_TOML.replace(old, new)})


@pytest.mark.parametrize(
    ("line", "live"),
    [
        ("path = '/app/answer'", False),
        ("text = 'see /etc/passwd'", False),
        ("path = '/etc/passwd'", True),
        ("path = '~/answer'", True),
        ("import subprocess", True),
        ("from urllib import request", True),
        ("import os; home = os.environ['HOME']", True),
        ("from os import environ", True),
        ("from importlib.util import spec_from_file_location", True),
        ("exec(open('/app/calc.py').read())", True),
        ("import runpy", True),
        ("import pickle", True),
        ("import sys; sys.path.insert(0, '/app')", True),
    ],
)
def test_tests_that_look_beyond_app_see_the_agents_machine(tmp_path: Path, line: str, live: bool) -> None:
    verifier = imported(tmp_path, {"tests/test_outputs.py": f"{line}\n{TESTS}"}).verifier
    assert verifier is not None
    assert verifier.live is live


def test_a_variable_that_tests_would_not_see_is_refused(tmp_path: Path) -> None:
    changes = {
        "environment/Dockerfile": f"{DOCKERFILE}ENV ANSWER=42\n",
        "tests/test_outputs.py": f"import os\nos.environ['ANSWER']\n{TESTS}",
    }
    with pytest.raises(InputError, match=r"test_outputs\.py speaks of \$ANSWER"):
        imported(tmp_path, changes)


def test_a_solution_that_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "solution/blob").write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match="/solution/blob is not text"):
        import_task(folder, INVENTORIES)


def test_the_older_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("instruction: x\n")
    with pytest.raises(InputError, match=r"no task\.toml"):
        import_task(tmp_path, INVENTORIES)
