import contextlib
import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.adapt.patches import DoesNotApply, edited

BEFORE = {"lib/a.py": "one\ntwo\nthree\nfour\n", "b.txt": "x\n"}
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "-- d", "++ e"]), max_size=12)


def diff(before: str, after: str, path: str = "lib/a.py", context: int = 3) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}", n=context
    )
    return "".join(lines)


def test_a_unified_diff_gives_the_touched_files_alone() -> None:
    assert edited(diff(BEFORE["lib/a.py"], "one\n2\nthree\nfour\n"), BEFORE) == {"lib/a.py": "one\n2\nthree\nfour\n"}


def test_a_hunk_may_stand_at_another_line_than_it_says() -> None:
    shifted = {"lib/a.py": "zero\n" * 7 + BEFORE["lib/a.py"]}
    patched = edited(diff(BEFORE["lib/a.py"], "one\n2\nthree\nfour\n"), shifted)
    assert patched == {"lib/a.py": "zero\n" * 7 + "one\n2\nthree\nfour\n"}


def test_search_and_replace_edits_follow_one_another() -> None:
    patch = (
        "```python\n### lib/a.py\n<<<<<<< SEARCH\ntwo\n=======\n2\n>>>>>>> REPLACE\n```\n"
        "```python\n### lib/a.py\n<<<<<<< SEARCH\n2\nthree\n=======\n3\n>>>>>>> REPLACE\n```\n"
    )
    assert edited(patch, BEFORE) == {"lib/a.py": "one\n3\nfour\n"}


def test_files_are_made_and_removed() -> None:
    made = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a\n+b\n"
    assert edited(made, BEFORE) == {"new.py": "a\nb\n"}
    assert edited("--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", BEFORE) == {"b.txt": None}


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("", "neither"),
        ("I would change line 2.", "neither"),
        ("--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-x\n+y\n", "no such file"),
        ("--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-y\n+z\n", "are not there"),
        ("--- a/b.txt\n+++ b/b.txt\n@@ -1,3 +1 @@\n-x\n", "not as long"),
        ("--- a/b.txt\n+++ b/b.txt\n", "no hunk"),
        ("### b.txt\n<<<<<<< SEARCH\nq\n=======\nr\n>>>>>>> REPLACE\n", "not there"),
        ("<<<<<<< SEARCH\nx\n=======\nr\n>>>>>>> REPLACE\n", "names no file"),
    ],
)
def test_what_does_not_fit_is_refused(patch: str, why: str) -> None:
    with pytest.raises(DoesNotApply, match=why):
        edited(patch, BEFORE)


@given(LINES, LINES, st.integers(0, 3))
def test_any_diff_leads_from_one_text_to_the_other(before: list[str], after: list[str], context: int) -> None:
    old, new = ("".join(f"{line}\n" for line in lines) for lines in (before, after))
    if old and new and old != new:
        assert edited(diff(old, new, context=context), {"lib/a.py": old}) == {"lib/a.py": new}


@given(st.text(max_size=300))
def test_any_text_is_refused_or_applied(patch: str) -> None:
    with contextlib.suppress(DoesNotApply):
        edited(patch, BEFORE)


def test_the_gold_patches_come_to_what_git_makes_of_them(shared: Path | None, tmp_path: Path) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    from termforge.adapt.sources import ColumnMapping, read_prompts
    from termforge.adapt.swe import quoted_files

    mapping = ColumnMapping(prompt=("prompt",), solution="patch", id="instance_id")
    for prompt in read_prompts(shared / "data" / "swe_examples.jsonl.gz", mapping):
        files = dict(quoted_files(prompt.text))
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, newline="")
        assert prompt.solution is not None
        subprocess.run(["git", "apply", "-"], input=prompt.solution.encode(), cwd=tmp_path, check=True)
        for path, expected in edited(prompt.solution, files).items():
            assert (tmp_path / path).read_bytes().decode() == expected
