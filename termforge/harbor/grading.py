"""The tests/ of a Harbor task as a Verifier.

Sound where test.sh does nothing but install tools, run pytest on files in tests/ and write 1 or 0: then all that
counts is which of the tests pass. A script that checks by itself, or prepares something for the tests, is refused.
"""

import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import shell
from termforge.harbor.exporting import GRADER, WEIGHTS
from termforge.harbor.pytest_ids import looks_beyond, test_ids
from termforge.harbor.settings import Ours
from termforge.harbor.shell import Package
from termforge.schemas import File, Test, Verifier

SCRIPT = "test.sh"
IDLE = re.compile(
    r"""
      set\s+[-+\w\s]+ | fi | exit(?:\s+[\w$?{}"]+)? | cd\s+/app | mkdir\s+-p\s+/logs/verifier/?
    | (?:el)?if\s+\[\[?\s+"?\$(?:\?|\w+|\{\w+\})"?\s+(?:-eq|-ne|==?|!=)\s+["']?[/\d]["']?\s+\]\]?
    | \w+=\$\? | echo\s[^<>|&;`(]* | echo\s+["']?[01](?:\.0)?["']?\s*>\s*/logs/verifier/reward\.txt
    | curl\s[^|;&`(]*astral\.sh/uv[^|;&`(]*\|\s*(?:ba)?sh | uv\s+(?:init|venv)\b[^<>|&;`(]*
    | (?:source|\.)\s+\S*(?:\.local/bin/env|\.venv/bin/activate) | export\s+PATH=[^\s|&;`()]+
    """,
    re.VERBOSE,
)
"""Commands that say how to run pytest and what to make of its status, and nothing about the task."""
FLAGS = re.compile(
    r"-[vqsx]+|-r\w+|--(?:tb|color|capture|show-capture|junitxml|verbosity|maxfail)=\S+|--no-header|--disable-warnings"
)
VALUED = {"--ctrf", "--tb", "--junitxml"}
RUNNERS = (("uvx",), ("uv", "tool", "run"), ("uv", "run"), ("python", "-m"), ("python3", "-m"), ())
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
    targets, packages = _read_script(script)
    ids = [name for target in targets for name in _ids(script, target, files)]
    if not ids:
        raise InputError(f"{script}: it runs no pytest on files here: single checks of a shell script have no ids")
    verifier = Verifier(
        files=files,
        tests=tuple(Test(id=name) for name in dict.fromkeys(ids)),
        timeout_s=min(timeout_s, LONGEST_S),
        live=any(looks_beyond(file.content) for file in files if file.path.endswith(".py")),
    )
    return Grading(verifier, tuple(packages))


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
            mode = path.stat().st_mode & 0o777
            found.append(File(path=f"/tests/{relative.as_posix()}", content=path.read_bytes(), mode=mode))
    return tuple(found)


def _read_script(script: Path) -> tuple[list[str], list[Package]]:
    """Pytest's targets, and the packages that the tests are given."""
    targets: list[str] = []
    packages: list[Package] = []
    for line in shell.lines(script.read_text(encoding="utf-8", errors="replace")):
        if _is_idle(line.text):
            continue
        try:
            for words in shell.commands(re.sub(r"^if\s+|\s*;\s*then$", "", line.text)):
                run = _pytest(words)
                targets += run.targets
                packages += run.packages
        except ValueError as error:
            raise InputError(f"{script}:{line.number}: {line.text[:80]}: {error}") from None
    return targets, [package._replace(version="") for package in packages if package.name not in shell.GRADERS_OWN]


def _is_idle(text: str) -> bool:
    parts = (re.sub(r"^(?:then|else)\b\s*", "", part) for part in re.split(r"\s*;\s*", text))
    return all(not part or IDLE.fullmatch(part) for part in parts)


class _Run(NamedTuple):
    targets: Sequence[str] = ()
    packages: Sequence[Package] = ()


def _pytest(words: Sequence[str]) -> _Run:
    """A simple command that runs pytest, or installs what it needs.

    Raises: ValueError for any other.
    """
    if (installed := shell.installed(words)) is not None:
        return _Run(packages=installed)
    runner = next(runner for runner in RUNNERS if tuple(words[: len(runner)]) == runner)
    rest, packages = list(words[len(runner) :]), []
    while runner and rest and rest[0].startswith("-"):
        name, given, value = rest.pop(0).partition("=")
        if name not in ("-p", "--python", "-w", "--with") or not (given or rest):
            raise ValueError(f"{runner[0]}'s option {name} is not read")
        value = value if given else rest.pop(0)
        if name in ("-w", "--with"):
            packages += [shell.python_package(one) for one in value.split(",")]
    if rest[:1] != ["pytest"]:
        raise ValueError(f"what {words[0]!r} does for the tests cannot be told")
    return _Run(list(_targets(rest[1:])), packages)


def _targets(words: Sequence[str]) -> Iterator[str]:
    waiting = iter(words)
    for word in waiting:
        if word in VALUED:
            next(waiting, None)
        elif not word.startswith("-"):
            yield re.sub(r"^\$(?:TEST_DIR\b|\{TEST_DIR\})", "/tests", word)
        elif not FLAGS.fullmatch(word):
            raise ValueError(f"pytest's option {word} may change which tests count")


def _ids(script: Path, target: str, files: Sequence[File]) -> list[str]:
    """Ids below a target: a file, a folder, or `file::test`."""
    place, _, function = target.partition("::")
    chosen = [file for file in files if file.path == place or (file.path.startswith(f"{place}/") and _collected(file))]
    if not chosen:
        raise InputError(f"{script}: pytest is run on {target}, which holds no tests under /tests")
    ids = [name for file in chosen for name in test_ids(file.path.removeprefix("/tests/"), file.content)]
    return [name for name in ids if not function or re.search(rf"::{re.escape(function)}(?=$|\[|::)", name)]


def _collected(file: File) -> bool:
    return bool(re.search(r"/(?:test_[^/]*|[^/]*_test)\.py$", file.path))
