"""Reads a folder in Harbor's format as a TerminalTask, or says why it would be another task here.

The tests keep the trust that Harbor gives them: where they may look at more than files under /app, they run on the
agent's own machine. Whether the task is sound is for the gates, as with any other.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from termforge.errors import InputError
from termforge.harbor.environment import Environment, read_environment
from termforge.harbor.exporting import mode_on_disk
from termforge.harbor.grading import read_grading
from termforge.harbor.script import SOLVE, steps
from termforge.harbor.settings import FILE, Ours, Settings, read_settings
from termforge.images import DOMAIN_IMAGES, Inventory
from termforge.images.recipe import recipe
from termforge.schemas import Domain, File, Provenance, Step, TerminalTask, Verifier

GENERATOR = "harbor@2"
CANARY = re.compile(r"<!--.*canary.*-->|#.*canary.*", re.IGNORECASE)
LONGEST_S = 300.0
"""A solution is given so long at most."""


def is_task(folder: Path) -> bool:
    return (folder / FILE).is_file()


def import_task(folder: Path, inventories: Mapping[str, Inventory]) -> TerminalTask:
    """One task folder; `inventories` of the images to choose from, by name.

    Raises: InputError naming the file, and the line or key, that has no counterpart here.
    """
    if not is_task(folder):
        raise InputError(
            f"{folder}: there is no {FILE}: not a task in Harbor's format (the older task.yaml is not read)"
        )
    _refuse_strange_files(folder)
    settings = read_settings(folder)
    ours = settings.metadata.termforge
    domain = _domain(settings)
    grading = read_grading(folder / "tests", settings.verifier.timeout_sec, ours)
    environment = read_environment(
        folder / "environment",
        inventories,
        variables=settings.environment.env,
        packages=grading.packages,
        wanted=DOMAIN_IMAGES[domain] if domain else "",
    )
    _refuse_unseen(grading.verifier, environment)
    solution = _solution(folder / "solution", settings)
    if solution is None and settings.promises_internet:
        raise InputError(
            f"{folder / FILE}: it promises the internet, and no solution shows that it can be done without"
        )
    kept = ours or Ours()
    return TerminalTask(
        image=recipe(environment.image),
        domain=domain,
        instruction=_instruction(folder / "instruction.md"),
        files=environment.files,
        verifier=grading.verifier,
        graded_paths=kept.graded_paths,
        needs=kept.needs,
        solution=solution,
        limits=settings.limits,
        provenance=_provenance(folder, settings),
    )


def _refuse_strange_files(folder: Path) -> None:
    """Through links files of this machine would become part of a task; pipes would be waited for."""
    root = folder.resolve()
    for path in folder.rglob("*"):
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise InputError(f"{path}: is a link that leads out of the task's folder")
        if not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: is neither a file nor a folder")


def _domain(settings: Settings) -> Domain | None:
    return next((domain for domain in get_args(Domain) if domain == settings.metadata.category), None)


def _instruction(path: Path) -> str:
    """The text without its canary lines and the blank lines after them, as Harbor shows it."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    while lines and CANARY.fullmatch(lines[0].strip()):
        lines.pop(0)
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines)


def _solution(folder: Path, settings: Settings) -> tuple[Step, ...] | None:
    if not (folder / "solve.sh").is_file():
        return None
    place = SOLVE.rpartition("/")[0]
    files = [
        File(
            path=f"{place}/{path.relative_to(folder).as_posix()}",
            content=path.read_bytes(),
            mode=mode_on_disk(path.stat().st_mode),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return steps(files, settings.solution.env, min(settings.limits.container_s, LONGEST_S))


def _refuse_unseen(verifier: Verifier, environment: Environment) -> None:
    for file in verifier.files:
        for name in environment.variables:
            if re.search(rf"\b{re.escape(name)}\b".encode(), file.content):
                raise InputError(f"{file.path} speaks of ${name}, which tests here do not see")


def _provenance(folder: Path, settings: Settings) -> Provenance:
    difficulty = settings.metadata.difficulty
    return Provenance(
        source="harbor",
        generator=GENERATOR,
        origin=str(settings.task.get("name", folder.name)),
        difficulty=difficulty if isinstance(difficulty, str) else "",
    )
