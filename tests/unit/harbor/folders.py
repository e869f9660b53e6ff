"""Task folders in Harbor's format, written file by file."""

from pathlib import Path

from termforge.harbor.importing import import_task
from termforge.images import Inventory
from termforge.schemas import TerminalTask

INVENTORIES = {
    "file-operations": Inventory(apt={"curl": "7.88.1-10", "jq": "1.6-2.1"}, python={"pytest": "9.0.1"}, commands=()),
    "data-science": Inventory(
        apt={"curl": "7.88.1-10", "gcc": "4:12.2.0-3"}, python={"numpy": "2.1.3", "pytest": "9.0.1"}, commands=()
    ),
}

DOCKERFILE = """\
FROM debian:bookworm-slim
WORKDIR /app
"""

TESTS = """\
from pathlib import Path


def test_answer():
    assert Path("/app/answer").read_text() == "42\\n"
"""

TEST_SH = """\
#!/bin/bash
apt-get update
apt-get install -y curl
curl -LsSf https://astral.sh/uv/0.9.5/install.sh | sh
source $HOME/.local/bin/env
if [ "$PWD" = "/" ]; then
    echo "Error: No working directory set."
    exit 1
fi
uvx \\
  -p 3.13 \\
  -w pytest==8.4.1 \\
  -w pytest-json-ctrf==0.3.5 \\
  pytest --ctrf /logs/verifier/ctrf.json /tests/test_outputs.py -rA

if [ $? -eq 0 ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
"""

TASK_TOML = """\
version = "1.0"

[metadata]
author_name = "somebody"
difficulty = "medium"
category = "data-science"

[verifier]
timeout_sec = 120.0

[agent]
timeout_sec = 600.0

[environment]
build_timeout_sec = 600.0
docker_image = "example/answer:20251031"
cpus = 2
memory = "4G"
storage = "10G"
"""

FILES = {
    "task.toml": TASK_TOML,
    "instruction.md": "Write 42 to /app/answer.\n",
    "environment/Dockerfile": DOCKERFILE,
    "tests/test.sh": TEST_SH,
    "tests/test_outputs.py": TESTS,
    "solution/solve.sh": "#!/bin/bash\necho 42 > /app/answer\n",
}


def write_folder(folder: Path, changes: dict[str, str] | None = None) -> Path:
    """A sound task; `changes` replaces files by path."""
    for path, text in (FILES | (changes or {})).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def imported(folder: Path, changes: dict[str, str] | None = None) -> TerminalTask:
    return import_task(write_folder(folder / "answer", changes), INVENTORIES)
