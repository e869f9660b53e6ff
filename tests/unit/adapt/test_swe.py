from collections import Counter
from pathlib import Path

import pytest

from termforge.adapt.adapt import adapted
from termforge.adapt.kind import LeftOut, task_of
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.adapt.swe import KIND, quoted_files
from termforge.adapt.touched import is_code
from termforge.images import HOST
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.sandbox.protocol import Engine
from termforge.schemas import Command, Step, TerminalTask, Verdict
from termforge.stages.machine import open_engine

TEXT = """\
The total is wrong.
[start of shop/total.py]
def total(prices):
    return sum(prices) + 1
[end of shop/total.py]
[start of shop/other.py]
NAME = "shop"
[end of shop/other.py]
"""
GOLD = """\
diff --git a/shop/total.py b/shop/total.py
--- a/shop/total.py
+++ b/shop/total.py
@@ -1,2 +1,2 @@
 def total(prices):
-    return sum(prices) + 1
+    return sum(prices)
"""
GIVEN = "from shop.total import total\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
PROMPT = Prompt(TEXT, "set", "1", solution=GOLD)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine("bubblewrap")


def verdict_of(task: TerminalTask, patch: str, engine: Engine) -> Verdict:
    typed = Command(keystrokes=f"cat > /app/solution.patch << 'END'\n{patch}END\n", duration_s=0.5)
    task = task.model_copy(update={"solution": (Step(analysis="", plan="", commands=(typed,)),)})
    *_, last = roll_out(Trial(task, 0, "t"), RolloutConfig(), engine, Oracle(task, seed="t"))
    assert last.verdict is not None, last.detail
    assert last.verdict.error is None
    return last.verdict


def test_every_quoted_file_lies_at_its_path() -> None:
    files = {file.path: file.content for file in task_of(KIND, PROMPT, HOST).files}
    assert files == {
        "/app/shop/total.py": b"def total(prices):\n    return sum(prices) + 1\n",
        "/app/shop/other.py": b'NAME = "shop"\n',
    }


def test_the_gold_patch_stands_in_nothing_that_the_agent_sees() -> None:
    task = task_of(KIND, PROMPT, HOST)
    seen = task.instruction.encode() + b"".join(file.path.encode() + file.content for file in task.files)
    assert b"return sum(prices)\n" not in seen
    assert b"+++ b/" not in seen


@pytest.mark.bubblewrap
@pytest.mark.parametrize("given", [None, GIVEN], ids=["without tests", "with tests"])
def test_the_gold_patch_is_judged_solved(given: str | None, engine: Engine) -> None:
    assert verdict_of(task_of(KIND, PROMPT._replace(tests=given), HOST), GOLD, engine).solved


@pytest.mark.bubblewrap
def test_search_and_replace_edits_are_as_good_as_a_diff(engine: Engine) -> None:
    lines = ("<<<<<<< SEARCH", "    return sum(prices) + 1", "=======", "    return sum(prices)", ">>>>>>> REPLACE", "")
    edit = "\n".join(("### shop/total.py", *lines))
    assert verdict_of(task_of(KIND, PROMPT, HOST), edit, engine).solved


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "patch",
    [
        "",
        TEXT,
        GOLD.replace("-    return sum(prices) + 1", "-    return sum(prices) + 2"),
        GOLD.replace("+    return sum(prices)", "+    return sum(prices) + 1"),
    ],
    ids=["empty", "the prompt", "does not apply", "changes nothing"],
)
def test_what_is_no_patch_of_these_files_scores_nothing(patch: str, engine: Engine) -> None:
    assert verdict_of(task_of(KIND, PROMPT, HOST), patch, engine).score == 0.0


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("patch", "failed"),
    [
        (GOLD.replace("total", "other").replace("def other(prices):", "x"), None),
        (GOLD.replace("+    return sum(prices)", "+    return sum(prices"), "test_python_stays_valid"),
        ('--- a/shop/other.py\n+++ b/shop/other.py\n@@ -1 +1 @@\n-NAME = "shop"\n+NAME = "x"\n', "right_files"),
    ],
    ids=["foreign lines", "no longer Python", "another file"],
)
def test_a_wrong_patch_is_not_solved(patch: str, failed: str | None, engine: Engine) -> None:
    verdict = verdict_of(task_of(KIND, PROMPT, HOST), patch, engine)
    assert not verdict.solved
    assert failed is None or [result.id for result in verdict.results if not result.passed and failed in result.id]


TELLING = "    import __main__, atexit; atexit.register(lambda: print(vars(__main__).get('word'))); return 0"


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "body",
    ["    return 0", "    import os; os._exit(0)", TELLING],
    ids=["fails the given tests", "ends them as if they passed", "tells what proves a pass"],
)
def test_given_tests_decide(body: str, engine: Engine) -> None:
    task = task_of(KIND, PROMPT._replace(tests=GIVEN), HOST)
    assert not verdict_of(task, GOLD.replace("+    return sum(prices)", f"+{body}"), engine).solved


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("added", "solved"),
    [
        ("+# looked at\n", False),
        ("+\n", False),
        ("+x = 1\n", True),
    ],
)
def test_comments_are_no_change(added: str, solved: bool, engine: Engine) -> None:
    patch = f"--- a/shop/total.py\n+++ b/shop/total.py\n@@ -2 +2,2 @@\n     return sum(prices) + 1\n{added}"
    assert verdict_of(task_of(KIND, PROMPT, HOST), patch, engine).solved == solved


