import contextlib
import difflib
import subprocess
import time
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


def edit(search: str, replace: str, above: str = "### lib/a.py") -> str:
    return f"{above}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def test_what_is_searched_for_begins_a_line() -> None:
    before = {"lib/a.py": "max = 1\nx = 1\n"}
    assert edited(edit("x = 1\n", "x = 2\n"), before) == {"lib/a.py": "max = 1\nx = 2\n"}
    with pytest.raises(DoesNotApply, match="not there"):
        edited(edit("x = 1\n", "x = 2\n"), {"lib/a.py": "max = 1\n"})


def test_a_dividing_line_in_the_text_is_told_by_its_length_or_refused() -> None:
    before = {"lib/a.py": "Title\n=====\nold\n"}
    assert edited(edit("=====\nold\n", "=====\nnew\n"), before) == {"lib/a.py": "Title\n=====\nnew\n"}
    with pytest.raises(DoesNotApply, match="which line divides"):
        edited(edit("Title\n=======\n", "x\n"), {"lib/a.py": "Title\n=======\n"})


@pytest.mark.parametrize(
    "above", ["lib/a.py", "`lib/a.py`", "**lib/a.py**:", "lib/a.py\n```python", "### /app/lib/a.py"]
)
def test_a_line_above_an_edit_names_its_file(above: str) -> None:
    assert edited(edit("two\n", "2\n", above), BEFORE) == {"lib/a.py": "one\n2\nthree\nfour\n"}


def test_an_edit_without_searched_lines_makes_a_new_file_alone() -> None:
    assert edited(edit("", "x\n", "### new.py"), BEFORE) == {"new.py": "x\n"}
    with pytest.raises(DoesNotApply, match="not there"):
        edited(edit("", "x\n"), BEFORE)


def test_thousands_of_open_edits_are_refused_at_once() -> None:
    start = time.process_time()
    with pytest.raises(DoesNotApply, match="no end"):
        edited("<<<<<<< SEARCH\nx\n" * 20_000, BEFORE)
    assert time.process_time() - start < 1


TWO = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lib/a.py.orig\t2026-11-21 10:00", "lib/a.py\t2026-11-21 10:00"),
        ("../old/lib/a.py", "./lib/a.py"),
        ("/app/lib/a.py", "/tmp/a.py"),
        ("orig/a.py", "lib/a.py"),
    ],
)
def test_files_may_be_named_as_diff_names_them(old: str, new: str) -> None:
    assert edited(f"--- {old}\n+++ {new}\n{TWO}", BEFORE) == {"lib/a.py": "one\n2\nthree\nfour\n"}


def test_names_that_git_quotes_are_read() -> None:
    patch = '--- "a/\\303\\244.py"\n+++ "b/\\303\\244.py"\n@@ -1 +1 @@\n-a\n+b\n'
    assert edited(patch, {"ä.py": "a\n"}) == {"ä.py": "b\n"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("end_of_patch", ["\n", "\r\n"])
@pytest.mark.parametrize("patch", [f"--- a/lib/a.py\n+++ b/lib/a.py\n{TWO}", edit("two\n", "2\n")])
def test_lines_end_as_those_of_the_file(patch: str, end_of_patch: str, end: str) -> None:
    before = {"lib/a.py": BEFORE["lib/a.py"].replace("\n", end)}
    after = "one\n2\nthree\nfour\n".replace("\n", end)
    assert edited(patch.replace("\n", end_of_patch), before) == {"lib/a.py": after}


def test_a_renamed_file_leaves_its_old_place() -> None:
    renamed = "diff --git a/b.txt b/c.txt\nsimilarity index 50%\nrename from b.txt\nrename to c.txt\n"
    assert edited(renamed, BEFORE) == {"b.txt": None, "c.txt": "x\n"}
    with_edit = f"{renamed}--- a/b.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-x\n+y\n"
    assert edited(with_edit, BEFORE) == {"b.txt": None, "c.txt": "y\n"}


def test_a_new_file_is_not_taken_for_another_of_its_name() -> None:
    patch = "--- /dev/null\n+++ b/lib/b.txt\n@@ -0,0 +1 @@\n+y\n"
    assert edited(patch, BEFORE) == {"lib/b.txt": "y\n"}


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
