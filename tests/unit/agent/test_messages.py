"""What the loop tells the model beside terminal output."""

import json
from pathlib import Path

import pytest

from termforge.agent import messages


def test_feedback_names_the_error_before_the_warnings() -> None:
    assert messages.feedback("", "") == ""
    assert messages.feedback("e", "") == "ERROR: e"
    assert messages.feedback("", "- w") == "WARNINGS: - w"
    assert messages.feedback("e", "- v\n- w") == "ERROR: e\nWARNINGS: - v\n- w"


def test_a_parse_error_asks_for_json() -> None:
    assert messages.parse_error("e", "- w") == (
        "Previous response had parsing errors:\nERROR: e\nWARNINGS: - w\n\n"
        "Please fix these issues and provide a proper JSON response."
    )


def test_warnings_stand_before_the_output() -> None:
    assert messages.with_warnings("- w", "out") == "Previous response had warnings:\nWARNINGS: - w\n\nout"
    assert messages.with_warnings("", "out") == "out"


def test_the_length_limit_is_named_where_it_is_known() -> None:
    known, unknown = messages.output_too_long(4096, ""), messages.output_too_long(None, "- w")
    assert known.count("4096 tokens") == 3
    assert unknown.count("the maximum output length") == 3
    assert unknown.endswith("\n\nParser warnings from your truncated response:\n- w")


def test_texts_are_the_original_s_word_for_word(shared: Path | None) -> None:
    if shared is None:
        pytest.skip("no recorded transcripts beside this checkout; the other tests here spell the texts out")
    scenarios = json.loads((shared / "fixtures/terminus/loop_transcripts.json").read_text())["scenarios"]
    sent = [call["message"] for scenario in scenarios for call in scenario["calls"] if isinstance(call["message"], str)]
    confirmations = [text for text in sent if text.startswith("Current terminal state:\n")]
    for text in confirmations:
        output = text.removeprefix("Current terminal state:\n").rpartition("\n\nAre you sure")[0]
        assert text == messages.confirmation(output)
    assert confirmations
    assert messages.output_too_long(4096, "- No valid JSON object found") in sent
