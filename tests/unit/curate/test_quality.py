import pytest

from termforge.curate import quality
from termforge.schemas import (
    Ending,
    Exchange,
    Image,
    ImageRecipe,
    Provenance,
    TerminalTask,
    Test,
    Trajectory,
    Turn,
    Verdict,
    Verifier,
)

TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="Do it.",
    provenance=Provenance(source="forge", generator="test@1"),
)
GRADED = TASK.model_copy(update={"verifier": Verifier(files=(), tests=(Test(id="t.py::t"),))})


def trial(
    *replies: str,
    prompt: str = "shell",
    reasoning: str | None = None,
    ending: Ending = Ending.COMPLETED,
    verdict: Verdict | None = None,
) -> Trajectory:
    return Trajectory(
        trial_id="t1",
        task_id=TASK.id,
        model="m",
        template="x",
        template_sha256="y",
        image=Image(name="host", recipe="", digest="d", inventory="i"),
        sandbox="bubblewrap",
        turns=tuple(Turn(prompt=prompt, reply=reply, reasoning=reasoning) for reply in replies),
        ending=ending,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I cannot open files.",
        "As a large language model trained by Google, I do not know.",
        "as an AI assistant I can't",
        "I am Claude, and I will help.",
        "I’m DeepSeek-V3.",
        "my name is Qwen",
        "I was created by Anthropic.",
        "I'm an AI model",
        "a helpful assistant developed by OpenAI",
        "DeepSeek would do this otherwise",
        "model=hosted_vllm/deepseek-v3",
        "ChatGPT",
    ],
)
def test_a_model_that_names_itself_or_a_vendor_out_of_nothing_leaks(text: str) -> None:
    assert quality.identity_leak(TASK, trial("fine", text)) is not None
    assert quality.identity_leak(TASK, trial("fine", reasoning=text)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "cat /app/claude.txt",
        "Claude Shannon's entropy is 1.5 bits.",
        "the llama herd, the mistral wind and the Gemini twins",
        "As an engineer I check the file.",
        "I am root, I am in /app, I am grepping.",
        "Serve it as an AI-powered search",
        "train it as a language model on the text",
        "the RSA key was made by ssh-keygen",
        "Claude spent 5 dollars, so he has 7 left.",
    ],
)
def test_names_that_are_also_words_or_people_do_not_leak(text: str) -> None:
    assert quality.identity_leak(TASK, trial(text)) is None


def test_a_vendor_may_be_named_once_the_task_or_the_terminal_has() -> None:
    reply = "pip show openai"
    assert quality.identity_leak(TASK, trial(reply)) == "turn 1: openai"
    assert quality.identity_leak(TASK.model_copy(update={"instruction": "Use OpenAI's SDK."}), trial(reply)) is None
    assert quality.identity_leak(TASK, trial(reply, prompt="requirements.txt: openai==1.0")) is None
    assert quality.identity_leak(TASK, trial("As ChatGPT, I use openai", prompt="openai")) is not None


def test_what_was_written_in_a_handover_is_read_before_it_is_repeated_in_a_prompt() -> None:
    for filter_, words in ((quality.identity_leak, "Ask OpenAI."), (quality.chinese_characters, "好")):
        for said in ({"reply": words}, {"reply": "fine", "reasoning": words}):
            summary = Exchange(stage="summary", prompt="Sum up.", **said)
            handed = Turn(handover=(summary,), prompt=f"They said: {words}", reply="fine")
            assert filter_(TASK, trial().model_copy(update={"turns": (handed,)})) is not None
    asked = Exchange(stage="questions", prompt="The screen: pip show openai", reply="Why openai?")
    turn = Turn(handover=(asked,), prompt="So.", reply="openai it is")
    assert quality.identity_leak(TASK, trial().model_copy(update={"turns": (turn,)})) is None


@pytest.mark.parametrize("text", ["好", "done。", "，", "𠮷", r'{"analysis": "\u4f60"}', "豈", "（"])
def test_han_and_chinese_punctuation_are_found(text: str) -> None:
    assert quality.chinese_characters(TASK, trial("fine", text)) is not None
    assert quality.chinese_characters(TASK, trial("fine", reasoning=text)) is not None


@pytest.mark.parametrize(
    "text", ["größe → ½ “x”", "ひらがな カタカナ", "한국어", r"[\\u4e00-\\u9fff]", r"\u00e9", "┌─┐ 💡"]
)
def test_other_scripts_and_escaped_ranges_are_not_chinese(text: str) -> None:
    assert quality.chinese_characters(TASK, trial(text)) is None


def test_chinese_on_the_screen_is_not_the_models_writing() -> None:
    assert quality.chinese_characters(TASK, trial("cat", prompt="文件")) is None


@pytest.mark.parametrize(("replies", "reason"), [(("a", " \n"), "turn 2"), ((), "no turns"), (("a", "b"), None)])
def test_empty_replies_are_found_wherever_they_stand(replies: tuple[str, ...], reason: str | None) -> None:
    assert quality.empty_reply(TASK, trial(*replies)) == reason


def test_only_failures_of_machines_and_services_count_as_infrastructure() -> None:
    found = {ending for ending in Ending if quality.infrastructure_failure(TASK, trial("a", ending=ending))}
    assert found == {ending for ending in Ending if ending.infrastructure}


def test_incomplete_is_every_ending_but_completed() -> None:
    assert quality.incomplete(TASK, trial("a")) is None
    assert quality.incomplete(TASK, trial("a", ending=Ending.TURN_LIMIT)) == "turn limit"


def test_success_is_asked_only_where_tests_exist() -> None:
    assert quality.unsuccessful(TASK, trial("a")) is None
    assert quality.unsuccessful(GRADED, trial("a")) == "ungraded"
    assert quality.unsuccessful(GRADED, trial("a", verdict=Verdict(score=0.5))) == "unsolved"
    assert quality.unsuccessful(GRADED, trial("a", verdict=Verdict(score=1.0, solved=True))) is None
