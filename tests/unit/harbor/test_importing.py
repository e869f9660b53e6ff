"""What a Harbor task becomes here, and where it is refused by file, line and reason."""

from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.importing import import_task
from termforge.images.recipe import recipe
from termforge.schemas import TerminalTask
from tests.unit.harbor.folders import DOCKERFILE, FILES, INVENTORIES, TASK_TOML, TEST_SH, TESTS, write_folder


def imported(folder: Path, changes: dict[str, str] | None = None) -> TerminalTask:
    return import_task(write_folder(folder / "answer", changes), INVENTORIES)


def with_dockerfile(folder: Path, lines: str, **files: str) -> TerminalTask:
    changes = {"environment/Dockerfile": DOCKERFILE + lines}
    return imported(folder, changes | {f"environment/{name.replace('__', '/')}": text for name, text in files.items()})


def laid(terminal_task: TerminalTask) -> dict[str, tuple[bytes, int]]:
    return {file.path: (file.content, file.mode) for file in terminal_task.files}


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


def test_a_task_without_a_solution_has_none(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "solution/solve.sh").unlink()
    assert import_task(folder, INVENTORIES).solution is None


def test_canary_lines_are_not_part_of_the_instruction(tmp_path: Path) -> None:
    text = "<!-- benchmark canary GUID 1 -->\n# canary 2\n\nWrite it.\n"
    assert imported(tmp_path, {"instruction.md": text}).instruction == "Write it.\n"


def test_copied_files_lie_where_docker_lays_them(tmp_path: Path) -> None:
    terminal_task = with_dockerfile(
        tmp_path,
        "COPY one.txt two.txt data/\nCOPY one.txt /app\nCOPY tree /srv/tree\nCOPY --chmod=750 one.txt /root/renamed\n"
        'COPY ["one.txt", "/opt/a b"]\nADD tree/ .\nRUN chmod +x data/two.txt && chmod 600 /app/one.txt\n',
        **{"one.txt": "1", "two.txt": "2", "tree__deep__leaf": "3"},
    )
    assert laid(terminal_task) == {
        "/app/data/one.txt": (b"1", 0o644),
        "/app/data/two.txt": (b"2", 0o755),
        "/app/one.txt": (b"1", 0o600),
        "/app/deep/leaf": (b"3", 0o644),
        "/srv/tree/deep/leaf": (b"3", 0o644),
        "/root/renamed": (b"1", 0o750),
        "/opt/a b": (b"1", 0o644),
    }


def test_an_empty_folder_is_kept_by_a_file(tmp_path: Path) -> None:
    terminal_task = with_dockerfile(
        tmp_path, "RUN mkdir -p out/full out/empty /tests /logs/verifier\nCOPY a out/full/\n", a=""
    )
    assert set(laid(terminal_task)) == {"/app/out/full/a", "/app/out/empty/.keep"}


def test_variables_reach_login_shells(tmp_path: Path) -> None:
    lines = 'ENV DEBIAN_FRONTEND=noninteractive LEVEL="a \\"b\\"" OTHER=$LEVEL/x\nENV PRICE 5$\n'
    [file] = with_dockerfile(tmp_path, lines).files
    assert file.path == "/etc/profile.d/harbor.sh"
    assert file.content.decode() == 'export LEVEL="a \\"b\\""\nexport OTHER="$LEVEL/x"\nexport PRICE="5\\$"\n'


def test_the_image_is_one_that_has_every_package(tmp_path: Path) -> None:
    lines = "RUN apt-get update && apt-get install -y \\\n    # a comment\n    jq curl && rm -rf /var/lib/apt/lists/*\n"
    assert with_dockerfile(tmp_path, lines).image == recipe("file-operations")


