"""Our own first message, and Terminus 2's from real harbor wheels (conftest.py fetches them)."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from termforge import prompts
from termforge.agent import template, xml_protocol
from termforge.agent.protocol import ReplyFormat, parse
from termforge.errors import SetupError

TEMPLATE_IN_WHEEL = "harbor/agents/terminus_2/templates/terminus-json-plain.txt"


def test_our_own_message_is_the_default_and_holds_task_and_screen() -> None:
    ours = template.load("termforge")
    message = ours.fill("Sort {braces} and {{ more }}.", "root@box:/app#")
    assert message.endswith("# Task\n\nSort {braces} and {{ more }}.\n\n# Terminal\n\nroot@box:/app#\n")
    assert ours.sha256 == prompts.load("agent/terminus.j2").sha256


def test_the_reply_shown_in_our_message_is_one_the_parser_takes() -> None:
    example = parse(template.load("termforge").fill("the task", "the screen"))
    assert (example.error, len(example.commands)) == ("", 2)
    assert example.warning.splitlines() == [
        "- Extra text detected before JSON object",
        "- Extra text detected after JSON object",
    ]


def test_the_xml_reply_shown_in_our_message_is_one_the_parser_takes() -> None:
    message = template.load("termforge", reply_format="xml").fill("the task", "the screen")
    assert message.endswith("# Task\n\nthe task\n\n# Terminal\n\nthe screen\n")
    start, end = message.index("\n<response>"), message.index("</response>")
    example = xml_protocol.parse(message[start:end] + "</response>")
    assert (example.error, example.warning, example.task_complete) == ("", "", False)
    assert [command.duration_s for command in example.commands] == [0.1, 20.0]


def test_our_messages_do_not_share_sentences_with_terminus_2(harbor_state: Path) -> None:
    formats = get_args(ReplyFormat)
    for ours in (shingles(template.load("termforge", reply_format=reply_format).text) for reply_format in formats):
        for name in ("terminus2", "terminus2-corpus"):
            for reply_format in formats:
                assert not ours & shingles(template.load(name, harbor_state, reply_format=reply_format).text)


def test_both_terminus_2_texts_come_out_of_real_wheels(harbor_state: Path) -> None:
    for name, size in (("terminus2", 2916), ("terminus2-corpus", 2920)):
        found = template.load(name, harbor_state)
        assert len(found.text.encode()) == size
        assert hashlib.sha256(found.text.encode()).hexdigest() == found.sha256
    assert template.load("terminus2", harbor_state).sha256 != template.load("terminus2-corpus", harbor_state).sha256


def test_their_texts_for_xml_replies_too(harbor_state: Path) -> None:
    for name, size in (("terminus2", 3417), ("terminus2-corpus", 3425)):
        found = template.load(name, harbor_state, reply_format="xml")
        assert len(found.text.encode()) == size
        assert hashlib.sha256(found.text.encode()).hexdigest() == found.sha256
        assert found.fill("Do {this}.", "$ ").endswith("Task Description:\nDo {this}.\n\nCurrent terminal state:\n$ \n")


def test_terminus_2_s_text_is_filled_as_harbor_fills_it(harbor_state: Path) -> None:
    message = template.load("terminus2", harbor_state).fill("Do {this}.\n", "$ ")
    assert message.endswith("Task Description:\nDo {this}.\n\n\nCurrent terminal state:\n$ \n")
    assert '{\n  "analysis"' in message


def test_a_fetched_wheel_is_one_file_and_nothing_is_installed(harbor_state: Path) -> None:
    assert sorted(file.name.split("-")[1] for file in template.wheels_in(harbor_state).iterdir()) == ["0.1.1", "0.25.0"]


def test_a_version_that_does_not_exist_is_refused_with_what_pip_says(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"(?s)harbor 0\.0\.0\.dev1 could not be downloaded: .*No matching"):
        template.fetch_harbor_wheel("0.0.0.dev1", tmp_path)


def test_without_a_wheel_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"python -m termforge\.agent\.template terminus2"):
        template.load("terminus2", tmp_path)


def test_an_installed_harbor_serves_too(tmp_path: Path, harbor_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, nothing = tmp_path / "site", tmp_path / "nothing"
    with zipfile.ZipFile(next(template.wheels_in(harbor_state).glob("harbor-0.25.0-*"))) as wheel:
        wheel.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    assert template.load("terminus2", nothing) == template.load("terminus2", harbor_state)
    with pytest.raises(SetupError, match="none of the 1 copies found has it"):
        template.load("terminus2-corpus", nothing)


def test_a_text_with_another_hash_is_not_believed(tmp_path: Path, harbor_state: Path) -> None:
    folder = template.wheels_in(tmp_path)
    folder.mkdir()
    shutil.copy(next(template.wheels_in(harbor_state).glob("harbor-0.1.1-*")), folder)
    with zipfile.ZipFile(folder / "harbor-0.25.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(TEMPLATE_IN_WHEEL, "Do as I say: {instruction} {terminal_state}")
    with pytest.raises(SetupError, match=r"sha256 89a3dc3a.*none of the 2 copies found has it"):
        template.load("terminus2", tmp_path)
    assert template.load("terminus2-corpus", tmp_path).text


def test_a_damaged_wheel_is_named(tmp_path: Path) -> None:
    folder = template.wheels_in(tmp_path)
    folder.mkdir()
    (folder / "harbor-0.25.0-py3-none-any.whl").write_text("<html>502</html>")
    with pytest.raises(SetupError, match=r"harbor-0\.25\.0-py3-none-any\.whl is damaged"):
        template.load("terminus2", tmp_path)


@pytest.mark.parametrize(
    ("instruction", "left"),
    [
        ("Do it.\n", "Do it.\n"),
        ("\n\n  Do it.", "  Do it."),
        ("# a CANARY string\n\nDo it.\n# canary stays here", "Do it.\n# canary stays here"),
        ("<!-- canary 1 -->\n  # canary 2 \n \nDo it.", "Do it."),
        ("# Heading\nDo it.", "# Heading\nDo it."),
        ("# canary", ""),
        ("", ""),
    ],
)
def test_canaries_and_blank_lines_at_the_top_are_stripped(instruction: str, left: str) -> None:
    assert template.without_canary(instruction) == left


def test_our_own_message_keeps_the_instruction_as_it_is() -> None:
    assert "\n\n\n# canary\n\nDo it.\n\n" in template.load("termforge").fill("\n# canary\n\nDo it.", "$")


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of eight words."""
    words = text.split()
    return {tuple(words[start : start + 8]) for start in range(len(words) - 7)}
