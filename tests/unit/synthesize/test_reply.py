"""Replies as a teacher may write them: one that is right, and every way that we know of to be wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from termforge.images import Inventory
from termforge.schemas import ImageRecipe, Provenance, TerminalTask
from termforge.synthesize import Environment, Reason, SeedProblem, SynthesisRequest
from termforge.synthesize.prompt import remedies
from termforge.synthesize.reply import MalformedReply
from termforge.synthesize.run import read_task

ENVIRONMENT = Environment(
    ImageRecipe(name="data-processing", recipe="0123456789abcdef"),
    Inventory(apt={"jq": "1.6"}, python={"pyyaml": "6.0.1"}, commands=("jq",), modules=("yaml",)),
)
SEED = SeedProblem(
    id="s",
    domain="data-processing",
    problem="Add up the numbers.",
    reference="Open the file, skip the header line, convert each remaining line to an integer and add them to a total.",
)
REQUEST = SynthesisRequest(origin="seed s", domain="data-processing", difficulty="easy", seed_problem=SEED)
PROVENANCE = Provenance(source="seed", generator="synthesize/seed@1")

GOOD = """\
<instruction>
Add up the readings in /app/readings.csv and write the sum to /app/sum.txt.
</instruction>
<files>
<file path="/app/readings.csv">
reading
<tests>
3

</file>
<file path="/app/more/empty.txt">
</file>
</files>
<tests>
import re
from pathlib import Path

import yaml
from termforge_grader import run_agent

SUM = Path("/app/sum.txt")


def test_sum_exists():
    assert SUM.is_file()


def test_sum_is_right():
    assert SUM.is_file()
    assert re.compile(r"3\\s*").fullmatch(SUM.read_text())


def test_sum_is_a_line():
    assert SUM.is_file()
    assert SUM.read_text().endswith("\\n")
</tests>
<weights>
test_sum_exists: 1

