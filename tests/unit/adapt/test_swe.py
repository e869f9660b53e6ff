from pathlib import Path

import pytest

from termforge.adapt.kind import task_of
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.adapt.swe import KIND, quoted_files
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


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    "body", ["    return 0", "    import os; os._exit(0)"], ids=["fails the given tests", "ends them as if they passed"]
)
def test_given_tests_decide(body: str, engine: Engine) -> None:
    task = task_of(KIND, PROMPT._replace(tests=GIVEN), HOST)
    assert not verdict_of(task, GOLD.replace("+    return sum(prices)", f"+{body}"), engine).solved


def test_a_prompt_without_a_gold_patch_gets_no_tests_as_in_the_paper() -> None:
    task = task_of(KIND, PROMPT._replace(solution=None), HOST)
    assert (task.verifier, task.solution, len(task.files)) == (None, None, 2)


def test_a_gold_patch_of_files_that_are_not_quoted_gives_no_tests() -> None:
    task = task_of(KIND, PROMPT._replace(solution=GOLD.replace("shop/total", "shop/absent")), HOST)
    assert task.verifier is None


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
