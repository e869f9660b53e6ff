"""What the model saw: a trajectory's turns as conversations, of which there is one more than it has handovers.

A later conversation begins with the trial's first message, as the model had it before it again; then come the questions
with which it took over, where the handover got as far as their answers, and the turns from there on.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from termforge.schemas import Exchange, Trajectory, Turn


class Line(NamedTuple):
    role: Literal["user", "assistant"]
    content: str
    reasoning: str | None = None


class Conversation(NamedTuple):
    first_message: str | None
    """Of the trial, where its answer lies in an earlier conversation."""
    questions: Exchange | None
    turns: tuple[Turn, ...]

    def messages(self) -> Iterator[Line]:
        if self.first_message is not None:
            yield Line("user", self.first_message)
        for said in (self.questions, *self.turns):
            if said is not None:
                yield Line("user", said.prompt)
                yield Line("assistant", said.reply, said.reasoning)


def conversations(trajectory: Trajectory) -> list[Conversation]:
    """In order; one without turns where the trial has none."""
    turns = trajectory.turns
    starts = [number for number, turn in enumerate(turns) if turn.handover]
    parts = [turns[start:end] for start, end in zip([0, *starts], [*starts, len(turns)], strict=True)]
    return [Conversation(None, None, parts[0]), *(_taken_over(turns[0].prompt, part) for part in parts[1:])]


def _taken_over(first_message: str, turns: tuple[Turn, ...]) -> Conversation:
    handover = turns[0].handover
    questions = [call for call in handover if call.stage == "questions"]
    answered = handover[-1].stage == "answers"  # had that failed, a short summary would have been asked for
    return Conversation(first_message, questions[-1] if answered else None, turns)
