"""The tests/ of a Harbor task as a Verifier.

Sound where test.sh does nothing but install tools, run pytest on files in tests/ and write 1 or 0: then all that
counts is which of the tests pass. A script that checks by itself, or prepares something for the tests, is refused.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import pytest_ids
from termforge.harbor.exporting import GRADER, WEIGHTS, mode_on_disk
from termforge.harbor.reach import looks_beyond
from termforge.harbor.reward import read_script
from termforge.harbor.settings import Ours
from termforge.harbor.shell import Package
from termforge.python_source import Tree
from termforge.schemas import File, Test, Verifier

SCRIPT = "test.sh"
SETTINGS = re.compile(r"\.?pytest\.(?:ini|toml)|tox\.ini|setup\.cfg|pyproject\.toml")
"""Where pytest reads which functions are tests."""
LONGEST_S = 3600.0


class Grading(NamedTuple):
    verifier: Verifier
    packages: tuple[Package, ...]
    """What the tests import, as test.sh installs it; any version will do, for the gates prove that they run."""


def read_grading(folder: Path, timeout_s: float, ours: Ours | None) -> Grading:
    """The tests/ of a task.

    Raises: InputError naming file, line and reason.
    """
    script = folder / SCRIPT
    if not script.is_file():
        raise InputError(f"{script}: there is no test script")
    if (
        ours is not None
        and script.read_bytes() == (resources.files("termforge.harbor") / "inside" / SCRIPT).read_bytes()
    ):
        return Grading(_weighed(folder, ours), ())
    files = _files(folder)
    run = read_script(script)
    trees = _trees(files)
    ids = [name for target in run.targets for name in _ids(script, target, trees)]
    if not ids:
        raise InputError(f"{script}: it runs no pytest on files here: single checks of a shell script have no ids")
    verifier = Verifier(
        files=files,
        tests=tuple(Test(id=name) for name in dict.fromkeys(ids)),
        timeout_s=min(timeout_s, LONGEST_S),
        live=any(map(looks_beyond, trees.values())),
    )
    return Grading(verifier, tuple(package._replace(version="") for package in run.packages))


def _weighed(folder: Path, ours: Ours) -> Verifier:
    """Of our own export, which knows its ids."""
    path = folder / WEIGHTS
    try:
        content = json.loads(path.read_bytes())
        tests = tuple(Test(id=name, weight=weight) for name, weight in content["weights"].items())
        files = tuple(file for file in _files(folder) if file.path != f"/tests/{WEIGHTS}")
        return Verifier(
            files=files, tests=tests, timeout_s=content["timeout_s"], threshold=ours.threshold, live=ours.live
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not what an export writes: {error!r}") from None


def _files(folder: Path) -> tuple[File, ...]:
    """All but the script, which is not run here, and what our export lays beside it."""
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_symlink():
            raise InputError(f"{path}: is a link")
        if path.is_file() and relative.as_posix() != SCRIPT and not {GRADER, "__pycache__"} & set(relative.parts):
            mode = mode_on_disk(path.stat().st_mode)
            found.append(File(path=f"/tests/{relative.as_posix()}", content=path.read_bytes(), mode=mode))
    return tuple(found)


def _trees(files: Sequence[File]) -> dict[str, Tree]:
    """What is Python, by paths below /tests.

    Raises: InputError where it is not, or where only running tells which tests there are.
    """
    for file in files:
        if SETTINGS.fullmatch(Path(file.path).name) and b"pytest" in file.content + file.path.encode():
            raise InputError(f"{file.path.removeprefix('/')}: pytest's settings may change which tests count")
    paths = [file.path.removeprefix("/tests/") for file in files]
    beside = {part.removesuffix(".py") for path in paths for part in Path(path).parts}
    sources = {path: file.content for path, file in zip(paths, files, strict=True) if path.endswith(".py")}
    return {path: pytest_ids.parse(path, source, beside) for path, source in sources.items()}


def _ids(script: Path, target: str, trees: Mapping[str, Tree]) -> list[str]:
    """Ids below a target: a file, a folder, or `file::test`."""
    place, _, function = target.partition("::")
    chosen = list(_chosen(place, trees))
    if not chosen:
        raise InputError(f"{script}: pytest is run on {target}, which holds no tests under /tests")
    ids = [name for path in chosen for name in pytest_ids.test_ids(path, trees[path])]
    return [name for name in ids if not function or re.search(rf"::{re.escape(function)}(?=$|\[|::)", name)]


def _chosen(place: str, paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        whole = f"/tests/{path}"
        if whole == place or (whole.startswith(f"{place.rstrip('/')}/") and _is_collected(whole)):
            yield path


def _is_collected(path: str) -> bool:
    return bool(re.search(r"/(?:test_[^/]*|[^/]*_test)\.py$", path))
