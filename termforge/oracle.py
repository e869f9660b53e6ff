"""The scripted teacher: plays a task's own solution as Terminus replies, offline and free.

The validation gate, the demo's agent, the load generator and the test double. With a slip rate above zero some steps
first go wrong in a harmless way and are put right in the next reply (termforge/slips.py). The script is fixed when the
oracle is made; a reply depends on the number of replies given so far and on nothing that the terminal shows.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from termforge.agent.protocol import render
from termforge.errors import InputError
from termforge.schemas import Step, TerminalTask, Usage
from termforge.slips import SLIPS, Slip, slip_of
from termforge.teacher import ChatMessage, Reply

MODEL = "termforge/oracle"
CHARS_PER_TOKEN = 4

CONFIRMATIONS = (
    ("The listing above is what I expected, and every part of the task has been carried out.", "Confirm completion."),
    (
        "I have gone through the requirements once more: each requested result exists and was inspected.",
        "Nothing is left to do, so I confirm that the task is complete.",
    ),
    (
        "Yes. The work is finished and the terminal shows no error from the last commands.",
        "Mark the task as complete for good.",
    ),
    (
        "The state of the terminal agrees with the instruction, and no step is pending.",
        "No further commands; confirm that the task is done.",
    ),
)


class Oracle:
    """A Teacher without a model. The same (task, seed, slip rate) gives the same conversation."""

    def __init__(
        self, terminal_task: TerminalTask, *, seed: str, slip_rate: float = 0.0, patience: float = 1.0
    ) -> None:
        """`patience`: times the solution's own durations. Waits that end with the work are not longer for it.

        Raises: InputError for a task without a solution, or a slip rate outside 0 to 1.
        """
        if not 0.0 <= slip_rate <= 1.0:
            raise InputError(f"slip_rate must lie between 0 and 1, not {slip_rate}")
        if not terminal_task.solution:
            start = " ".join(terminal_task.instruction.split())[:60]
            raise InputError(f"task {terminal_task.id} ({start}...) has no solution: the oracle has nothing to play")
        self.model = MODEL
        self.sampling: dict[str, Any] = {
            "seed": seed,
            "slip_rate": slip_rate,
            "tokens": f"estimated: {CHARS_PER_TOKEN} characters each",
        }
        solution = [_slowed(step, patience) for step in terminal_task.solution]
        self.script = tuple(_script(solution, f"{seed}-{terminal_task.id}", slip_rate))
        """Replies in order; the last one repeats."""

    @property
    def context_tokens(self) -> None:
        return None

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) for message in messages) // CHARS_PER_TOKEN

    def reply(self, messages: Sequence[ChatMessage], *, timeout_s: float) -> Reply:
        """The next line of the script, by the number of assistant messages so far. Never late, never fails."""
        given = sum(message.role == "assistant" for message in messages)
        content = self.script[min(given, len(self.script) - 1)]
        usage = Usage(
            input_tokens=self.count_tokens(messages),
            output_tokens=len(content) // CHARS_PER_TOKEN,
            cost_usd=0.0,
        )
        return Reply(content=content, usage=usage)


def _slowed(step: Step, patience: float) -> Step:
    commands = [command.model_copy(update={"duration_s": command.duration_s * patience}) for command in step.commands]
    return step.model_copy(update={"commands": tuple(commands)})


def _script(solution: Sequence[Step], seed: str, slip_rate: float) -> Iterator[str]:
    last = len(solution) - 1
    for number, step in enumerate(solution):
        random = Random(f"{seed}-{number}")
        slip = _slip(random, step, first=number == 0, final=number == last) if random.random() < slip_rate else None
        if slip is None:
            yield render(step.analysis, step.plan, step.commands, task_complete=number == last)
        else:
            yield from slip.replies
    analysis, plan = Random(f"{seed}-confirmation").choice(CONFIRMATIONS)
    yield render(analysis, plan, (), task_complete=True)


def _slip(random: Random, step: Step, *, first: bool, final: bool) -> Slip | None:
    """The first kind of slip, in random order, that fits the step."""
    for kind in random.sample(SLIPS, len(SLIPS)):
        if (slip := slip_of(kind, random, step, first=first, final=final)) is not None:
            return slip
    return None
