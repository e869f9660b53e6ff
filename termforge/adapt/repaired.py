"""The agent's patch and what the quoted files become under it, as tests see them.

Laid beside the tests of adapted SWE tasks; standard library only. Applying a patch runs nothing of the agent's; given
tests do, and so run as another user. That their run ended well is not taken from its exit code, but from a word.
"""

import json
import secrets
from pathlib import Path

from patches import DoesNotApply, edited  # type: ignore[import-not-found]
from termforge_grader import run_agent  # type: ignore[import-not-found]

PATCH = "/app/solution.patch"
ORIGINALS = Path("/tests/original")
SUFFIX = ".original"
GRADER = "/opt/termforge/grader/python"
RUN_S = 120.0
RUN_TESTS = """
import json, pathlib, sys
word, files = json.load(sys.stdin)
for path, text in files.items():
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
sys.path.insert(0, "")
import pytest
if pytest.main(["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "given_tests.py"]) == 0:
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


def changed() -> dict[str, str | None]:
    """Files that differ after the patch, at least one; None for a removed one."""
    before = originals()
    try:
        after: dict[str, str | None] = edited(proposal(), before)
    except DoesNotApply as error:
        raise AssertionError(f"the patch does not apply: {error}") from None
    different = {path: text for path, text in after.items() if text != before.get(path)}
    assert different, "the patch changes nothing"
    return different


def passes(given_tests: str) -> bool:
    """Whether the source's tests pass on the patched files, which stand at their paths in an empty folder."""
    standing: dict[str, str | None] = {**originals(), **changed(), "given_tests.py": given_tests}
    assert not [path for path in standing if path.startswith("/") or ".." in path.split("/")], "a path leads outside"
    word = secrets.token_hex()
    files = {path: text for path, text in standing.items() if text is not None}
    ended = run_agent([GRADER, "-c", RUN_TESTS], json.dumps([word, files]), RUN_S)
    return word in ended.stdout.split()
