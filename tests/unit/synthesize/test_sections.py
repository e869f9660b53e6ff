"""Form that leaves no doubt costs no second reply; what a teacher wraps around its words becomes no content."""

import time

import pytest

from termforge.synthesize.inputs import files_in
from termforge.synthesize.reply import MalformedReply, Reason
from termforge.synthesize.sections import split
from termforge.synthesize.weights import weights_in
from tests.unit.synthesize.replies import GOOD

TESTS = GOOD[GOOD.index("from pathlib") : GOOD.index("</tests>")]
INDENTED = "\n".join(f"  {line}" if line.lstrip().startswith("<") else line for line in GOOD.split("\n"))
DRAFT = "First <instruction> and so on:\n<instruction>\nA draft.\n</instruction>\n<tests>\nor\n"


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    "reply",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "Here is the task:\n\n" + GOOD,
        GOOD + "\nI hope that it serves. \U0001faea\n",
        f"```xml\n{GOOD}```\n",
        GOOD.replace("</instruction>\n", "</instruction>\n\n---\n").replace("<weights>", "## Weights\n<weights>"),
        GOOD + "<solution>\nwc -l\n</solution>\n",
        changed("<tests>\n", "<tests>\n```python\n").replace("</tests>", "```\n</tests>"),
        changed("<files>\n", "<files>\n~~~~\n").replace("</files>", "~~~~\n</files>"),
        changed("<tests>\n", "<tests>\n<![CDATA[\n").replace("</tests>", "]]>\n</tests>"),
        changed("<tests>\n", "<tests>").replace("\n</tests>", "</tests>"),
        changed("<instruction>\nCount", "<instruction>Count").replace(".\n</instruction>", ".</instruction>"),
        changed("<info>\nSmall.\n</info>", "<info>Small.</info>"),
        changed(
            "</weights>\n<test_requirements>\n</test_requirements>\n<info>",
            "</weights><test_requirements></test_requirements><info>",
        ),
        INDENTED,
        changed('<file path="/app/words.txt">', "<file  path = '/app/words.txt' >"),
        changed("two\n</file>", "two</file>"),
        changed('.txt">\none\ntwo\n', '.txt">\n```csv\none\ntwo\n```\n'),
        changed('.txt">\none\ntwo\n', '.txt"><![CDATA[\none\ntwo\n]]>'),
        changed('.txt">\none\ntwo\n', '.txt"><![CDATA[one\ntwo\n]]>\n'),
        DRAFT + "</think>\n" + GOOD,
        f"<thinking>\n{GOOD}</thinking>{GOOD}",
    ],
)
def test_harmless_form_makes_the_same_sections(reply: str) -> None:
    assert read(reply) == read(GOOD)


def read(reply: str) -> tuple[object, ...]:
    sections = split(reply)
    instruction, info, requirements = (
        text.strip() for text in (sections.instruction, sections.info, sections.test_requirements)
    )
    return instruction, files_in(sections.files), sections.tests, sections.weights, requirements, info


def test_a_thought_that_ends_in_a_file_is_content() -> None:
    reply = changed("one\n", "one\n</think>\n")
    assert split(reply) == split(GOOD)._replace(files=split(GOOD).files.replace("one\n", "one\n</think>\n"))


@pytest.mark.parametrize(
    "content",
    [
        "<index>\n  <file path=\"a.png\"/>\n  <file path='b/c.png'>12</file>\n</index>\n",
        "<files>\n<file>a.txt</file>\n</files>\n",
        '<file path="/app/x" sha256="00"/>\n',
        "<tests>\n</tests>\n</instruction>\n",
        "```sh\nls\n```\nand\n```sh\npwd\n```\n",
        "```\nnever closed\n",
        "\n  indented\n\n\n",
        "a &lt; b & c\n",
        "<![CDATA[ begins a section of XML\n",
    ],
)
def test_what_only_looks_like_a_tag_or_a_fence_is_content(content: str) -> None:
    (file,) = files_in(split(changed("one\ntwo\n", content)).files)
    assert file.content.decode() == content


def test_an_entity_in_a_string_may_be_meant() -> None:
    split(changed('== "2"', '!= "&lt;2&gt;"  # not &amp;'))


@pytest.mark.parametrize(
    "entities", ["assert 1 &lt; 2", "assert (1 &gt;= 2)", "assert 1 &amp; 2"], ids=["parses", "does not", "an operator"]
)
def test_an_entity_in_code_is_refused(entities: str) -> None:
    with pytest.raises(MalformedReply) as refused:
        split(changed("from pathlib", f"{entities}\nfrom pathlib"))
    assert refused.value.reason is Reason.TESTS_NOT_PYTHON


def test_sections_that_stand_twice_are_refused_where_no_thought_ends_between_them() -> None:
    with pytest.raises(MalformedReply) as refused:
        split(f"<think>\n{GOOD}\nBetter so:\n{GOOD}")
    assert refused.value.reason is Reason.REPEATED_SECTION


@pytest.mark.parametrize(
    "section",
    [
        "test_a: 1\ntest_b: 2.5\n",
        "- test_a: 1\n* test_b: 2.5\n",
        "# of all\ntest_a: 1  # easy, quick\n\ntest_b:2.5\n",
        "- `test_a`: 1\n- `test_b`: 2.5\n",
        '{"test_a": 1, "test_b": 2.5}\n',
        '{\n  "test_a": 1,\n  "test_b": 2.5,\n}\n',
    ],
)
def test_weights_are_read_as_lines_bullets_or_json(section: str) -> None:
    assert weights_in(section, ("test_a", "test_b")) == {"test_a": 1.0, "test_b": 2.5}


@pytest.mark.parametrize(
    "hostile",
    [
        "</think>" * 15_000,
        '<file path="/app/a">' * 6_000,
        "</file> x\n" * 12_000,
        "<file </file>\n" * 8_000,
        "<file " * 20_000,
        "<file " + "</file><a" * 13_000,
        "".join(f'<file path="/app/{number}"></file>' for number in range(4_000)),
        " " * 120_000,
        "```\n" * 30_000,
        "<instruction>\n" * 8_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_hostile_reply_is_read_in_a_moment(hostile: str) -> None:
    began = time.monotonic()
    places = (changed("<files>\n", f"<files>\n{hostile}"), changed("one\n", hostile), changed("Small.", hostile))
    for reply in (hostile, hostile + GOOD, *places):
        try:
            files_in(split(reply).files)
        except MalformedReply:
            continue
    assert time.monotonic() - began < 5
