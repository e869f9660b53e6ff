"""Replays without a sandbox: how a recorded teacher answers, and what counts as equal."""

from collections.abc import Sequence

import pytest

from termforge.agent import wording
from termforge.agent.dialogue import Dialogue, Said
from termforge.agent.overflow import Brief
from termforge.errors import BudgetExhausted, ContextExceeded, EmptyReply, TeacherError
from termforge.replay import DIFF_CHARS, Recorded, compared, describe, steady
from termforge.schemas import (
    Command,
    Ending,
    Image,
    ImageRecipe,
    LeftFile,
    Limits,
    Provenance,
    TerminalTask,
    Trajectory,
    Turn,
    Usage,
    Verdict,
)
from termforge.teacher import ChatMessage, Reply

TASK = TerminalTask(
    image=ImageRecipe(name="host", recipe=""),
    instruction="Do it.",
    provenance=Provenance(source="forge", generator="test@1"),
)
FILES = tuple(LeftFile(path=f"/app/{name}", bytes=1, sha256=name * 64, mode=0o644) for name in "abc")
SOLVED, FAILED = Verdict(score=1.0, solved=True), Verdict(score=0.25)


def trajectory(*turns: Turn, left: tuple[LeftFile, ...] | None = FILES, verdict: Verdict | None = SOLVED) -> Trajectory:
    return Trajectory(
        trial_id="trial",
        task_id=TASK.id,
        model="test/recorded",
        sampling={"temperature": 1},
        template="termforge",
        template_sha256="",
        image=Image(name="host", recipe="", digest="d", inventory="i"),
        sandbox="bubblewrap",
        turns=turns,
        ending=Ending.COMPLETED,
        left=left,
        verdict=verdict,
    )


def shown(*observations: str) -> list[Turn]:
    return [
        Turn(prompt="", reply="{}", commands=(Command(keystrokes="ls\n"),), observation=text) for text in observations
    ]


# The recorded teacher


def asked(teacher: Recorded) -> Reply:
    return teacher.reply([ChatMessage(role="user", content="?")], timeout_s=1.0)


def test_recorded_replies_come_back_word_for_word() -> None:
    usage = Usage(input_tokens=7, output_tokens=3)
    turns = (
        Turn(prompt="", reply="one", reasoning="why", usage=usage),
        Turn(prompt="", reply="cut of", truncated=True),
        Turn(prompt="", reply=""),
    )
    teacher = Recorded(trajectory(*turns))
    assert (teacher.model, teacher.sampling) == ("test/recorded", {"temperature": 1})
    assert asked(teacher) == Reply(content="one", reasoning="why", usage=usage)
    assert asked(teacher) == Reply(content="cut of", finish_reason="length")
    assert asked(teacher) == Reply(content="")
    with pytest.raises(BudgetExhausted, match="used up"):
        asked(teacher)


class Service:
    """A Teacher that numbers its answers; `refusals` says by call number which fail, and how."""

    model, context_tokens = "test/service", None
    sampling: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, refusals: dict[int, TeacherError]) -> None:
        self._refusals, self.calls = refusals, 0

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return 0

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        self.calls += 1
        if self.calls in self._refusals:
            raise self._refusals[self.calls]
        return Reply(content=f"answer {self.calls}")


def conversation(teacher: object) -> list[Said]:
    """Eight turns, handed over wherever the teacher says that its window is full."""
    brief = Brief("Do it.", wording.load("termforge"), shows_waiting=True)
    dialogue = Dialogue(teacher, Limits(), keep_reasoning=False, brief=brief)
    return [dialogue.ask(f"prompt {number}", f"screen {number}") for number in range(8)]


TOO_LONG, SILENT = ContextExceeded("too long"), EmptyReply("silent")


@pytest.mark.parametrize(
    ("refusals", "stages"),
    [
        ({}, []),
        ({3: TOO_LONG}, ["summary", "questions", "answers"]),
        ({6: TOO_LONG, 7: TOO_LONG, 8: TOO_LONG}, ["summary", "summary", "summary", "questions", "answers"]),
        ({3: TOO_LONG, 4: SILENT}, ["summary", "short summary"]),
        ({3: TOO_LONG, 5: SILENT}, ["summary", "questions", "short summary"]),
        (dict.fromkeys((3, 4, 5, 6), TOO_LONG), ["summary", "summary", "summary", "short summary"]),
        ({3: TOO_LONG, 7: TOO_LONG}, ["summary", "questions", "answers", "short summary"]),
        ({3: TOO_LONG, 4: SILENT, 5: SILENT}, ["summary", "short summary"]),
        ({3: TOO_LONG, 9: TOO_LONG}, ["summary", "questions", "answers"] * 2),
    ],
)
def test_a_handover_is_played_as_it_went(refusals: dict[int, TeacherError], stages: list[str]) -> None:
    """The same prompts before every turn: each conversation that the work was handed over to is the recorded one."""
    recorded = conversation(Service(refusals))
    assert [call.stage for said in recorded for call in said.handover] == stages
    turns = [Turn(handover=said.handover, prompt=said.prompt, reply=said.reply.content) for said in recorded]
    again = conversation(Recorded(trajectory(*turns)))
    assert [(said.prompt, said.reply.content) for said in again] == [(turn.prompt, turn.reply) for turn in turns]


# What counts as equal


