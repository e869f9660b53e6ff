"""Writes TerminalTasks as folders that `harbor run` takes.

The Dockerfile starts from our image as it is built here, `termforge/<image>:<recipe>`, and adds the task's files. What
once came from Harbor goes back as it was: its solution's files, and its variables as settings. The tests are graded by
the same runner as ours, with ids and weights in tests/weights.json; but in the container that the agent worked in, as
Harbor does it, so a reward there is weaker evidence than a verdict here. No network mode is asked for: `no-network` is
refused by machines without Harbor's sidecar, and its Terminus 2 installs tools when it starts.
"""

import json
import math
import shlex
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from termforge.errors import InputError
from termforge.harbor.script import script, scripted
from termforge.harbor.variables import PROFILE, profiled
from termforge.images import HOST
from termforge.sandbox.docker_sandbox import DockerSandbox
from termforge.schemas import File, Need, TerminalTask, Verifier

OURS = "termforge"
"""Organisation of the names, and the table of task.toml with what Harbor has no field for."""
LABEL = "termforge.task"
"""By which images that Harbor built and left behind can be found."""
WEIGHTS = "weights.json"
GRADER = ".grader"
PLAIN_MODES = (0o644, 0o755)
GRADING_SPARE_S = 60.0
"""Harbor's limit lies above ours: a test that hangs shall lose the reward, not the trial."""


class Exported(NamedTuple):
    written: int
    refused: dict[str, str]
    """Task ids with the reason."""


def export_tasks(terminal_tasks: Iterable[TerminalTask], out: Path) -> Exported:
    """A folder a task, named by its id; what Harbor cannot run is left out and named.

    Raises: InputError where a folder is there already.
    """
    written = 0
    refused: dict[str, str] = {}
    for terminal_task in terminal_tasks:
        if reason := unfit(terminal_task):
            refused[terminal_task.id] = reason
            continue
        export_task(terminal_task, out / terminal_task.id)
        written += 1
    return Exported(written, refused)


def unfit(terminal_task: TerminalTask) -> str:
    """Why Harbor cannot run a task; empty where it can."""
    if terminal_task.verifier is None:
        return "it has no tests, and Harbor wants a reward"
    if terminal_task.image.name == HOST.name:
        return "it was made for the pseudo-image host, which exists in no registry and no engine"
    if Need.NET_ADMIN in terminal_task.needs:
        return "it needs net_admin, which a Harbor task cannot ask for"
    if any("${" in value for value in _variables(terminal_task).values()):
        return "a variable's value holds ${, which Harbor would fill in from the machine that it runs on"
    try:
        _solution(terminal_task)
    except InputError as error:
        return str(error)
    return ""


def export_task(terminal_task: TerminalTask, folder: Path) -> None:
    """Raises: InputError where the folder exists or the task is unfit."""
    if reason := unfit(terminal_task):
        raise InputError(f"task {terminal_task.id}: {reason}")
    if folder.exists():
        raise InputError(f"{folder} exists already: exports are written into new folders")
    for path, content, mode in _contents(terminal_task):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)


class Written(NamedTuple):
    path: str
    """In the task's folder."""
    content: bytes
    mode: int = 0o644


def _contents(terminal_task: TerminalTask) -> list[Written]:
    assert terminal_task.verifier is not None
    return [
        Written("task.toml", _settings(terminal_task, terminal_task.verifier).encode()),
        Written("instruction.md", terminal_task.instruction.encode()),
        Written("environment/Dockerfile", _dockerfile(terminal_task).encode()),
        *(
            Written(f"environment/files{file.path}", file.content, mode_on_disk(file.mode))
            for file in _laid(terminal_task)
        ),
        *_tests(terminal_task.verifier),
        *_solution(terminal_task),
    ]


def _laid(terminal_task: TerminalTask) -> list[File]:
    return [file for file in terminal_task.files if file.path != PROFILE]


def _variables(terminal_task: TerminalTask) -> dict[str, str]:
    found = (profiled(file) for file in terminal_task.files if file.path == PROFILE)
    return next(found, {})


