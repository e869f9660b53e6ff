"""Rows of the published Nemotron-Terminal-Corpus as rows of ours.

What was not published is empty or None, not guessed. About one row in twenty ends in an assistant message that is null:
it is left out, and the row's ending says so, so that nobody trains on the word.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from termforge.errors import InputError
from termforge.export.row import LEVELS, SCHEMA, CorpusRow, Message

ROWS = 256
THOUGHT = "</think>"
PARSE_ERROR = "Previous response had parsing errors"
NULL_TAIL, COMPLETED, UNFINISHED = "null tail", "completed", "unfinished"
RELEASED = ("agent", "model", "model_provider", "date", "task", "run_id", "episode", "trial_name")
GENERATOR, DATASET, LICENSE = "released@1", "nvidia/Nemotron-Terminal-Corpus", "CC-BY-4.0"


def released_rows(file: Path) -> Iterator[CorpusRow]:
    """Rows of one published file. Level and skill come from its folders (`skill_based/<level>/<skill>/...`).

    Raises: InputError naming file, row and column.
    """
    for rows in _batches(file):
        yield from rows


def released_tables(file: Path) -> Iterator[pa.Table]:
    """The rows of one file in the columns of our corpus, a few hundred at a time.

    Raises: InputError naming file, row and column.
    """
    for rows in _batches(file):
        yield pa.Table.from_pylist([row.model_dump() for row in rows], schema=SCHEMA)


def _batches(file: Path) -> Iterator[list[CorpusRow]]:
    number = 0
    try:
        for batch in pq.ParquetFile(file).iter_batches(ROWS):
            numbered = enumerate(batch.to_pylist(), start=number + 1)
            yield [_row(row, file, f"{file}, row {place}") for place, row in numbered]
            number += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}, after row {number}: not readable as Parquet ({error})") from error


def _row(row: dict[str, Any], file: Path, place: str) -> CorpusRow:
    if missing := [name for name in ("conversations", *RELEASED) if name not in row]:
        raise InputError(f"{place}: there is no column {missing[0]!r}; there are: {', '.join(row)}")
    said = list(row["conversations"] or [])
    null_tail = bool(said) and said[-1]["role"] == "assistant" and said[-1]["content"] is None
    messages = _messages(said[:-1] if null_tail else said, place)
    complete = not null_tail and _says_complete(messages)
    replies = [message for message in messages if message.role == "assistant"]
    level, skill = _level_and_skill(file)
    return CorpusRow(
        conversations=tuple(messages),
        **{name: str(row[name] or "") for name in RELEASED},
        enable_thinking=bool(row.get("enable_thinking")),
        source="skill" if level else str(row.get("source") or file.stem),
        task_id="",
        trial_id=str(row["trial_name"] or ""),
        sample=0,
        attempt=0,
        conversation=0,
        domain=skill,
        skills=(),
        difficulty=level,
        generator=GENERATOR,
        origin=DATASET,
        license=LICENSE,
        outcome="ungraded",
        ending=NULL_TAIL if null_tail else COMPLETED if complete else UNFINISHED,
        complete=complete,
        score=None,
        solved=None,
        graded_live=None,
        tests=(),
        turns=len(replies),
        error_turns=tuple(_error_turns(messages)),
        image="",
        image_recipe="",
        image_digest="",
        image_inventory="",
        sandbox="",
        reply_format="json",
        observation_mode="terminus2",
        wait_mode="full",
        thinking="kept" if row.get("enable_thinking") else "none",
        template="terminus2-corpus",
        template_sha256="",
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        cost_usd=None,
        seconds=0.0,
    )


def _messages(said: list[dict[str, Any]], place: str) -> list[Message]:
    for number, message in enumerate(said, start=1):
        if message["role"] not in ("user", "assistant") or not isinstance(message["content"], str):
            raise InputError(
                f"{place}, column 'conversations', message {number}: a user's or assistant's text is wanted"
            )
    return [Message(role=message["role"], content=message["content"]) for message in said]


def _says_complete(messages: list[Message]) -> bool:
    """The last reply says that the task is complete."""
    if not messages or messages[-1].role != "assistant":
        return False
    reply = messages[-1].content.rpartition(THOUGHT)[2]
    try:
        said = json.loads(reply[reply.index("{") : reply.rindex("}") + 1])
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("task_complete") is True


def _error_turns(messages: list[Message]) -> Iterator[int]:
    """Which replies, from 0, were answered with a parse error."""
    replies = -1
    for message in messages:
        replies += message.role == "assistant"
        if message.role == "user" and message.content.startswith(PARSE_ERROR):
            yield replies


def _level_and_skill(file: Path) -> tuple[str, str | None]:
    level, skill = file.parts[-3:-1] if len(file.parts) >= 3 else ("", "")
    return (level, skill.replace("_", "-")) if level in LEVELS else ("", None)