test_sum_is_right: 2.5
test_sum_is_a_line: 1
</weights>
<test_requirements>
PyYAML>=6
</test_requirements>
<info>
Easy.
</info>
"""


def read(reply: str) -> TerminalTask:
    return read_task(reply, REQUEST, ENVIRONMENT, PROVENANCE)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def section(name: str) -> str:
    return GOOD[GOOD.index(f"<{name}>") : GOOD.index(f"</{name}>") + len(name) + 3]


def test_a_good_reply_becomes_a_task_without_a_solution() -> None:
    task = read(GOOD)
    assert task.instruction == "Add up the readings in /app/readings.csv and write the sum to /app/sum.txt.\n"
    assert {file.path: file.content for file in task.files} == {
        "/app/more/empty.txt": b"",
        "/app/readings.csv": b"reading\n<tests>\n3\n\n",
    }
    assert task.image == ENVIRONMENT.recipe
    assert task.verifier is not None
    assert [(test.id, test.weight) for test in task.verifier.tests] == [
        ("test_outputs.py::test_sum_exists", 1.0),
        ("test_outputs.py::test_sum_is_right", 2.5),
        ("test_outputs.py::test_sum_is_a_line", 1.0),
    ]
    assert [file.path for file in task.verifier.files] == ["/tests/test_outputs.py"]
    assert task.solution is None


def test_sections_may_come_in_any_order_and_small_ones_on_one_line() -> None:
    requirements = section("test_requirements")
    reply = "\n" + section("info") + "\n" + GOOD.replace(section("info") + "\n", "")
    assert read(reply.replace(requirements, "<test_requirements></test_requirements>")) == read(GOOD)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", Reason.MISSING_SECTION),
        ("I cannot do that.", Reason.OUTSIDE_TEXT),
        ("The sections are <instruction>, <files> and so on.", Reason.OUTSIDE_TEXT),
        (changed("</info>\n", ""), Reason.UNCLOSED_SECTION),
        (changed("</instruction>", "</instruction> and so on"), Reason.UNCLOSED_SECTION),
        (GOOD + "<info>\nagain\n</info>\n", Reason.REPEATED_SECTION),
        (GOOD.replace(section("weights"), ""), Reason.MISSING_SECTION),
        (changed("Easy.", ""), Reason.EMPTY_SECTION),
        (changed("Add up", "Add up " * 4000), Reason.TOO_LARGE),
        (changed("reading\n", "1234567\n" * 8001), Reason.TOO_LARGE),
        (
            changed("<files>\n", "<files>\n" + "".join(f'<file path="/app/{n}">\n</file>\n' for n in range(29))),
            Reason.TOO_LARGE,
        ),
        (changed("Easy.", "\x1b]0;evil\x07"), Reason.NOT_TEXT),
        (changed("3\n", "\x00\x01"), Reason.NOT_TEXT),
        (changed("3\n", "\ufffd\ufffd"), Reason.NOT_TEXT),
        (changed("3\n", "\ud800"), Reason.NOT_TEXT),
        (changed("3\n", "key: sk-proj-abcdefghij0123456789\n"), Reason.SECRET),
        (changed("3\n", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"), Reason.SECRET),
        (changed("</file>", "</file> trailing"), Reason.BAD_FILES),
        (changed("3\n\n</file>\n", "3\n"), Reason.BAD_FILES),
        (changed("</file>\n</files>", "</files>"), Reason.UNCLOSED_SECTION),
        (changed("<files>\n", "<files>\nsome words\n"), Reason.BAD_FILES),
        (changed('path="/app/readings.csv"', "name='x'"), Reason.BAD_FILES),
        (changed("/app/more/empty.txt", "/app/../etc/cron.d/evil"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/./x"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app//x"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/x/"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/application/x"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/tests/test_outputs.py"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/root/.bashrc"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "more/empty.txt"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/a\u202eb"), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/" + "a" * 200), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/" + "\N{SNOWMAN}" * 100), Reason.BAD_PATH),
        (changed("/app/more/empty.txt", "/app/..\\evil"), Reason.BAD_PATH),
        (changed('empty.txt">', 'empty.txt" target="/etc/passwd">'), Reason.LINK),
        (changed('<file path="/app/more/empty.txt">', '<symlink path="/app/x" to="/etc/passwd">'), Reason.LINK),
        (changed("/app/more/empty.txt", "/app/solution.py"), Reason.ANSWER_KEY),
        (changed("Add up", "Use binary search to add up").replace("Easy.", "Binary search."), Reason.METHOD_NAMED),
        (changed("Add up", "It is 7.25: add up").replace("fullmatch(", "x == 7.25 and f("), Reason.RESULT_TOLD),
        (changed("/app/more/empty.txt", "/app/readings.csv"), Reason.DUPLICATE_PATH),
        (changed("/app/more/empty.txt", "/app/readings.csv/below"), Reason.DUPLICATE_PATH),
        (changed("import re\n", "```python\n"), Reason.TESTS_NOT_PYTHON),
        (changed("import re\n", "import re\nassert 1 &lt; 2\n"), Reason.TESTS_NOT_PYTHON),
        (changed("import re\n", "x = " + "(" * 5000 + ")" * 5000), Reason.TESTS_NOT_PYTHON),
        (GOOD.replace("def test_", "def check_"), Reason.NO_TESTS),
        (changed("def test_sum_is_a_line", "def line"), Reason.TEST_COUNT),
        (changed("def test_sum_exists", "@pytest.mark.skip\ndef test_sum_exists"), Reason.BAD_TEST),
        (changed("def test_sum_exists", "async def test_sum_exists"), Reason.BAD_TEST),
        (changed("right()", "right(tmp_path)"), Reason.BAD_TEST),
        (changed("right()", "right(*all)"), Reason.BAD_TEST),
        (changed("def test_sum_is_right", "def test_sum_exists"), Reason.BAD_TEST),
        (
            changed("def test_sum_exists():\n    assert SUM.is_file()", "def test_sum_exists():\n    pass"),
            Reason.BAD_TEST,
        ),
        (changed("</tests>", "class TestMore:\n    def test_it(self):\n        assert 1\n</tests>"), Reason.BAD_TEST),
        (changed("import re\n", "import re, subprocess\n"), Reason.UNSAFE_TEST),
        (changed("import re\n", "import re, os\nos.system('id')\n"), Reason.UNSAFE_TEST),
        (changed("import re\n", "import re\nfrom os import popen as p\n"), Reason.UNSAFE_TEST),
        (changed("import re\n", "import re\neval('1')\n"), Reason.UNSAFE_TEST),
        (changed("import re\n", "import re\nx = __import__\n"), Reason.UNSAFE_TEST),
        (changed("import re\n", "import re\nimport pickle\n"), Reason.UNSAFE_TEST),
        (changed("import yaml\n", "import numpy as np\n"), Reason.MISSING_IMPORT),
        (changed("import yaml\n", "def f():\n    import solution\n"), Reason.MISSING_IMPORT),
        (changed("import yaml\n", "from . import yaml\n"), Reason.MISSING_IMPORT),
        (changed("PyYAML>=6", "numpy"), Reason.MISSING_REQUIREMENT),
        (changed("PyYAML>=6", "-e git+https://evil.example/x"), Reason.MISSING_REQUIREMENT),
        (changed("test_sum_exists: 1\n", "test_sum_exists: 0\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "test_sum_exists: -1\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "test_sum_exists: 101\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "test_sum_exists: nan\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "test_sum_exists: 1\ntest_sum_exists: 2\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "all of them: 1\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", f"test_sum_exists: {'9' * 4000}\n"), Reason.BAD_WEIGHTS),
        (changed("test_sum_exists: 1\n", "test_sum_exists: 1\ntest_other: 1\n"), Reason.UNKNOWN_TEST),
        (changed("test_sum_exists: 1\n", ""), Reason.UNWEIGHTED_TEST),
        (changed("write the sum", "(see /tests/test_outputs.py) write the sum"), Reason.TESTS_MENTIONED),
        (changed("Add up", f"{SEED.reference.upper()} Add up"), Reason.REFERENCE_LEAKED),
        (changed("3\n", f"# {SEED.reference}\n"), Reason.REFERENCE_LEAKED),
    ],
)
def test_a_malformed_reply_is_refused_with_its_reason(reply: str, reason: Reason) -> None:
    with pytest.raises(MalformedReply) as refused:
        read(reply)
    assert refused.value.reason is reason


def test_the_reference_may_appear_in_the_tests() -> None:
    read(changed("import re\n", f"import re\n# {SEED.reference}\n"))


def test_an_equals_sign_in_a_path_makes_no_link() -> None:
    read(changed("/app/more/empty.txt", "/app/target=1/empty.txt"))


def test_this_process_own_key_is_refused_whatever_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", "plain-words-only")
    with pytest.raises(MalformedReply) as refused:
        read(changed("3\n", "plain-words-only\n"))
    assert refused.value.reason is Reason.SECRET


def test_every_reason_that_a_reply_can_give_is_tested_above() -> None:
    marks = test_a_malformed_reply_is_refused_with_its_reason.pytestmark  # type: ignore[attr-defined]
    tested = {reason for _, reason in marks[0].args[1]}
    assert tested == set(remedies()) - {Reason.TRUNCATED}


def test_a_secret_is_named_by_its_kind_alone() -> None:
    with pytest.raises(MalformedReply) as refused:
        read(changed("3\n", "AKIAABCDEFGHIJKLMNOP\n"))
    assert refused.value.detail == "AWS key"


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_reply_is_a_task_or_a_reason_and_nothing_else(data: st.DataObject) -> None:
    """Cut, doubled and exchanged lines; whatever comes out must still obey the paths."""
    lines = GOOD.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.one_of(st.sampled_from(lines), st.text(max_size=20)))
        lines[position : position + data.draw(st.integers(0, 2))] = [other]
    try:
        task = read("\n".join(lines))
    except MalformedReply:
        return
    assert all(file.path.startswith("/app/") for file in task.files)
    assert task.verifier is not None
