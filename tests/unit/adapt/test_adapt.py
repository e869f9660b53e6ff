"""What all kinds share: columns equal to records, order, counts, and what is dropped."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.adapt import adapt, code, swe
from termforge.adapt.adapt import KINDS, KindName, adapted, without_near_duplicates
from termforge.adapt.kind import task_of, written
from termforge.adapt.known import known_sources
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.columns import to_arrow
from termforge.schemas import ImageRecipe

IMAGE = ImageRecipe(name="software-engineering", recipe="abc")
SOURCES: dict[KindName, tuple[str, ColumnMapping]] = {
    "math": (
        "math_gsm8k_train.jsonl.gz",
        ColumnMapping(prompt=("problem",), answer="expected_answer", solution="solution", id="id", license="MIT"),
    ),
    "code": (
        "code_humaneval.jsonl.gz",
        ColumnMapping(
            prompt=("prompt",), solution="canonical_solution", tests="test", entry_point="entry_point", id="task_id"
        ),
    ),
    "swe": ("swe_examples.jsonl.gz", ColumnMapping(prompt=("prompt",), solution="patch", id="instance_id")),
}
QUOTED = "Mend it.\n[start of a.py]\nx = 1\n[end of a.py]"
GOLD = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
FIXTURES: dict[KindName, list[Prompt]] = {
    "math": [
        Prompt("a?", "set", "1", "42", "6*7", "MIT"),
        Prompt('"q"\\ \n %s π?', "set", "2", None, None, "MIT"),
        Prompt("b?", "set", "3", "x^2", None, "Apache-2.0"),
        Prompt("c?", "set", "4", "1,072", "why\x07 é", "MIT"),
    ],
    "code": [
        Prompt(
            "def f():\n    '''One.'''", "set", "1", None, "    return 1", "", "def check(c):\n    assert c() == 1", "f"
        ),
        Prompt("Double it.", "set", "2", None, "print(2 * int(input()))", "", '[{"input": "1", "output": "2"}]'),
        Prompt("Say it.", "set", "3", None, None, ""),
    ],
    "swe": [
        Prompt(QUOTED, "set", "1", None, GOLD),
        Prompt(f"{QUOTED}\n[start of lib/b.txt]\n[end of lib/b.txt]", "set", "2"),
        Prompt(QUOTED, "set", "3", None, GOLD, "", "def test_it(): import a; assert a.x == 2"),
    ],
}


def in_columns(kind: KindName, prompts: list[Prompt]) -> pa.Table:
    return pa.concat_tables(adapted(KINDS[kind], prompts, IMAGE, Counter()))


def as_records(kind: KindName, prompts: list[Prompt]) -> pa.Table:
    return to_arrow("tasks", [task_of(KINDS[kind], prompt, IMAGE) for prompt in prompts])


@pytest.mark.parametrize("kind", KINDS)
def test_columns_hold_what_records_would_hold_ids_included(kind: KindName) -> None:
    assert in_columns(kind, FIXTURES[kind]).equals(as_records(kind, FIXTURES[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_real_prompts_give_the_same_in_columns_and_as_records(kind: KindName, shared: Path | None) -> None:
    if shared is None:
        pytest.skip("the real prompts do not lie beside this checkout")
    name, mapping = SOURCES[kind]
    prompts = list(read_prompts(shared / "data" / name, mapping, limit=500))
    assert in_columns(kind, prompts).equals(as_records(kind, prompts))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=5))
def test_any_text_gives_the_same_in_columns_and_as_records(texts: list[str]) -> None:
    prompts = [Prompt(text, text, text, text, text) for text in texts]
    assert in_columns("math", prompts).equals(as_records("math", prompts))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_appends_the_papers_suffix_after_a_blank_line(kind: KindName) -> None:
    suffixes = {
        "math": "Please place your final answer in a file named '/app/solution.txt'.",
        "code": "Write Python code to solve the problem. Please place the solution code in a file named "
        "`/app/solution.py`.",
        "swe": "Please first localize the bug based on the issue statement, generate *SEARCH/REPLACE* edits to fix "
        "the issue, and save the diff to a file named `/app/solution.patch`.",
    }
    prompt = FIXTURES[kind][0]
    assert task_of(KINDS[kind], prompt, IMAGE).instruction == f"{prompt.text}\n\n{suffixes[kind]}"


def test_tasks_are_counted_by_what_they_have() -> None:
    counts: Counter[str] = Counter()
    list(adapted(KINDS["math"], FIXTURES["math"], IMAGE, counts))
    assert counts == {"tasks": 4, "with tests": 2, "without tests": 2, "with a solution": 3}


def test_tables_are_cut_where_their_texts_grow_long_the_tests_included(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "TABLE_CHARS", 10_000)
    prompt = FIXTURES["code"][1]._replace(tests=json.dumps([{"input": "1 " * 4_000, "output": "2"}]))
    tables = list(adapted(KINDS["code"], [prompt] * 4, IMAGE, Counter()))
    assert [len(table) for table in tables] == [2, 2]


def test_prompts_that_make_no_task_are_counted_with_the_reason() -> None:
    counts: Counter[str] = Counter()
    prompts = [Prompt("No file.", "set", "1"), Prompt("[start of ../x]\n1\n[end of ../x]", "set", "2")]
    assert not list(adapted(swe.KIND, prompts, IMAGE, counts))
    assert counts == {"prompts without quoted files": 1, "prompts with a path outside the working folder": 1}


def test_near_duplicates_are_dropped_and_counted() -> None:
    counts: Counter[str] = Counter()
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    texts = [long, f"{long} seventeen", "something else entirely, of a few words", long.upper()]
    prompts = [Prompt(text, "set", str(number)) for number, text in enumerate(texts)]
    kept = without_near_duplicates(code.KIND, prompts, 0.8, counts)
    assert [prompt.id for prompt in kept] == ["0", "2"]
    assert counts == {"near-duplicate prompts": 2}


def test_quoted_files_do_not_make_two_issues_alike() -> None:
    file = f"[start of a.py]\n{'x = 1; ' * 500}\n[end of a.py]"
    prompts = [Prompt(f"{issue}\n{file}", "set", issue) for issue in ("It crashes on start.", "The total is wrong.")]
    assert len(list(without_near_duplicates(swe.KIND, prompts, 0.8, Counter()))) == 2


def test_a_text_is_typed_as_a_here_document_that_it_cannot_end() -> None:
    assert written("/app/x", "a\nEOF\nb") == "cat > /app/x << 'EOF_'\na\nEOF\nb\nEOF_\n"
    assert written("/app/x", "a\tb") is None


def test_known_sources_are_pinned_to_a_revision_of_the_hub() -> None:
    sources = known_sources()
    assert {source.kind for source in sources.values()} == set(KINDS)
    for source in sources.values():
        _, _, revision = source.prompts.partition("@")
        assert len(revision.partition("/")[0]) == 40