def test_nothing_different_is_equal() -> None:
    recorded = trajectory(*shown("a", "b"))
    found = compared(recorded, recorded, TASK)
    assert (found.turns, found.equal_turns, found.alike_turns, found.first_difference) == (2, 2, 2, None)
    assert (found.tree, found.diff, found.equal, found.conclusive) == ("equal", "", True, True)
    assert describe(found).splitlines()[-1] == "equal"


def test_the_first_difference_is_shown_and_all_are_counted() -> None:
    recorded = trajectory(*shown("same", "it is 10:15\nlast", "x", "y"))
    played = trajectory(*shown("same", "it is 9:07\nlast", "x", "z"))
    found = compared(recorded, played, TASK)
    assert (found.equal_turns, found.alike_turns, found.first_difference) == (2, 3, 2)
    assert found.diff.splitlines()[2:] == ["@@ -1,3 +1,3 @@", " typed: 'ls\\n'", "-it is 10:15", "+it is 9:07", " last"]
    assert not found.equal
    assert found.diff in describe(found)


def test_other_keystrokes_are_a_difference() -> None:
    (turn,) = shown("a")
    found = compared(trajectory(turn), trajectory(turn.model_copy(update={"commands": ()})), TASK)
    assert (found.first_difference, found.equal_turns) == (1, 0)


def test_turns_that_were_not_reached_are_different() -> None:
    found = compared(trajectory(*shown("a", "b", "c")), trajectory(*shown("a")), TASK)
    assert (found.turns, found.equal_turns, found.first_difference) == (3, 1, 2)


def test_a_diff_is_short() -> None:
    found = compared(trajectory(*shown("x\n" * 9_000)), trajectory(*shown("y\n" * 9_000)), TASK)
    assert len(found.diff) == DIFF_CHARS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fri Nov 21 10:15:00 UTC 2026", "Sat Dec  5 9:05:59 UTC 2026"),
        ("-rw-r--r-- 1 root root  12 Nov  1 10:15 a", "-rw-r--r-- 1 root root 812 Feb 21 09:05 a"),
        ("[1] 4242", "[1] 77"),
        ("/tmp/tmp.Ab3dEf9hIj", "/tmp/tmp.xxxxxxxxxx"),
        ("/tmp/tmpab_c12de", "/tmp/tmpzzzzzzzz"),
        ("<object at 0x7f0f28079f50>", "<object at 0x55d>"),
    ],
)
def test_clocks_numbers_and_random_names_are_alike(one: str, other: str) -> None:
    assert one != other
    assert steady(one) == steady(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("solved", "unsolved"), ("a b", "ab"), ("No such file", "a file"), ("1 passed", "1 failed"), ("tmp", "tmp.log")],
)
def test_words_are_not(one: str, other: str) -> None:
    assert steady(one) != steady(other)


def test_the_tree_names_what_came_went_and_changed() -> None:
    a, b, c = FILES
    after = (a, b.model_copy(update={"mode": 0o755}), c.model_copy(update={"path": "/app/d"}))
    found = compared(trajectory(*shown("x")), trajectory(*shown("x"), left=after), TASK)
    assert (found.tree, found.added, found.missing, found.changed) == (
        "different",
        ("/app/d",),
        ("/app/c",),
        ("/app/b",),
    )
    assert not found.equal
    assert not found.conclusive
    assert {"  + /app/d", "  - /app/c", "  ~ /app/b"} < set(describe(found).splitlines())


def test_long_lists_of_files_are_cut_for_people() -> None:
    found = compared(
        trajectory(left=()),
        trajectory(left=tuple(LeftFile(path=f"/app/{number:03}", bytes=0, sha256="", mode=0) for number in range(30))),
        TASK,
    )
    assert len(found.added) == 30
    assert describe(found).count("  + /app/") == 20
    assert "  + and 10 more" in describe(found)


@pytest.mark.parametrize(
    ("left", "words", "live", "conclusive"),
    [
        (FILES, "same", False, True),
        (FILES, "else", False, True),  # the files that were graded are the same
        (FILES, "same", True, True),
        (FILES, "else", True, False),  # live tests see more than files
        (FILES[:2], "same", False, False),
        (None, "same", False, True),
        (None, "else", False, False),
    ],
)
def test_when_a_new_verdict_is_the_recorded_trials_too(
    left: tuple[LeftFile, ...] | None, words: str, live: bool, conclusive: bool
) -> None:
    verdict = FAILED.model_copy(update={"live": live})
    played = trajectory(*shown(words), left=left, verdict=verdict)
    found = compared(trajectory(*shown("same")), played, TASK)
    assert found.conclusive == conclusive
    assert (found.old, found.new) == (SOLVED, verdict)
    doubt = "" if conclusive else ", which is not the recorded trial's"
    assert f"solved (1.00) recorded, unsolved (0.25) now{doubt}\n" in describe(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"ending": Ending.SANDBOX_LOST, "detail": "killed", "verdict": None},
        {"verdict": Verdict(error="VerifierError: the tests reported nothing")},
    ],
)
def test_what_machines_broke_is_neither_equal_nor_conclusive(changes: dict[str, object]) -> None:
    recorded = trajectory(*shown("a"))
    found = compared(recorded, recorded.model_copy(update=changes), TASK)
    assert found.error in ("sandbox lost: killed", "VerifierError: the tests reported nothing")
    assert (found.equal, found.conclusive) == (False, False)
    assert found.error in describe(found)
