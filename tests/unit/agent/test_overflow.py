"""One hand-over: which calls it makes, what each is shown, and where the next conversation begins."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.agent import wording
from termforge.agent.overflow import Brief, Handover, Start, crowded
from termforge.errors import ContextExceeded, EmptyReply
from termforge.schemas import Stage
from termforge.teacher import ChatMessage
from tests.unit.agent.scripted import ScriptedTeacher

BRIEF = Brief("Do it.", wording.load("termforge"), shows_waiting=True)
STAGES = ("summary", "questions", "answers", "short summary")
GOOD = {stage: f"the {stage}" for stage in STAGES}


class Asked:
    """Answers by stage, with the next of its list or else its last; remembers what it was shown."""

    def __init__(self, **said: Any) -> None:
        self.calls: list[tuple[Stage, list[str], str]] = []
        self._said = {stage: list(answers) for stage, answers in said.items()}

    def __call__(self, stage: Stage, history: Sequence[ChatMessage], prompt: str) -> str:
        self.calls.append((stage, [message.content for message in history], prompt))
        answers = self._said.get(stage.replace(" ", "_"), [GOOD[stage]])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


def chat(exchanges: int) -> list[ChatMessage]:
    said = [(role, f"{role} {number}") for number in range(exchanges) for role in ("user", "assistant")]
    return [ChatMessage(role=role, content=content) for role, content in said]  # type: ignore[arg-type]


def starts(
    asked: Asked, exchanges: int = 4, *, window: int | None = None, brief: Brief = BRIEF, screen: str = "$ make"
) -> list[Start]:
    teacher = ScriptedTeacher([], context_tokens=window)
    return list(Handover(brief, chat(exchanges), screen, teacher, asked).starts("what was waiting"))


def contents(start: Start) -> list[str]:
    return [message.content for message in start.chat]


def test_the_model_sums_up_asks_without_a_memory_and_answers_with_one() -> None:
    asked = Asked()
    start = starts(asked, exchanges=2)[0]
    (_, knew, wanted), (_, knew_nothing, told), (_, knew_more, questions), _ = asked.calls
    assert [stage for stage, _, _ in asked.calls] == list(STAGES)
    assert knew == ["user 0", "assistant 0", "user 1", "assistant 1"]
    assert knew_nothing == []
    assert knew_more == [*knew, wanted, "the summary"]
    assert "the summary" in told
    assert "$ make" in told
    assert "the questions" in questions
    assert contents(start) == ["user 0", told, "the questions"]
    assert [message.role for message in start.chat] == ["user", "user", "assistant"]
    assert "the answers" in start.prompt


def test_then_a_few_words_and_then_the_end_of_the_screen_have_to_do() -> None:
    screen = "x" * 5000 + "the end"
    _, short, bare = starts(Asked(), screen=screen)
    assert contents(short) == contents(bare) == ["user 0"]
    assert "the short summary" in short.prompt
    assert "x" * 993 + "the end" in bare.prompt
    assert "x" * 994 not in bare.prompt


def test_what_was_waiting_is_shown_or_dropped_as_the_brief_says() -> None:
    shown = starts(Asked())
    dropped = starts(Asked(), brief=BRIEF._replace(shows_waiting=False))
    assert [start.prompt.endswith("\n\nwhat was waiting") for start in shown] == [True, True, False]
    assert [start.prompt + "\n\nwhat was waiting" for start in dropped][:2] == [start.prompt for start in shown][:2]


def test_calls_are_made_only_when_a_start_is_asked_for() -> None:
    asked = Asked()
    next(Handover(BRIEF, chat(2), "$", ScriptedTeacher([]), asked).starts(""))
    assert [stage for stage, _, _ in asked.calls] == ["summary", "questions", "answers"]


@pytest.mark.parametrize("stage", ["summary", "questions", "answers"])
@pytest.mark.parametrize(
    "error", [ContextExceeded("long"), EmptyReply("nothing")], ids=lambda error: type(error).__name__
)
def test_a_step_that_fails_leads_to_the_short_summary(stage: str, error: Exception) -> None:
    found = starts(Asked(**{stage: [error]}))
    assert len(found) == 2
    assert "the short summary" in found[0].prompt


def test_without_a_short_summary_the_screen_is_left() -> None:
    (only,) = starts(Asked(summary=[EmptyReply("nothing")], short_summary=[ContextExceeded("long")]))
    assert "$ make" in only.prompt


def test_a_conversation_too_long_to_be_summed_up_loses_its_latest_half_again_and_again() -> None:
    asked = Asked(summary=[ContextExceeded("long")])
    starts(asked, exchanges=10)
    histories = [history for stage, history, _ in asked.calls if stage == "summary"]
    assert [len(history) for history in histories] == [20, 10, 6, 4, 2, 1]
    assert all(history == histories[0][: len(history)] for history in histories)


def test_answers_are_given_from_as_much_as_fits() -> None:
    asked = Asked(answers=[ContextExceeded("long"), "the answers"])
    start = starts(asked, exchanges=4)[0]
    first, second = [history for stage, history, _ in asked.calls if stage == "answers"]
    assert (len(first), len(second)) == (8 + 2, 4 + 2)
    assert first[-2:] == second[-2:]
    assert "the answers" in start.prompt


def test_room_for_the_summary_is_made_where_the_window_is_known() -> None:
    """Four exchanges of 17 characters; 4,000 tokens are to be free, or a quarter of a small window."""
    for window, left in ((None, 8), (20_000, 8), (91, 8), (80, 6), (20, 1)):
        asked = Asked()
        starts(asked, exchanges=4, window=window)
        assert len(asked.calls[0][1]) == left


def test_a_window_is_crowded_when_less_is_free_than_a_turn_takes() -> None:
    filled = [ChatMessage(role="user", content="x" * 92_000)]
    for window, full in ((100_000, False), (99_999, True), (None, False)):
        assert crowded(ScriptedTeacher([], context_tokens=window), filled, 8000) is full
    assert not crowded(ScriptedTeacher([], context_tokens=100), [], 8000)
    assert crowded(ScriptedTeacher([], context_tokens=100), chat(5), 8000)


answers = st.lists(st.sampled_from([ContextExceeded("long"), EmptyReply("nothing"), "said"]), min_size=1, max_size=4)


@given(st.fixed_dictionaries({stage.replace(" ", "_"): answers for stage in STAGES}), st.integers(1, 40), st.booleans())
def test_whatever_fails_every_conversation_starts_with_the_first_message(
    said: dict[str, list[Any]], exchanges: int, small: bool
) -> None:
    asked = Asked(**said)
    found = starts(asked, exchanges, window=100 if small else None)
    assert 1 <= len(found) <= 3
    assert all(contents(start)[0] == "user 0" for start in found)
    assert "$ make" in found[-1].prompt
    assert all(history == [] or history[0] == "user 0" for _, history, _ in asked.calls)
    assert len(asked.calls) <= 2 * 8 + 2  # what forty exchanges can be halved to, twice