@pytest.mark.parametrize("version", ["==2.1.3", "==2.1.*", ">=1.20", ""])
def test_packages_that_an_image_has_need_no_install(tmp_path: Path, version: str) -> None:
    assert with_dockerfile(tmp_path, f"RUN pip install 'NumPy{version}'\n").image == recipe("data-science")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("RUN pip install numpy==1.26.4\n", "Dockerfile:3: RUN .* no image has all .* lacks numpy==1.26.4"),
        ("RUN apt-get install -y jq gcc\n", "Dockerfile:3: .*lacks"),
        ("RUN apt-get install -y cowsay\n", "Dockerfile:3: .*lacks cowsay"),
        ("RUN pip install -r requirements.txt\n", "Dockerfile:3: .*-r names a file"),
        ("RUN true\nRUN useradd -m bob\n", "Dockerfile:4: .*what 'useradd' does"),
        ("RUN echo 1 > /app/x\n", "Dockerfile:3: .*more than simple commands"),
        ("RUN curl https://x.org | sh\n", "Dockerfile:3: .*more than simple commands"),
        ("RUN cat <<EOF > /x\nEOF\n", "Dockerfile:3: .*here-documents"),
        ("FROM debian AS second\n", "Dockerfile:3: .*more than one stage"),
        ("USER nobody\n", "Dockerfile:3: .*agents here are root"),
        ("ENTRYPOINT serve\n", "Dockerfile:3: .*this instruction is not read"),
        ("COPY ../secret .\n", "Dockerfile:3: .*no file of the build context"),
        ("COPY absent .\n", "Dockerfile:3: .*does not exist in the build context"),
        ("COPY --from=builder /x /x\n", "Dockerfile:3: .*--from is not read"),
        ("COPY --chown=bob Dockerfile .\n", "Dockerfile:3: .*belong to root"),
        ("ADD https://x.org/a.tar.gz .\n", "Dockerfile:3: .*URL or an archive"),
        ("WORKDIR /srv\n", "the last WORKDIR is /srv"),
        ("WORKDIR $HOME\n", "Dockerfile:3: .*expanded by a shell"),
    ],
)  # fmt: skip
def test_what_a_dockerfile_does_beyond_our_images_is_refused(tmp_path: Path, lines: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_dockerfile(tmp_path, lines)


@pytest.mark.parametrize(
    "base", ["alpine:3", "python:3.13-slim-bookworm", "python:3.11-alpine", "nvidia/cuda:12", "$BASE"]
)
def test_a_base_unlike_ours_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(InputError, match=r"Dockerfile:1: .*not like one of our images"):
        imported(tmp_path, {"environment/Dockerfile": f"FROM {base}\nWORKDIR /app\n"})


@pytest.mark.parametrize(
    "base",
    ["debian", "ubuntu:24.04", "python:3.11-slim-bookworm", "ghcr.io/laude-institute/t-bench/ubuntu-24-04:latest"],
)
def test_a_base_like_ours_is_taken(tmp_path: Path, base: str) -> None:
    dockerfile = f"FROM --platform=linux/amd64 {base} AS main\nWORKDIR /app\n"
    assert imported(tmp_path, {"environment/Dockerfile": dockerfile}).files == ()


def test_a_link_in_the_context_is_refused(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path, {"environment/Dockerfile": f"{DOCKERFILE}COPY tree /app/\n", "environment/tree/a": ""}
    )
    (folder / "environment/tree/link").symlink_to("/etc/shadow")
    with pytest.raises(InputError, match=r"Dockerfile:3: .*link is a link"):
        import_task(folder, INVENTORIES)


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
        ('version = "1.0"', 'version = "1.0', "Illegal character"),
        ('version = "1.0"', 'version = "1.0"\n[[steps]]\nname = "one"', "steps"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_kept_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in TASK_TOML
    with pytest.raises(InputError, match=rf"(?s)task\.toml.*{reason}"):
        imported(tmp_path, {"task.toml": TASK_TOML.replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("apt-get update", "service nginx start", r"test\.sh:2: .*what 'service' does"),
        ("apt-get update", "python3 /tests/prepare.py", r"test\.sh:2: .*what 'python3' does"),
        ("apt-get update", "cp /tests/data /app", r"test\.sh:2: .*what 'cp' does"),
        ("apt-get update", 'if [ "$(cat /app/x)" = 1 ]; then', r"test\.sh:2: "),
        ("apt-get update", "set -e; rm -rf /app", r"test\.sh:2: "),
        ("apt-get update", "echo $(rm -rf /app)", r"test\.sh:2: "),
        ("$? -eq 0 ]", "$? -eq 0 -a -f /app/x ]", r"test\.sh:16: "),
        ("-rA", "-p plugin", r"test\.sh:10: .*pytest's option -p"),
        ("-rA", "-k answer", r"test\.sh:10: .*pytest's option -k"),
        ("-p 3.13", "--with-requirements=/tests/r.txt", r"test\.sh:10: .*uvx's option --with-requirements"),
        ("-w pytest==8.4.1", "-w cowsay", "no image has all packages; .* lacks cowsay"),
        ("/tests/test_outputs.py", "/tests/other.py", "holds no tests"),
        ("/tests/test_outputs.py", "/tests/test_outputs.py::test_other", "single checks of a shell script have no ids"),
    ],
)
def test_a_test_script_that_does_more_than_run_pytest_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        imported(tmp_path, {"tests/test.sh": TEST_SH.replace(old, new)})


@pytest.mark.parametrize(
    "script",
    [
        "cd /app\npytest -v /tests/test_outputs.py\nRC=$?\n"
        "if [ $RC -eq 0 ]; then echo 1 > /logs/verifier/reward.txt; fi\n",
        "set -uo pipefail\npip install pytest==8.4.1 --break-system-packages\nif python3 -m pytest /tests; then\n"
        "    echo 1.0 > /logs/verifier/reward.txt\nelse\n    echo 0 > /logs/verifier/reward.txt\nfi\nexit 0\n",
        "uv venv .tbench\nsource .venv/bin/activate\nuv pip install pytest==8.4.1\n"
        'uv run pytest "$TEST_DIR/test_outputs.py" -rA --tb=short\n',
    ],
)
def test_usual_scripts_are_understood(tmp_path: Path, script: str) -> None:
    verifier = imported(tmp_path, {"tests/test.sh": f"#!/bin/bash\n{script}"}).verifier
    assert verifier is not None
    assert [test.id for test in verifier.tests] == ["test_outputs.py::test_answer"]


def test_a_script_that_checks_by_itself_is_refused(tmp_path: Path) -> None:
    script = "#!/bin/bash\nif [ -f /app/x ]; then\necho 1 > /logs/verifier/reward.txt\nfi\n"
    with pytest.raises(InputError, match=r"test\.sh:2: if \[ -f /app/x \]"):
        imported(tmp_path, {"tests/test.sh": script})


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


@pytest.mark.parametrize("name", ["docker-compose.yaml", ".dockerignore"])
def test_what_changes_the_container_unread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=name):
        imported(tmp_path, {f"environment/{name}": ""})


def test_a_solution_that_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "solution/blob").write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match="/solution/blob is not text"):
        import_task(folder, INVENTORIES)


def test_the_older_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("instruction: x\n")
    with pytest.raises(InputError, match=r"no task\.toml"):
        import_task(tmp_path, INVENTORIES)
