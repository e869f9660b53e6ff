"""One row of the corpus. The first eleven columns are those of nvidia/Nemotron-Terminal-Corpus, by name and meaning.

The others are what its users miss: how the trial ended, what the tests said, on which image, at what cost. Every trial
that curation kept has a row, failed ones too; a row carries what a stricter filter would need. A trial that was handed
over to a new conversation has a row for each: a row is what the model saw.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pyarrow as pa

from termforge.conversations import Conversation, Line, conversations
from termforge.schemas import Ending, Record, TerminalTask, Trajectory, Usage

AGENT = "terminus-2"
ORACLE = "termforge/oracle"
ADAPTED = ("math", "code", "swe")
LEVELS = ("easy", "medium", "mixed")

TEXT, WHOLE, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
SCHEMA = pa.schema(
    [
        ("conversations", pa.list_(pa.struct([("role", TEXT), ("content", TEXT)]))),
        ("agent", TEXT),
        ("model", TEXT),
        ("model_provider", TEXT),
        ("date", TEXT),
        ("task", TEXT),
        ("run_id", TEXT),
        ("episode", TEXT),
        ("trial_name", TEXT),
        ("enable_thinking", FLAG),
        ("source", TEXT),
        # beside the released columns
        ("task_id", TEXT),
        ("trial_id", TEXT),
        ("sample", WHOLE),
        ("attempt", WHOLE),
        ("conversation", WHOLE),
        ("domain", TEXT),
        ("skills", pa.list_(TEXT)),
        ("difficulty", TEXT),
        ("generator", TEXT),
        ("origin", TEXT),
        ("license", TEXT),
        ("outcome", TEXT),
        ("ending", TEXT),
        ("complete", FLAG),
        ("score", REAL),
        ("solved", FLAG),
        ("graded_live", FLAG),
        ("tests", pa.list_(pa.struct([("id", TEXT), ("weight", REAL), ("passed", FLAG)]))),
        ("turns", WHOLE),
        ("error_turns", pa.list_(WHOLE)),
        ("image", TEXT),
        ("image_recipe", TEXT),
        ("image_digest", TEXT),
        ("image_inventory", TEXT),
        ("sandbox", TEXT),
        ("reply_format", TEXT),
        ("observation_mode", TEXT),
        ("wait_mode", TEXT),
        ("thinking", TEXT),
        ("template", TEXT),
        ("template_sha256", TEXT),
        ("input_tokens", WHOLE),
        ("cached_tokens", WHOLE),
        ("output_tokens", WHOLE),
        ("cost_usd", REAL),
        ("seconds", REAL),
    ]
)


class Message(Record):
    role: Literal["user", "assistant"]
    content: str


class TestOutcome(Record):
    id: str
    weight: float
    passed: bool

    __test__ = False


class CorpusRow(Record):
    conversations: tuple[Message, ...]
    """User and assistant, no system; reasoning stands before a reply as `<think>...</think>`. In turn, but for two user
    messages that open a conversation which was taken over."""
    agent: str
    model: str
    model_provider: str
    date: str
    task: str
    run_id: str
    episode: str
    """The last one of this conversation: `episode-N`, from 0, counted through the trial."""
    trial_name: str
    enable_thinking: bool
    source: str
    task_id: str
    trial_id: str
    sample: int
    attempt: int
    conversation: int
    """Which of the trial's, from 0. How the trial ended and what the tests said stands on each of its rows; turns,
    tokens, cost and seconds are the row's own, so that they may be summed."""
    domain: str | None
    skills: tuple[str, ...]
    difficulty: str
    generator: str
    origin: str
    license: str
    outcome: str
    ending: str
    complete: bool
    """The agent said that it was done, and confirmed it."""
    score: float | None
    """Weighted share of passed tests; None, as `solved`, where nothing was graded or grading broke."""
    solved: bool | None
    graded_live: bool | None
    tests: tuple[TestOutcome, ...]
    turns: int
    error_turns: tuple[int, ...]
    """Which of the row's assistant messages, from 0, could not be parsed: candidates for masking."""
    image: str
    image_recipe: str
    image_digest: str
    image_inventory: str
    sandbox: str
    reply_format: str
    observation_mode: str
    wait_mode: str
    thinking: str
    template: str
    template_sha256: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float
    """Start, teacher, terminal and grading together."""

    @property
    def configuration(self) -> str:
        """Where the row belongs. The oracle's rows and those of the image `host` never mix with others."""
        prefix = ("oracle_" if self.model == ORACLE else "") + ("host_" if self.image == "host" else "")
        return prefix + _maker(self.source, self.difficulty)


