"""The agent's patch and what the quoted files become under it, as tests see them.

Laid beside the tests of adapted SWE tasks; standard library only. Applying a patch runs nothing of the agent's. Given
tests do: they run as another user, in a process started for them, whose parent hears on a pipe that they passed and
alone can say so here. Patched code shares its process with those tests, as in any project: code that sets out to
deceive them, or writes to every descriptor it finds, still can.
"""

import json
import secrets
from pathlib import Path

from patches import DoesNotApply, edited  # type: ignore[import-not-found]
from termforge_grader import run_agent  # type: ignore[import-not-found]
from touched import touched  # type: ignore[import-not-found]

PATCH = "/app/solution.patch"
ORIGINALS = Path("/tests/original")
SUFFIX = ".original"
GRADER = "/opt/termforge/grader/python"
RUN_S = 120.0
TESTING = """
import os, sys
report = int(sys.argv.pop())
os.set_inheritable(report, False)
sys.path.insert(0, "")
import pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "given_tests.py"])
os.write(report, b"%d" % status)
"""
LAUNCHER = f"""
import ctypes, json, os, pathlib, subprocess, sys
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: the tests' process, of the same user, cannot look in here
word, files = json.load(sys.stdin)
for path, text in files.items():
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
ours, theirs = os.pipe()
argv = [{GRADER!r}, "-c", {TESTING!r}, str(theirs)]
process = subprocess.Popen(argv, pass_fds=[theirs], stdin=subprocess.DEVNULL, stdout=2)
os.close(theirs)
said = os.read(ours, 10)
if process.wait() == 0 and said == b"0":
    print(word)
"""


def proposal() -> str:
    path = Path(PATCH)
    assert path.is_file(), f"{PATCH} is missing"
    return path.read_bytes().decode("utf-8", "replace")


def originals() -> dict[str, str]:
    """The quoted files; a suffix keeps pytest from taking one for a test of its own."""
    found = [file for file in ORIGINALS.rglob("*") if file.is_file()]
    return {
        file.relative_to(ORIGINALS).as_posix().removesuffix(SUFFIX): file.read_bytes().decode("utf-8") for file in found
    }


def patched() -> dict[str, str | None]:
    """The files that the patch names as they are afterwards, if any does other work; None for a removed one."""
    before = originals()
    try:
        after: dict[str, str | None] = edited(proposal(), before)
    except DoesNotApply as error:
        raise AssertionError(f"the patch does not apply: {error}") from None
    assert touched(before, after), "the patch changes nothing that is run"
    return after


def changed() -> list[str]:
    """Paths of the files that do other work after the patch, sorted."""
    paths: list[str] = touched(originals(), patched())
    return paths


def passes(given_tests: str) -> bool:
    """Whether the source's tests pass on the patched files, which stand at their paths in an empty folder."""
    standing: dict[str, str | None] = {**originals(), **patched(), "given_tests.py": given_tests}
    assert not [path for path in standing if path.startswith("/") or ".." in path.split("/")], "a path leads outside"
    word = secrets.token_hex()
    files = {path: text for path, text in standing.items() if text is not None}
    ended = run_agent([GRADER, "-c", LAUNCHER], json.dumps([word, files]), RUN_S)
    return word in ended.stdout.split()
