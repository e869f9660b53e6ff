"""The reply parser: recorded vectors of the original, vectors of our own, and properties."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.agent.protocol import Parsed, parse, render
from termforge.schemas import Command

GOLDEN = Path(__file__).parents[2] / "golden" / "agent_replies.json"
OWN = json.loads(GOLDEN.read_text())

text = st.text(st.characters(exclude_categories=["Cs"]))
lines = text.map(lambda line: line + "\n")
commands = st.lists(st.builds(Command, keystrokes=lines, duration_s=st.floats(allow_nan=False))).map(tuple)


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["name"])
def test_replies_are_read_as_written_down(vector: dict[str, Any]) -> None:
    parsed = parse(vector["reply"])
    assert [[command.keystrokes, command.duration_s] for command in parsed.commands] == vector.get("commands", [])
    assert parsed.task_complete == vector.get("task_complete", False)
    assert (parsed.error, parsed.warning) == (vector.get("error", ""), vector.get("warning", ""))


def test_recorded_replies_are_read_as_the_original_reads_them(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("no recorded vectors beside this checkout; test_replies_are_read_as_written_down covers the rules")
    vectors = json.loads((shared / "fixtures/terminus/parser_vectors.json").read_text())["json"]
    assert len(vectors) > 30
    for vector in vectors:
        expected, parsed = vector["expect"], parse(untagged(vector["input"]))
        assert [(command.keystrokes, command.duration_s) for command in parsed.commands] == [
            (untagged(command["keystrokes"]), untagged(command["duration"])) for command in expected["commands"]
        ], vector["id"]
        assert parsed.task_complete == bool(expected["is_task_complete"]), vector["id"]
        assert (parsed.analysis, parsed.plan) == (expected["analysis"], expected["plan"]), vector["id"]
        assert sorted(parsed.warning.split("\n")) == sorted(expected["warning"].split("\n")), vector["id"]
        if vector.get("python_message"):  # the json module words its part as the interpreter likes
            assert frame(parsed.error) == frame(expected["error"]), vector["id"]
        else:
            assert parsed.error == expected["error"], vector["id"]


def test_broken_json_is_quoted_whole_if_short_and_from_its_start_if_long() -> None:
    short = parse('{"analysis": nothing}')
    assert short.error.startswith("Invalid JSON: Expecting value: line 1 column 14 (char 13) | ")
    assert short.error.endswith(" | Content: '{\"analysis\": nothing}'")
    broken = '{"analysis": ' + "x" * 186 + "}"
    assert parse(broken).error.endswith(f" | Content preview: {broken[:100]!r}...")
    assert parse(broken[:-2] + "}").error.endswith(f" | Content: {broken[:-2] + '}'!r}")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1e999", math.inf),
        ("Infinity", math.inf),
        ("-3", -3.0),
        ("1" + "0" * 400, math.inf),
        ("-1" + "0" * 400, -math.inf),
    ],
)
def test_durations_beyond_all_measure_are_left_to_the_loop(written: str, seconds: float) -> None:
    reply = f'{{"analysis":"","plan":"","commands":[{{"keystrokes":"","duration":{written}}}]}}'
    assert parse(reply) == Parsed(commands=(Command(keystrokes="", duration_s=seconds),))


@pytest.mark.parametrize(
    "hostile", ['{"a":' + "[" * 100_000, "{" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "{}" * 50_000]
)
def test_hostile_nesting_is_an_error_and_quickly_so(hostile: str) -> None:
    assert parse(hostile).error


def test_numbers_too_long_for_python_are_an_error() -> None:
    reply = '{"analysis":"","plan":"","commands":[{"keystrokes":"","duration":' + "1" * 5000 + "}]}"
    assert parse(reply).error.startswith("Invalid JSON: ")


@given(analysis=text, plan=text, commands=commands, task_complete=st.booleans())
def test_what_is_rendered_is_parsed_back(
    analysis: str, plan: str, commands: tuple[Command, ...], task_complete: bool
) -> None:
    reply = render(analysis, plan, commands, task_complete)
    assert parse(reply) == Parsed(commands, task_complete, error="", warning="", analysis=analysis, plan=plan)


@given(st.text() | st.text(st.sampled_from('{}[]",:\\ \n`aE0')))
def test_any_text_is_parsed_or_refused_but_never_raises(reply: str) -> None:
    parsed = parse(reply)
    assert not (parsed.error and (parsed.commands or parsed.task_complete))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["keystrokes", "duration", "x"]) | st.text(), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["analysis", "plan", "commands", "task_complete"]), json_values), st.text())
def test_any_json_object_is_parsed_or_refused_but_never_raises(fields: dict[str, object], around: str) -> None:
    parsed = parse(around + json.dumps(fields))
    assert all(isinstance(command.duration_s, float) for command in parsed.commands)


def untagged(value: Any) -> Any:
    """Two values that strict JSON cannot carry are tagged objects in the vectors."""
    if isinstance(value, dict) and "$utf16" in value:
        return b"".join(unit.to_bytes(2, "little") for unit in value["$utf16"]).decode("utf-16-le", "surrogatepass")
    if isinstance(value, dict) and "$nonfinite" in value:
        return float(value["$nonfinite"])
    return value


def frame(error: str) -> tuple[str, str]:
    """An error less the json module's own message."""
    head, _, rest = error.partition(": ")
    return head, rest.partition(" | ")[2]