def _dockerfile(terminal_task: TerminalTask) -> str:
    image, files = terminal_task.image, _laid(terminal_task)
    lines = [f"FROM termforge/{image.name}:{image.recipe}", f"LABEL {LABEL}={terminal_task.id}"]
    if files:
        lines.append("COPY files/ /")
    lines += [f"RUN chmod {file.mode:04o} {shlex.quote(file.path)}" for file in files if file.mode not in PLAIN_MODES]
    return "\n".join([*lines, "WORKDIR /app", ""])


def mode_on_disk(mode: int) -> int:
    """What a repository can carry of a mode, whatever the umask of whoever cloned it; the Dockerfile sets the rest."""
    return 0o755 if mode & 0o100 else 0o644


def _solution(terminal_task: TerminalTask) -> list[Written]:
    """Raises: InputError for a solution that is no script."""
    if terminal_task.solution is None:
        return []
    if imported := scripted(terminal_task.solution):
        return [Written(file.path.removeprefix("/"), file.content, file.mode) for file in imported.files]
    return [Written("solution/solve.sh", script(terminal_task.solution).encode(), 0o755)]


def _tests(verifier: Verifier) -> list[Written]:
    grader, inside = resources.files("termforge") / "grader", resources.files("termforge.harbor") / "inside"
    weights = {"timeout_s": verifier.timeout_s, "weights": {test.id: test.weight for test in verifier.tests}}
    demote = f"\nDEMOTE = {list(DockerSandbox.demote)!r}\n".encode()
    return [
        *(Written(file.path.removeprefix("/"), file.content, mode_on_disk(file.mode)) for file in verifier.files),
        Written(f"tests/{WEIGHTS}", (json.dumps(weights, indent=2) + "\n").encode()),
        Written("tests/test.sh", (inside / "test.sh").read_bytes(), 0o755),
        Written(f"tests/{GRADER}/grade.py", (inside / "grade.py").read_bytes()),
        Written(f"tests/{GRADER}/run.py", (grader / "run.py").read_bytes()),
        Written(f"tests/{GRADER}/termforge_grader.py", (grader / "termforge_grader.py").read_bytes() + demote),
    ]


def _settings(terminal_task: TerminalTask, verifier: Verifier) -> str:
    limits, provenance = terminal_task.limits, terminal_task.provenance
    ours = terminal_task.model_dump(mode="json", include={"limits", "graded_paths"})
    imported = scripted(terminal_task.solution or ())
    tables: dict[str, Mapping[str, Any]] = {
        "": {"schema_version": "1.4"},
        "task": {"name": f"{OURS}/{terminal_task.id}", "keywords": list(provenance.skills)},
        "metadata": {
            "category": terminal_task.domain or provenance.source,
            "difficulty": provenance.difficulty,
            **provenance.model_dump(include={"source", "generator", "origin", "license"}),
        },
        f"metadata.{OURS}": {
            "needs": sorted(terminal_task.needs),
            "graded_paths": ours["graded_paths"],
            "threshold": verifier.threshold,
            "live": verifier.live,
        },
        f"metadata.{OURS}.limits": ours["limits"],
        "agent": {"timeout_sec": limits.model_s + limits.container_s},
        "verifier": {"timeout_sec": verifier.timeout_s + GRADING_SPARE_S},
        "environment": {
            "cpus": math.ceil(limits.cpus),
            "memory_mb": limits.memory_mb,
            "storage_mb": limits.disk_mb,
        },
        "environment.env": _variables(terminal_task),
        "solution.env": imported.environment if imported else {},
    }
    return "\n".join(_table(name, fields) for name, fields in tables.items() if fields)


def _table(name: str, fields: Mapping[str, Any]) -> str:
    """JSON's strings, numbers and lists are TOML's, but for one control character."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items()]
    return (f"[{name}]\n" if name else "") + "".join(lines).replace("\x7f", "\\u007f")