def corpus_rows(terminal_task: TerminalTask, trajectory: Trajectory, *, run_id: str, date: str) -> Iterator[CorpusRow]:
    """One for each conversation of the trial. `date` as ISO 8601; no clock is read here."""
    provenance = terminal_task.provenance
    name = f"{provenance.source}_{trajectory.task_id}"
    parts = conversations(trajectory)
    for number in range(len(parts)):
        yield CorpusRow(
            agent=AGENT,
            model=trajectory.model,
            model_provider=trajectory.model.split("/")[0] if "/" in trajectory.model else "",
            date=date,
            task=name,
            run_id=run_id,
            trial_name=f"{name}__{trajectory.trial_id}",
            task_id=trajectory.task_id,
            trial_id=trajectory.trial_id,
            sample=trajectory.sample,
            attempt=trajectory.attempt,
            conversation=number,
            domain=terminal_task.domain,
            **provenance.model_dump(include={"source", "skills", "difficulty", "generator", "origin", "license"}),
            **_said(parts, number),
            **_outcome(trajectory),
            **_circumstances(trajectory),
            **_spent(trajectory, parts, number),
        )


def _said(parts: Sequence[Conversation], number: int) -> dict[str, Any]:
    conversation = parts[number]
    messages = list(conversation.messages())
    before = 0 if conversation.questions is None else 1  # an assistant message that is no turn's
    return {
        "conversations": tuple(Message(role=message.role, content=_content(message)) for message in messages),
        "episode": f"episode-{sum(len(part.turns) for part in parts[: number + 1]) - 1}",
        "enable_thinking": any(message.reasoning is not None for message in messages),
        "turns": len(conversation.turns),
        "error_turns": tuple(
            place for place, turn in enumerate(conversation.turns, start=before) if turn.error is not None
        ),
    }


def _content(message: Line) -> str:
    thought = "" if message.reasoning is None else f"<think>\n{message.reasoning.strip()}\n</think>\n\n"
    return thought + message.content


def _outcome(trajectory: Trajectory) -> dict[str, Any]:
    verdict = trajectory.verdict if trajectory.verdict is not None and trajectory.verdict.error is None else None
    return {
        "outcome": trajectory.outcome,
        "ending": trajectory.ending.value,
        "complete": trajectory.ending is Ending.COMPLETED,
        "score": verdict.score if verdict else None,
        "solved": verdict.solved if verdict else None,
        "graded_live": verdict.live if verdict else None,
        "tests": tuple(
            TestOutcome(id=result.id, weight=result.weight, passed=result.passed)
            for result in (verdict.results if verdict else ())
        ),
    }


def _circumstances(trajectory: Trajectory) -> dict[str, Any]:
    image = trajectory.image
    return {
        "image": image.name,
        "image_recipe": image.recipe,
        "image_digest": image.digest,
        "image_inventory": image.inventory,
        "sandbox": trajectory.sandbox,
        "reply_format": trajectory.reply_format,
        "observation_mode": trajectory.observation_mode,
        "wait_mode": trajectory.wait_mode,
        "thinking": trajectory.thinking,
        "template": trajectory.template,
        "template_sha256": trajectory.template_sha256,
    }


def _spent(trajectory: Trajectory, parts: Sequence[Conversation], number: int) -> dict[str, Any]:
    """The start counts with the first conversation; grading, and a handover that came to nothing, with the last."""
    turns, last = parts[number].turns, number == len(parts) - 1
    beside = [call for turn in turns for call in turn.handover] + list(trajectory.abandoned if last else ())
    seconds = [turn.teacher_s + turn.waited_s + turn.harness_s for turn in turns] + [call.teacher_s for call in beside]
    seconds += [trajectory.start_s] if number == 0 else []
    seconds += [trajectory.grading_s] if last else []
    usage = Usage.total([*(turn.usage for turn in turns), *(call.usage for call in beside)])
    return {**usage.model_dump(), "seconds": sum(seconds)}


def _maker(source: str, difficulty: str) -> str:
    """The released corpus' configurations, and two for what it does not have."""
    if source in ADAPTED:
        return "dataset_adapters"
    if source == "skill":
        return f"skill_based_{difficulty}" if difficulty in LEVELS else "skill_based"
    return {"seed": "seed_based", "forge": "forged", "harbor": "imported"}[source]