TEST_FILE = "--- /dev/null\n+++ b/tests/test_total.py\n@@ -0,0 +1 @@\n+x = 1\n"


@pytest.mark.bubblewrap
@pytest.mark.parametrize(("gold", "patch"), [(GOLD + TEST_FILE, GOLD), (GOLD, GOLD + TEST_FILE)])
def test_tests_of_a_patch_are_its_authors_business(gold: str, patch: str, engine: Engine) -> None:
    assert verdict_of(task_of(KIND, PROMPT._replace(solution=gold), HOST), patch, engine).solved


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("a.py", True),
        ("lib/contest.py", True),
        ("lib/latest/a.py", True),
        ("requirements/dev.toml", True),
        ("tests/a.py", False),
        ("lib/test/data.json", False),
        ("lib/test_a.py", False),
        ("lib/a_test.go", False),
        ("conftest.py", False),
        ("docs/a.py", False),
        ("CHANGES.rst", False),
        ("CHANGELOG", False),
        ("README.md", False),
    ],
)
def test_tests_and_documentation_do_no_work(path: str, counts: bool) -> None:
    assert is_code(path) == counts


def graded_by(prompt: Prompt) -> list[str]:
    verifier = task_of(KIND, prompt, HOST).verifier
    return [] if verifier is None else [test.id.partition("::")[2] for test in verifier.tests]


@pytest.mark.parametrize("tests", [GOLD, "x = 1", "def test_it(:"])
def test_tests_that_are_no_python_tests_are_left_out_and_counted(tests: str) -> None:
    prompt, counts = PROMPT._replace(tests=tests), Counter[str]()
    assert graded_by(prompt) == graded_by(PROMPT)
    list(adapted(KIND, [prompt], HOST, counts))
    assert counts["prompts whose tests are of no known form"] == 1


def test_a_gold_patch_of_comments_gives_no_tests() -> None:
    assert (
        graded_by(PROMPT._replace(solution=GOLD.replace("+    return sum(prices)", "+    return sum(prices) + 1 #")))
        == []
    )


def test_a_prompt_without_a_gold_patch_gets_no_tests_as_in_the_paper() -> None:
    task = task_of(KIND, PROMPT._replace(solution=None), HOST)
    assert (task.verifier, task.solution, len(task.files)) == (None, None, 2)


def test_a_gold_patch_of_files_that_are_not_quoted_gives_no_tests() -> None:
    task = task_of(KIND, PROMPT._replace(solution=GOLD.replace("shop/total", "shop/absent")), HOST)
    assert task.verifier is None


def test_a_file_in_the_place_of_a_folder_makes_no_task() -> None:
    both = "[start of a.py]\nx\n[end of a.py]\n[start of a.py/b.py]\ny\n[end of a.py/b.py]\n"
    with pytest.raises(LeftOut, match="in the place of a folder"):
        task_of(KIND, PROMPT._replace(text=both), HOST)


def test_prompts_may_end_their_lines_as_windows_does() -> None:
    prompt = PROMPT._replace(text=TEXT.replace("\n", "\r\n"))
    assert task_of(KIND, prompt, HOST).files == task_of(KIND, PROMPT, HOST).files
    assert graded_by(prompt) == graded_by(PROMPT)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_may_stand_between_fences_below_their_paths(end: str) -> None:
    text = "Mend it.\n### lib/a.py\n```python\nx = 1\n```\n\n### b.md\n````\n```\ny\n```\n````\n".replace("\n", end)
    assert list(quoted_files(text)) == [("lib/a.py", "x = 1\n"), ("b.md", "```\ny\n```\n")]
    assert KIND.essence(text).strip() == "Mend it."


def test_numbers_before_the_lines_are_taken_off() -> None:
    quoted = "[start of a.py]\n1 def f():\n2 \n3     return 1\n[end of a.py]"
    assert list(quoted_files(quoted)) == [("a.py", "def f():\n\n    return 1\n")]
    assert list(quoted_files("[start of a.txt]\n1 apple\n5 pears\n[end of a.txt]")) == [("a.txt", "1 apple\n5 pears\n")]


def test_real_prompts_give_the_files_that_their_source_names(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    import gzip
    import json

    path = shared / "data" / "swe_examples.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    mapping = ColumnMapping(prompt=("prompt",), solution="patch", id="instance_id")
    for row, prompt in zip(rows, read_prompts(path, mapping), strict=True):
        expected = {name: f"{text}\n" for name, text in row["relevant_file_contents"].items()}
        assert dict(quoted_files(prompt.text)) == expected
        task = task_of(KIND, prompt, HOST)
        assert task.verifier is not None
        assert task.solution is not None
