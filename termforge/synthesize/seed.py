"""Seed-based requests: problem statements, each to be turned into a task with files and tests (paper, section 3)."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from pydantic import ValidationError

from termforge import prompts
from termforge.errors import InputError
from termforge.synthesize.request import DIFFICULTIES, SeedProblem, SynthesisRequest

OWN_SEEDS = "synthesize/seeds.jsonl"


def seed_requests(path: Path | None = None, *, seed: str = "0", count: int | None = None) -> Iterator[SynthesisRequest]:
    """One request for each line of a JSONL file of SeedProblems; without a path for each problem that comes along.

    Raises: InputError naming file, line and field.
    """
    for index, problem in enumerate(islice(_problems(path), count)):
        yield SynthesisRequest(
            origin=f"seed {problem.id}",
            domain=problem.domain,
            difficulty=Random(f"{seed}-{index}").choice(DIFFICULTIES),
            seed_problem=problem,
        )


def _problems(path: Path | None) -> Iterator[SeedProblem]:
    if path is None:
        name, content = OWN_SEEDS, prompts.load(OWN_SEEDS).text
    else:
        name, content = str(path), _read(path)
    lines = content.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _problem(line, f"{name}, line {number}")
    if not any(line.strip() for line in lines):
        raise InputError(f"{name} holds no seed problem")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _problem(line: str, place: str) -> SeedProblem:
    try:
        return SeedProblem.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place}{f', {field}' if field else ''}: {first['msg']}") from error
