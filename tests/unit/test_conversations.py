"""What the model saw of a trial, put together from its turns."""

from termforge.conversations import conversations
from termforge.schemas import Ending, Exchange, Image, Stage, Trajectory, Turn


def call(stage: Stage, reply: str = "said") -> Exchange:
    return Exchange(stage=stage, prompt=f"{stage}?", reply=reply)


ANSWERED = (call("summary"), call("questions"), call("answers"))


def told(*handovers: tuple[Exchange, ...]) -> list[list[str]]:
    """The contents of each conversation of a trial with one turn per handover."""
    trajectory = Trajectory(
        trial_id="t",
        task_id="t",
        model="m",
        template="termforge",
        template_sha256="",
        image=Image(name="host", recipe="", digest="", inventory=""),
        sandbox="bubblewrap",
        turns=tuple(
            Turn(prompt=f"p{number}", reply=f"r{number}", handover=handover)
            for number, handover in enumerate(handovers)
        ),
        ending=Ending.COMPLETED,
    )
    return [[line.content for line in conversation.messages()] for conversation in conversations(trajectory)]


def test_a_trial_that_was_never_handed_over_is_one_conversation() -> None:
    assert told((), ()) == [["p0", "r0", "p1", "r1"]]
    assert told() == [[]]


def test_a_handover_starts_with_the_first_message_and_the_questions() -> None:
    opening = ["p0", "questions?", "said"]
    assert told((), ANSWERED, ()) == [["p0", "r0"], [*opening, "p1", "r1", "p2", "r2"]]
    assert told((), ANSWERED, ANSWERED) == [["p0", "r0"], [*opening, "p1", "r1"], [*opening, "p2", "r2"]]


def test_a_handover_without_answers_starts_with_the_first_message_alone() -> None:
    for handover in (
        (call("summary", ""), call("short summary")),
        (*ANSWERED[:2], call("answers", ""), call("short summary", "")),
        (*ANSWERED, call("short summary")),
        (*ANSWERED, call("short summary", "")),
    ):
        assert told((), handover) == [["p0", "r0"], ["p0", "p1", "r1"]]
