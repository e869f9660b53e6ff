"""The loop against a scripted teacher: every ending on a scripted terminal. A real one: test_transcripts.py."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from termforge import errors
from termforge.agent.loop import AgentConfig, Episode, run_episode
from termforge.errors import EmptyReply, OutputTruncated, TeacherUnavailable, TerminalClosed
from termforge.schemas import Ending, Limits, Trajectory
from termforge.teacher import Reply
from tests.unit.agent.scripted import CLEAN, FAITHFUL, USAGE, ScriptedTeacher, ScriptedTerminal, play, saying

GOLDEN = Path(__file__).parents[2] / "golden" / "agent_episodes.json"
EPISODES = json.loads(GOLDEN.read_text())


def recorded(episode: Episode) -> list[tuple[str, str]]:
    return [pair for turn in episode.turns for pair in (("user", turn.prompt), ("assistant", turn.reply))]


@pytest.mark.parametrize("golden", EPISODES, ids=lambda golden: golden["name"])
def test_episodes_go_as_written_down(golden: dict[str, Any]) -> None:
    teacher = ScriptedTeacher([scripted(reply) for reply in golden["replies"]])
    breaks = golden.get("breaks")
    terminal = ScriptedTerminal(
        golden["shows"], breaks={breaks["on"]: getattr(errors, breaks["raises"])("it broke")} if breaks else None
    )
    config = FAITHFUL.model_copy(update=golden.get("config", {}))
    episode = play(teacher, terminal, config, Limits(**golden.get("limits", {})))
    assert episode.ending.value == golden["ending"]
    assert len(episode.turns) == golden.get("turns", len(golden["replies"]))
    if "prompts" in golden:
        first, *others = golden["prompts"]
        assert episode.turns[0].prompt.endswith(f"# Terminal\n\n{first}\n")
        assert [turn.prompt for turn in episode.turns[1:]] == others
    if "typed" in golden:
        assert terminal.typed == golden["typed"]
        assert [command.keystrokes for turn in episode.turns for command in turn.commands] == golden["typed"]
    if "last_observation" in golden:
        assert episode.turns[-1].observation == golden["last_observation"]


def test_every_ending_has_an_episode() -> None:
    timed = {Ending.MODEL_TIME_LIMIT, Ending.CONTAINER_TIME_LIMIT}  # below, with a clock
    assert {Ending(golden["ending"]) for golden in EPISODES} | timed == set(Ending)


@pytest.mark.parametrize("config", [CLEAN, FAITHFUL], ids=["clean", "terminus2"])
def test_the_record_is_the_conversation_word_for_word(config: AgentConfig) -> None:
    replies: list[str | Exception] = [
        "What?",
        saying(("a", 0.1), ("ls\n", 0.1)),
        OutputTruncated("cut", '{"ana', usage=USAGE),
        EmptyReply("nothing"),
        saying(complete=True),
        saying(complete=True),
    ]
    teacher = ScriptedTeacher(replies)
    episode = play(teacher, ScriptedTerminal(["$\n", "$ als\n?\n$\n"]), config)
    assert episode.ending is Ending.COMPLETED
    said = recorded(episode)
    for number, call in enumerate(teacher.calls):
        assert [(message.role, message.content) for message in call] == said[: 2 * number + 1]
    assert len(said) == 2 * len(teacher.calls) == 12
    assert [turn.truncated for turn in episode.turns] == [False, False, True, False, False, False]
    assert all(turn.usage == USAGE for turn in episode.turns if turn.reply)
    assert [bool(turn.error) for turn in episode.turns] == [True, False, True, True, False, False]


def test_the_instruction_and_the_first_screen_open_the_conversation() -> None:
    teacher = ScriptedTeacher([saying()])
    play(teacher, ScriptedTerminal(["root@box:/app#\n"]), limits=Limits(max_turns=1))
    (message,) = teacher.calls[0]
    assert message.role == "user"
    assert "Do it." in message.content
    assert "root@box:/app#" in message.content


def test_durations_are_capped_and_the_last_wait_has_a_floor() -> None:
    reply = (
        '{"analysis":"","plan":"","commands":[{"keystrokes":"a\\n","duration":-5},{"keystrokes":"b\\n","duration":NaN},'
        '{"keystrokes":"c\\n","duration":1e9},{"keystrokes":"","duration":0}]}'
    )
    terminal = ScriptedTerminal()
    episode = play(ScriptedTeacher([reply]), terminal, AgentConfig(), Limits(max_turns=1))
    assert [command.duration_s for command in episode.turns[0].commands] == [0.0, 0.0, 60.0, 0.0]
    assert terminal.waits == [0.0, 0.0, 60.0, 0.25]


def test_a_batch_is_followed_by_one_look_and_an_empty_one_by_no_wait() -> None:
    terminal = ScriptedTerminal()
    teacher = ScriptedTeacher([saying(("a\n", 0.1), ("b\n", 0.1)), saying()])
    play(teacher, terminal, AgentConfig(), Limits(max_turns=2))
    assert terminal.captures == 3
    assert len(terminal.waits) == 2


def test_what_no_terminal_takes_is_left_out_with_a_warning() -> None:
    terminal = ScriptedTerminal()
    reply = '{"analysis":"","plan":"","commands":[{"keystrokes":"a\\u0000b\\ud83d\\n","duration":1,"\\ud800":0}]}'
    teacher = ScriptedTeacher([reply, saying()])
    episode = play(teacher, terminal, CLEAN, Limits(max_turns=2))
    assert terminal.typed == ["ab\n"]
    assert "- Command 1: 2 characters were not typed" in episode.turns[1].prompt
    assert Trajectory.model_validate_json(as_trajectory(episode).model_dump_json()).turns == episode.turns


def test_a_truncated_reply_does_nothing_even_if_it_can_be_read() -> None:
    terminal = ScriptedTerminal()
    whole = saying(("rm x\n", 0.1), complete=True)
    episode = play(ScriptedTeacher([OutputTruncated("cut", whole)] * 2), terminal, limits=Limits(max_turns=2))
    assert episode.ending is Ending.TURN_LIMIT
    assert terminal.typed == []
    assert [(turn.truncated, turn.task_complete, turn.commands) for turn in episode.turns] == [(True, False, ())] * 2


def test_lone_surrogates_of_an_instruction_become_question_marks() -> None:
    teacher = ScriptedTeacher([saying()])
    run_episode("Write \ud800.", ScriptedTerminal(), teacher, CLEAN, Limits(max_turns=1))  # type: ignore[arg-type]
    assert "Write ?." in teacher.calls[0][0].content


def test_lone_surrogates_of_a_reply_never_reach_the_record() -> None:
    reply = Reply(content='{"analysis":"\ud800"', reasoning="\ud800", usage=USAGE)
    episode = play(ScriptedTeacher([reply]), limits=Limits(max_turns=1))
    assert episode.turns[0].reply == '{"analysis":"?"'
    episode.turns[0].model_dump_json().encode()


def test_terminus2_mode_limits_output_twice_and_clean_mode_once() -> None:
    shows = ["$\n", "x" * 20_000 + "\n"]
    for config, omitted in ((FAITHFUL, range(100)), (CLEAN, range(10_000, 10_100))):
        episode = play(ScriptedTeacher([saying(), saying()]), ScriptedTerminal(shows), config, Limits(max_turns=2))
        (told,) = re.findall(r"(\d+) interior bytes omitted", episode.turns[1].prompt)
        assert int(told) in omitted
        (seen,) = re.findall(r"(\d+) interior bytes omitted", episode.turns[0].observation)
        assert int(seen) in range(10_000, 10_100)


def test_warnings_on_completion_turns_reach_the_model_in_clean_mode_only() -> None:
    warned = '{"plan": "", "analysis": "", "commands": [], "task_complete": true}'
    for config, prefix in ((CLEAN, "Previous response had warnings:"), (FAITHFUL, "Current terminal state:")):
        episode = play(ScriptedTeacher([warned, saying(complete=True)]), config=config)
        assert episode.ending is Ending.COMPLETED
        assert episode.turns[1].prompt.startswith(prefix)
        assert "Are you sure" in episode.turns[1].prompt
        assert "wrong order" in (episode.turns[0].warning or "")


def test_reasoning_is_recorded_and_sent_back_only_on_request() -> None:
    for keep in (True, False):
        teacher = ScriptedTeacher([Reply(content=saying(), reasoning="Hm."), saying()])
        episode = play(teacher, config=AgentConfig(keep_reasoning=keep), limits=Limits(max_turns=2))
        assert episode.turns[0].reasoning == "Hm."
        assert [message.reasoning for message in teacher.calls[1]] == [None, "Hm." if keep else None, None]


def test_a_good_reply_forgives_the_unusable_ones_before_it() -> None:
    config = AgentConfig(max_unusable=2, floor_s=0.0)
    episode = play(ScriptedTeacher(["?", saying(), "?", saying(), "?", "?"]), config=config)
    assert (episode.ending, len(episode.turns)) == (Ending.PROTOCOL_ERRORS, 6)


def test_the_model_s_time_is_the_sum_over_its_calls() -> None:
    teacher = ScriptedTeacher([saying()] * 100, slow_s=0.1)
    episode = play(teacher, limits=Limits(model_s=0.25))
    assert (episode.ending, len(episode.turns)) == (Ending.MODEL_TIME_LIMIT, 3)
    assert teacher.timeouts[0] == pytest.approx(0.25, abs=0.05)
    assert teacher.timeouts[2] == pytest.approx(0.05, abs=0.05)
    assert all(turn.teacher_s == pytest.approx(0.1, abs=0.08) for turn in episode.turns)


def test_a_service_that_uses_the_time_up_was_too_slow_and_not_unavailable() -> None:
    late = ScriptedTeacher([TeacherUnavailable("no answer in time")], slow_s=0.6)
    assert play(late, limits=Limits(model_s=1.0)).ending is Ending.MODEL_TIME_LIMIT
    early = ScriptedTeacher([TeacherUnavailable("down")])
    assert play(early, limits=Limits(model_s=1.0)).ending is Ending.TEACHER_UNAVAILABLE


def test_container_time_cuts_the_batch_and_keeps_what_was_seen() -> None:
    terminal = ScriptedTerminal(["$\n", "$ a\n"], pace=1.0)
    teacher = ScriptedTeacher([saying(("a\n", 10.0), ("b\n", 10.0), ("c\n", 10.0)), saying()])
    episode = play(teacher, terminal, limits=Limits(container_s=0.05))
    assert episode.ending is Ending.CONTAINER_TIME_LIMIT
    assert len(teacher.calls) == 1
    (turn,) = episode.turns
    assert terminal.typed == [command.keystrokes for command in turn.commands] == ["a\n"]
    assert turn.observation == "New Terminal Output:\n$ a\n"
    assert max(terminal.waits) <= 0.05


def test_a_completion_that_time_cut_short_is_none() -> None:
    batch = (("a\n", 10.0), ("b\n", 10.0))
    teacher = ScriptedTeacher([saying(complete=True), saying(*batch, complete=True)])
    episode = play(teacher, ScriptedTerminal(pace=1.0), limits=Limits(container_s=0.05))
    assert (episode.ending, len(episode.turns)) == (Ending.CONTAINER_TIME_LIMIT, 2)


def test_times_of_a_turn_are_told_apart() -> None:
    teacher = ScriptedTeacher([saying(("a\n", 20.0))], slow_s=0.1)
    (turn,) = play(teacher, limits=Limits(max_turns=1)).turns
    assert turn.teacher_s == pytest.approx(0.1, abs=0.08)
    assert turn.waited_s == pytest.approx(0.2)
    assert 0 <= turn.harness_s < 0.1


def test_turns_begin_in_order_and_are_counted_from_the_trial_s_start() -> None:
    teacher = ScriptedTeacher([saying(), saying()], slow_s=0.1)
    began = time.monotonic() - 100.0
    episode = run_episode("Do it.", ScriptedTerminal(), teacher, CLEAN, Limits(max_turns=2), began=began)  # type: ignore[arg-type]
    first, second = episode.turns
    assert first.at_s >= 100.0
    assert second.at_s >= first.at_s + 0.1
    assert play(ScriptedTeacher([saying()]), limits=Limits(max_turns=1)).turns[0].at_s < 50.0


XML = "<response><analysis>a</analysis><plan>p</plan><commands>{}</commands>{}</response>"


def test_replies_are_xml_where_the_agent_says_so() -> None:
    done = XML.format("", "<task_complete>true</task_complete>")
    replies = [XML.format('<keystrokes duration="2">ls &lt;\n</keystrokes>', ""), saying(), done, done]
    terminal = ScriptedTerminal()
    episode = play(ScriptedTeacher(replies), terminal, AgentConfig(reply_format="xml", floor_s=0.0))
    assert (episode.ending, terminal.typed, terminal.waits) == (Ending.COMPLETED, ["ls &lt;\n"], [2.0])
    assert "<response>" in episode.turns[0].prompt
    assert "&lt; is read verbatim" in episode.turns[1].prompt
    assert episode.turns[2].prompt.endswith("Please fix these issues and provide a proper response.")
    assert episode.turns[3].prompt.endswith("include <task_complete>true</task_complete> again.")


def test_a_whole_xml_reply_that_was_cut_behind_its_end_is_not_salvaged() -> None:
    whole = XML.format('<keystrokes duration="1">rm x\n</keystrokes>', "") + "and then"
    terminal = ScriptedTerminal()
    config = AgentConfig(reply_format="xml")
    episode = play(ScriptedTeacher([OutputTruncated("cut", whole), "?"]), terminal, config, Limits(max_turns=2))
    assert terminal.typed == []
    assert episode.turns[1].prompt.startswith("ERROR!! NONE of the actions")
    assert episode.turns[1].prompt.endswith("response:\n- Extra text detected after </response> tag")


def test_the_thinking_policy_is_that_of_the_agent() -> None:
    assert (AgentConfig().thinking, AgentConfig(keep_reasoning=True).thinking) == ("dropped", "kept")


def test_each_reply_format_has_a_first_message_of_its_own() -> None:
    assert AgentConfig().template_sha256 != AgentConfig(reply_format="xml").template_sha256


def test_no_turns_are_allowed_without_asking() -> None:
    teacher = ScriptedTeacher([])
    assert play(teacher, limits=Limits(max_turns=0)) == Episode((), Ending.TURN_LIMIT)


@pytest.mark.parametrize("place", ["capture 0", "check"])
def test_a_terminal_that_is_dead_at_the_start_is_an_ending(place: str) -> None:
    terminal = ScriptedTerminal(breaks={place: TerminalClosed("no shell")})
    assert play(ScriptedTeacher([]), terminal) == Episode((), Ending.TERMINAL_CLOSED, "no shell")


@pytest.mark.parametrize("place", ["wait", "capture 1"])
def test_a_turn_in_flight_is_kept_with_what_was_typed(place: str) -> None:
    terminal = ScriptedTerminal(breaks={place: TerminalClosed("no shell")})
    episode = play(ScriptedTeacher([saying(("exit\n", 0.1))]), terminal)
    assert episode.ending is Ending.TERMINAL_CLOSED
    (turn,) = episode.turns
    assert [command.keystrokes for command in turn.commands] == ["exit\n"]
    assert turn.usage == USAGE
    assert turn.observation == ""


def test_errors_of_the_user_are_not_swallowed() -> None:
    with pytest.raises(errors.InputError, match="no key"):
        play(ScriptedTeacher([errors.InputError("no key")]))


def scripted(reply: dict[str, Any]) -> str | Exception:
    if "raises" in reply:
        error: Exception = getattr(errors, reply["raises"])("scripted")
        return error
    if "cut" in reply:
        return OutputTruncated("cut", reply["cut"], usage=USAGE)
    if "empty" in reply:
        return EmptyReply("nothing came")
    if "text" in reply:
        return str(reply["text"])
    return saying(*((keys, wait) for keys, wait in reply["commands"]), complete=reply.get("complete", False))


def as_trajectory(episode: Episode) -> Trajectory:
    image = {"name": "host", "recipe": "", "digest": "", "inventory": ""}
    given: dict[str, Any] = {"trial_id": "t", "task_id": "t", "model": "m", "template": "termforge"}
    given |= {"template_sha256": "", "image": image, "sandbox": "bubblewrap"}
    return Trajectory(**given, turns=episode.turns, abandoned=episode.abandoned, ending=episode.ending)
