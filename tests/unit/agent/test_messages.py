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


def test_a_parse_error_asks_for_the_format_of_the_replies() -> None:
    told = "Previous response had parsing errors:\nERROR: e\nWARNINGS: - w\n\n"
    told += "Please fix these issues and provide a proper "
    assert messages.parse_error("e", "- w", "json") == told + "JSON response."
    assert messages.parse_error("e", "- w", "xml") == told + "response."


def test_a_confirmation_is_asked_for_in_the_format_of_the_replies() -> None:
    told = "Current terminal state:\nout\n\nAre you sure"
    for text in (messages.confirmation("out", "json"), messages.confirmation("out", "xml")):
        assert text.startswith(told)
    assert messages.confirmation("out", "json").endswith(
        'If so, include "task_complete": true in your JSON response again.'
    )
    assert messages.confirmation("out", "xml").endswith("If so, include <task_complete>true</task_complete> again.")


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
        assert text == messages.confirmation(output, "json")
    assert confirmations
    assert messages.output_too_long(4096, "- No valid JSON object found") in sent
