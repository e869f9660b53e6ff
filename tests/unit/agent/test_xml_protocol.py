"""The XML variant of the reply parser: recorded vectors of the original, vectors of our own, and properties."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.agent.protocol import Parsed
from termforge.agent.xml_protocol import parse
from termforge.schemas import Command

GOLDEN = Path(__file__).parents[2] / "golden" / "agent_xml_replies.json"
OWN = json.loads(GOLDEN.read_text())
REPLY = "<response>\n<analysis>\n{}\n</analysis>\n<plan>\n{}\n</plan>\n<commands>\n{}</commands>\n</response>"

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>")).map(str.strip)
keystrokes = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<&\\")).map(lambda keys: keys + "\n")


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["name"])
def test_replies_are_read_as_written_down(vector: dict[str, Any]) -> None:
    parsed = parse(vector["reply"])
    assert [[command.keystrokes, command.duration_s] for command in parsed.commands] == vector.get("commands", [])
    assert parsed.task_complete == vector.get("task_complete", False)
    assert (parsed.error, parsed.warning) == (vector.get("error", ""), vector.get("warning", ""))


def test_recorded_replies_are_read_as_the_original_reads_them(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("no recorded vectors beside this checkout; test_replies_are_read_as_written_down covers the rules")
    vectors = json.loads((shared / "fixtures/terminus/parser_vectors.json").read_text())["xml"]
    assert len(vectors) == 16
    for vector in vectors:
        expected, parsed = vector["expect"], parse(vector["input"])
        assert [command.model_dump() for command in parsed.commands] == [
            {"keystrokes": command["keystrokes"], "duration_s": command["duration"]} for command in expected["commands"]
        ], vector["id"]
        assert parsed.task_complete == expected["is_task_complete"], vector["id"]
        assert (parsed.error, parsed.analysis, parsed.plan) == (
            expected["error"],
            expected["analysis"],
            expected["plan"],
        ), vector["id"]
        order = sorted if vector.get("warning_order") == "any" else list
        assert order(parsed.warning.split("\n")) == order(expected["warning"].split("\n")), vector["id"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1e999", math.inf), ("inf", math.inf), ("-3", -3.0), (" 1_0 ", 10.0), ("9" * 400, math.inf)],
)
def test_durations_are_what_python_calls_a_number(written: str, seconds: float) -> None:
    element = f'<keystrokes duration="{written}">x</keystrokes>'
    assert parse(REPLY.format("", "", element)) == Parsed(commands=(Command(keystrokes="x", duration_s=seconds),))


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 200_000,
        "<response>" * 20_000,
        "<analysis>" * 20_000,
        "<commands>" + "<keystrokes" * 20_000 + "</commands>",
        "<commands>" + "<keystrokes>" * 20_000 + "</keystrokes></commands>",
        f"<commands><keystrokes {'a' * 200_000}>x</keystrokes></commands>",
        f"<commands><keystrokes {'duration ' * 20_000}{' ' * 100_000}>x</keystrokes></commands>",
        "<task_complete>" + " " * 200_000,
    ],
    ids=lambda hostile: hostile[:30],
)
@pytest.mark.timeout(10)  # a square of the length would take minutes
def test_hostile_replies_are_read_as_quickly_as_they_are_long(hostile: str) -> None:
    assert not parse(f"<response>x{hostile}").task_complete


@given(plain, plain, st.lists(st.tuples(keystrokes, st.floats(allow_nan=False)), min_size=1))
def test_what_is_written_as_asked_is_read_without_a_word(
    analysis: str, plan: str, typed: list[tuple[str, float]]
) -> None:
    elements = "".join(f'<keystrokes duration="{duration_s}">{keys}</keystrokes>\n' for keys, duration_s in typed)
    commands = tuple(Command(keystrokes=keys, duration_s=duration_s) for keys, duration_s in typed)
    assert parse(REPLY.format(analysis, plan, elements)) == Parsed(commands, analysis=analysis, plan=plan)


TAGS = ("response", "analysis", "plan", "commands", "task_complete", "keystrokes", "x")
PIECES = [f"{start}{tag}{end}" for tag in TAGS for start in ("<", "</") for end in (">", "/>", " ", ' duration="1">')]


@given(st.text() | st.lists(st.sampled_from([*PIECES, "true", "<", ">", "< >", "\n", '"', "="])).map("".join))
def test_any_text_is_read_or_refused_but_never_raises(reply: str) -> None:
    parsed = parse(reply)
    assert not (parsed.error and (parsed.commands or parsed.task_complete))
    assert isinstance(parsed.analysis, str)
