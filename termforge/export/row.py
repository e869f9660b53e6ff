"""One row of the corpus. The first eleven columns are those of nvidia/Nemotron-Terminal-Corpus, by name and meaning.

The others are what its users miss: how the trial ended, what the tests said, on which image, at what cost. Every trial
that curation kept has a row, failed ones too; a row carries what a stricter filter would need.
"""

from typing import Any, Literal

import pyarrow as pa

from termforge.schemas import Ending, Record, TerminalTask, Trajectory, Turn

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
    """User and assistant in turn, no system; reasoning stands before a reply as `<think>...</think>`."""
    agent: str
    model: str
    model_provider: str
    date: str
    task: str
    run_id: str
    episode: str
    """The last one, as the whole conversation is here: `episode-N`, from 0."""
    trial_name: str
    enable_thinking: bool
    source: str
    task_id: str
    trial_id: str
    sample: int
    attempt: int
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
    """Turns, from 0, whose reply could not be parsed: candidates for masking."""
    image: str
    image_recipe: str
    image_digest: str
    image_inventory: str
    sandbox: str
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


def corpus_row(terminal_task: TerminalTask, trajectory: Trajectory, *, run_id: str, date: str) -> CorpusRow:
    """`date` as ISO 8601; no clock is read here."""
    provenance = terminal_task.provenance
    name = f"{provenance.source}_{trajectory.task_id}"
    return CorpusRow(
        conversations=tuple(message for turn in trajectory.turns for message in _messages(turn)),
        agent=AGENT,
        model=trajectory.model,
        model_provider=trajectory.model.split("/")[0] if "/" in trajectory.model else "",
        date=date,
        task=name,
        run_id=run_id,
        episode=f"episode-{len(trajectory.turns) - 1}",
        trial_name=f"{name}__{trajectory.trial_id}",
        enable_thinking=any(turn.reasoning is not None for turn in trajectory.turns),
        task_id=trajectory.task_id,
        trial_id=trajectory.trial_id,
        sample=trajectory.sample,
        attempt=trajectory.attempt,
        domain=terminal_task.domain,
        **provenance.model_dump(include={"source", "skills", "difficulty", "generator", "origin", "license"}),
        **_outcome(trajectory),
        **_circumstances(trajectory),
    )


def _messages(turn: Turn) -> tuple[Message, Message]:
    thought = "" if turn.reasoning is None else f"<think>\n{turn.reasoning.strip()}\n</think>\n\n"
    return Message(role="user", content=turn.prompt), Message(role="assistant", content=thought + turn.reply)


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
    image, usage = trajectory.image, trajectory.usage
    spent = sum(turn.teacher_s + turn.waited_s + turn.harness_s for turn in trajectory.turns)
    return {
        "turns": len(trajectory.turns),
        "error_turns": tuple(number for number, turn in enumerate(trajectory.turns) if turn.error is not None),
        "image": image.name,
        "image_recipe": image.recipe,
        "image_digest": image.digest,
        "image_inventory": image.inventory,
        "sandbox": trajectory.sandbox,
        "observation_mode": trajectory.observation_mode,
        "wait_mode": trajectory.wait_mode,
        "thinking": trajectory.thinking,
        "template": trajectory.template,
        "template_sha256": trajectory.template_sha256,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "seconds": trajectory.start_s + spent + trajectory.grading_s,
    }


def _maker(source: str, difficulty: str) -> str:
    """The released corpus' configurations, and two for what it does not have."""
    if source in ADAPTED:
        return "dataset_adapters"
    if source == "skill":
        return f"skill_based_{difficulty}" if difficulty in LEVELS else "skill_based"
    return {"seed": "seed_based", "forge": "forged"}[source]
