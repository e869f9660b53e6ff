"""The words of a handover: our own, and Terminus 2's out of real harbor wheels (conftest.py fetches them)."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from termforge import prompts
from termforge.agent import template, wording
from termforge.errors import SetupError

PROGRAM_IN_WHEEL = "harbor/agents/terminus_2/terminus_2.py"
VALUES = {"instruction": "Do {it} 100%.", "summary": "SUM {{", "screen": "$ }", "questions": "Q?", "answers": "A!"}
USED = {
    "summary": ["instruction"],
    "questions": ["instruction", "summary", "screen"],
    "answers": ["questions"],
    "handoff": ["answers"],
    "short summary": ["instruction", "screen"],
    "from summary": ["summary"],
    "from screen": ["screen"],
}


def test_every_prompt_holds_the_values_it_needs(harbor_state: Path) -> None:
    assert set(USED) == set(get_args(wording.Prompt))
    for name in get_args(template.TemplateName):
        words = wording.load(name, harbor_state)
        for prompt, used in USED.items():
            text = words(prompt, **VALUES)
            assert all(VALUES[value] in text for value in used), (name, prompt)
            assert text == text.rstrip() or name != "termforge"


def test_terminus_2_s_prompts_are_the_recorded_ones(harbor_state: Path, shared: Path | None) -> None:
    if shared is None:
        pytest.skip("no recorded transcripts beside this checkout; the hashes in wording.py hold everywhere")
    scenarios = json.loads((shared / "fixtures/terminus/loop_transcripts.json").read_text())["scenarios"]
    messages = [call["message"] for scenario in scenarios for call in scenario["calls"]]
    stages = [message for message in messages if "summarization_stage" in message]
    assert len(stages) == 4
    words = wording.load("terminus2", harbor_state)
    for recorded in stages:
        names = {"original_instruction": "instruction", "current_screen": "screen"}
        values = {names.get(name, name): value for name, value in recorded["inputs"].items()}
        text = words(recorded["summarization_stage"], **values)
        assert (len(text.encode()), hashlib.sha256(text.encode()).hexdigest()) == (
            recorded["bytes"],
            recorded["sha256"],
        )


def test_both_releases_hold_the_same_words(harbor_state: Path, tmp_path: Path) -> None:
    texts = []
    for version in ("0.25.0", "0.1.1"):
        folder = tmp_path / version / "harbor"
        folder.mkdir(parents=True)
        wheel = next(template.wheels_in(harbor_state).glob(f"harbor-{version}-*"))
        (folder / wheel.name).symlink_to(wheel)
        words = wording.load("terminus2-corpus", tmp_path / version)
        texts.append([words(prompt, **VALUES) for prompt in get_args(wording.Prompt)])
    assert texts[0] == texts[1]


def test_the_instruction_is_the_one_that_terminus_2_s_first_message_holds(harbor_state: Path) -> None:
    told = {
        name: wording.load(name, harbor_state)("summary", instruction="# canary\n\nDo it.")
        for name in ("terminus2", "termforge")
    }
    assert "canary" not in told["terminus2"]
    assert "# canary\n\nDo it." in told["termforge"]


def test_our_words_are_not_terminus_2_s(harbor_state: Path) -> None:
    ours = shingles(prompts.load(wording.OURS).text)
    for name in ("terminus2", "terminus2-corpus"):
        words = wording.load(name, harbor_state)
        for prompt in get_args(wording.Prompt):
            assert not ours & shingles(words(prompt, **VALUES))


def test_without_a_wheel_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SetupError, match=r"prompts for answers, handoff.*python -m termforge\.agent\.template terminus2`"
    ):
        wording.load("terminus2", tmp_path)


@pytest.mark.parametrize(
    "program", ['PROMPT = f"Sum up: {original_instruction}"', "def broken(:", "x = 'a' + 1 + (2).real"]
)
def test_other_words_are_not_believed(tmp_path: Path, program: str) -> None:
    folder = template.wheels_in(tmp_path)
    folder.mkdir()
    with zipfile.ZipFile(folder / "harbor-0.25.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(PROGRAM_IN_WHEEL, program)
    with pytest.raises(SetupError, match="none of the 1 copies found has it"):
        wording.load("terminus2", tmp_path)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of eight words."""
    words = text.split()
    return {tuple(words[start : start + 8]) for start in range(len(words) - 7)}
