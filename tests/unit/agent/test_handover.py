"""The loop when the conversation outgrows the model's window: handed over, recorded and counted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from termforge.agent.loop import Episode, run_episode
from termforge.conversations import conversations
from termforge.errors import (
    BudgetExhausted,
    ContextExceeded,
    EmptyReply,
    OutputTruncated,
    TeacherUnavailable,
    TerminalClosed,
)
from termforge.schemas import Ending, Limits, Usage
from termforge.teacher import ChatMessage, Reply
from tests.unit.agent.scripted import CLEAN, FAITHFUL, USAGE, ScriptedTeacher, ScriptedTerminal, play, saying
from tests.unit.agent.test_loop import as_trajectory

CLEAN, FAITHFUL = (config.model_copy(update={"overflow": "summarize"}) for config in (CLEAN, FAITHFUL))
LONG = ContextExceeded("too long")
HANDED_OVER: list[str | Exception] = [LONG, "SUMMARY", "QUESTIONS", "ANSWERS"]
DONE = [saying(complete=True)] * 2


def stages(episode: Episode) -> list[list[str]]:
    return [[call.stage for call in turn.handover] for turn in episode.turns]


def contents(call: Sequence[ChatMessage]) -> list[str]:
    return [message.content for message in call]


def test_the_work_goes_on_in_a_conversation_that_starts_anew() -> None:
    teacher = ScriptedTeacher([saying(("ls\n", 0.1)), *HANDED_OVER, *DONE])
    episode = play(teacher, ScriptedTerminal(["$\n", "$ ls\nfile\n$\n"]), CLEAN)
    assert episode.ending is Ending.COMPLETED
    assert stages(episode) == [[], ["summary", "questions", "answers"], []]
    first, handed, last = episode.turns
    told = handed.handover[1].prompt
    assert contents(teacher.calls[5]) == [first.prompt, told, "QUESTIONS", handed.prompt]
    assert contents(teacher.calls[6]) == [first.prompt, told, "QUESTIONS", handed.prompt, handed.reply, last.prompt]
    assert [call.reply for call in handed.handover] == ["SUMMARY", "QUESTIONS", "ANSWERS"]
    assert [call.prompt for call in handed.handover] == [contents(call)[-1] for call in teacher.calls[2:5]]


def test_what_the_terminal_showed_last_is_told_with_the_handover_in_clean_mode_only() -> None:
    for config, told in ((CLEAN, True), (FAITHFUL, False)):
        teacher = ScriptedTeacher([saying(("ls\n", 0.1)), *HANDED_OVER, saying()])
        episode = play(teacher, ScriptedTerminal(["$\n", "$ ls\nfile\n$\n"]), config, Limits(max_turns=2))
        prompt = episode.turns[1].prompt
        assert "ANSWERS" in prompt
        assert prompt.endswith("\n\nNew Terminal Output:\n$ ls\nfile\n$\n") is told
        assert "file" in episode.turns[1].handover[1].prompt, "the screen is shown before the questions"


def test_a_conversation_is_handed_over_before_the_service_refuses_it() -> None:
    reply = saying((30_000 * "#" + "\n", 0.1))
    first = play(ScriptedTeacher([reply]), config=CLEAN, limits=Limits(max_turns=1)).turns[0]
    crowded = len(first.prompt + reply) + 7_999
    for window, handed in ((crowded, True), (crowded + 1, False), (None, False)):
        replies = [reply, *(HANDED_OVER[1:] if handed else []), saying()]
        teacher = ScriptedTeacher(replies, context_tokens=window)
        episode = play(teacher, config=CLEAN, limits=Limits(max_turns=2))
        assert stages(episode) == [[], ["summary", "questions", "answers"] if handed else []]


def test_a_first_message_that_is_too_long_has_nothing_to_hand_over() -> None:
    episode = play(ScriptedTeacher([LONG]), config=CLEAN)
    assert episode == Episode((), Ending.CONTEXT_LIMIT, "too long")


def test_when_no_conversation_is_short_enough_the_episode_ends_with_all_that_was_said() -> None:
    teacher = ScriptedTeacher([saying(), saying(), *HANDED_OVER, LONG, "FEW WORDS", LONG, LONG])
    episode = play(teacher, config=CLEAN)
    assert (episode.ending, len(episode.turns)) == (Ending.CONTEXT_LIMIT, 2)
    assert [call.reply for call in episode.abandoned] == ["SUMMARY", "QUESTIONS", "ANSWERS", "FEW WORDS"]
    assert stages(episode) == [[], []]


def test_fall_backs_start_from_the_first_message_alone() -> None:
    failing: list[list[str | Exception]] = [
        [LONG, LONG, LONG, "FEW WORDS"],
        [LONG, "SUMMARY", EmptyReply("nothing"), LONG],
        [*HANDED_OVER, LONG, "FEW WORDS", LONG],
    ]
    for replies in failing:
        teacher = ScriptedTeacher([saying(), *replies, saying()])
        episode = play(teacher, config=CLEAN, limits=Limits(max_turns=2))
        turn = episode.turns[1]
        assert contents(teacher.calls[-1]) == [episode.turns[0].prompt, turn.prompt]
        assert ("FEW WORDS" in turn.prompt) is (replies[-1] == "FEW WORDS")
        assert turn.handover[-1].stage == "short summary"


def test_calls_that_were_refused_are_recorded_and_cost_nothing() -> None:
    priced = Usage(input_tokens=100, output_tokens=10, cost_usd=0.5)
    said = [Reply(content=text, usage=priced) for text in ("SUMMARY", "QUESTIONS", "ANSWERS", saying())]
    teacher = ScriptedTeacher([Reply(content=saying(), usage=priced), LONG, LONG, *said])
    episode = play(teacher, config=CLEAN, limits=Limits(max_turns=2))
    refused, *others = episode.turns[1].handover
    assert (refused.stage, refused.reply, refused.usage) == ("summary", "", Usage(cost_usd=0.0))
    assert [call.stage for call in others] == ["summary", "questions", "answers"]
    assert as_trajectory(episode).usage == Usage(input_tokens=500, output_tokens=50, cost_usd=2.5)


def test_a_summary_that_was_cut_is_taken_as_it_is() -> None:
    cut = OutputTruncated("cut", "HALF A SUMM", reasoning="Hm.", usage=USAGE)
    teacher = ScriptedTeacher([saying(), LONG, cut, "QUESTIONS", "ANSWERS", saying()])
    turn = play(teacher, config=CLEAN, limits=Limits(max_turns=2)).turns[1]
    assert (turn.handover[0].reply, turn.handover[0].reasoning, turn.handover[0].usage) == ("HALF A SUMM", "Hm.", USAGE)
    assert "HALF A SUMM" in turn.handover[1].prompt


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (BudgetExhausted("spent"), Ending.BUDGET_EXHAUSTED),
        (TeacherUnavailable("down"), Ending.TEACHER_UNAVAILABLE),
    ],
    ids=["budget", "service"],
)
def test_what_ends_an_episode_ends_it_in_a_handover_too(error: Exception, ending: Ending) -> None:
    episode = play(ScriptedTeacher([saying(), LONG, "SUMMARY", error]), config=CLEAN)
    assert (episode.ending, len(episode.turns)) == (ending, 1)
    assert [(call.stage, call.reply) for call in episode.abandoned] == [("summary", "SUMMARY"), ("questions", "")]


def test_the_token_limit_holds_within_a_handover() -> None:
    episode = play(ScriptedTeacher([saying(), *HANDED_OVER]), config=CLEAN, limits=Limits(tokens=330))
    assert episode.ending is Ending.TOKEN_LIMIT
    assert [call.stage for call in episode.abandoned] == ["summary", "questions"]
    assert as_trajectory(episode).usage == Usage(input_tokens=300, output_tokens=30)


def test_the_model_s_time_is_counted_within_a_handover() -> None:
    teacher = ScriptedTeacher([saying(), *HANDED_OVER, *DONE], slow_s=0.2)
    episode = play(teacher, config=CLEAN, limits=Limits(model_s=0.5))
    assert episode.ending is Ending.MODEL_TIME_LIMIT
    assert len(episode.turns) == 1
    assert len(teacher.calls) <= 3


def test_times_of_a_handover_are_told_apart() -> None:
    teacher = ScriptedTeacher([saying(), *HANDED_OVER, saying()], slow_s=0.5)
    turn = play(teacher, config=CLEAN, limits=Limits(max_turns=2)).turns[1]
    assert all(0.5 <= call.teacher_s < 1.0 for call in (*turn.handover, turn))
    assert turn.harness_s < 0.5, "the call that was refused is the teacher's time as well"


def test_a_handover_between_two_completions_takes_the_first_not_back() -> None:
    teacher = ScriptedTeacher([saying(complete=True), *HANDED_OVER, saying(complete=True)])
    episode = play(teacher, config=CLEAN)
    assert (episode.ending, len(episode.turns)) == (Ending.COMPLETED, 2)
    assert "Are you sure" in episode.turns[1].prompt


def test_a_second_handover_sums_up_what_came_after_the_first() -> None:
    teacher = ScriptedTeacher([saying(), *HANDED_OVER, saying(), *HANDED_OVER, *DONE])
    episode = play(teacher, config=CLEAN)
    assert [bool(called) for called in stages(episode)] == [False, True, True, False]
    again = contents(teacher.calls[7])
    handed = episode.turns[1]
    assert again[:5] == [episode.turns[0].prompt, handed.handover[1].prompt, "QUESTIONS", handed.prompt, handed.reply]
    assert "QUESTIONS" not in contents(teacher.calls[10])[-1]


def test_reasoning_of_a_handover_is_recorded_and_left_behind() -> None:
    replies = [LONG, *(Reply(content=text, reasoning="Hm.") for text in ("SUMMARY", "QUESTIONS", "ANSWERS", saying()))]
    teacher = ScriptedTeacher([saying(), *replies, saying()])
    config = CLEAN.model_copy(update={"keep_reasoning": True})
    episode = play(teacher, config=config, limits=Limits(max_turns=3))
    assert [call.reasoning for call in episode.turns[1].handover] == ["Hm."] * 3
    assert [message.reasoning for message in teacher.calls[-1]] == [None, None, None, None, "Hm.", None]


def test_lone_surrogates_reach_no_call_of_a_handover() -> None:
    teacher = ScriptedTeacher([saying(), LONG, "SUM\ud800", "QUESTIONS", "ANSWERS", saying()])
    episode = run_episode("Do \ud800.", ScriptedTerminal(), teacher, CLEAN, Limits(max_turns=2))  # type: ignore[arg-type]
    for call in teacher.calls:
        "".join(contents(call)).encode()
    assert episode.turns[1].handover[0].reply == "SUM?"


def test_a_terminal_that_closes_after_a_handover_loses_nothing_of_it() -> None:
    terminal = ScriptedTerminal(breaks={"exit\n": TerminalClosed("no shell")})
    teacher = ScriptedTeacher([saying(), *HANDED_OVER, saying(("exit\n", 0.1))])
    episode = play(teacher, terminal, CLEAN)
    assert (episode.ending, stages(episode)[-1]) == (Ending.TERMINAL_CLOSED, ["summary", "questions", "answers"])


replies = st.lists(
    st.sampled_from(
        [saying(("ls\n", 0.0)), saying(), "SAID", "", LONG, EmptyReply("nothing"), OutputTruncated("cut", "HALF")]
    ),
    max_size=25,
)


@given(replies)
def test_the_record_is_what_the_model_saw_whatever_happened(script: list[str | Exception]) -> None:
    teacher = ScriptedTeacher([*script, *[TeacherUnavailable("the script is over")] * 2])
    episode = play(teacher, config=CLEAN.model_copy(update={"max_unusable": 99}))
    told = {(*contents(call),) for call in teacher.calls}
    for conversation in conversations(as_trajectory(episode)):
        messages = [line.content for line in conversation.messages()]
        assert messages[:1] in ([], [episode.turns[0].prompt] if episode.turns else [])
        opening = len(messages) - 2 * len(conversation.turns)
        for turn in range(len(conversation.turns)):
            assert (*messages[: opening + 2 * turn + 1],) in told
    made = sum(1 + len(turn.handover) for turn in episode.turns) + len(episode.abandoned)
    assert made <= len(teacher.calls)
