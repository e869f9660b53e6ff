"""Seed-based requests: problem statements, each to be turned into a task with files and tests (paper, section 3).

A user's seeds are JSONL, a SeedProblem a line. Our own are Python files under prompts/synthesize/seeds: the docstring
names domain and field and holds the problem, the code below it is the reference, which a test runs.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from pydantic import ValidationError

from termforge import prompts
from termforge.errors import InputError
from termforge.schemas import Domain
from termforge.synthesize.request import DIFFICULTIES, SeedProblem, SynthesisRequest
from termforge.synthesize.taxonomy import Difficulty

OWN_SEEDS = "synthesize/seeds"
DEFAULT_DOMAIN: Domain = "scientific-computing"


def seed_requests(
    path: Path | None = None,
    *,
    seed: str = "0",
    count: int | None = None,
    difficulties: Sequence[Difficulty] = DIFFICULTIES,
) -> Iterator[SynthesisRequest]:
    """Requests from a JSONL file of SeedProblems; without a path from the problems that come along.

    The problems come in an order that the random seed decides: each once, then each once more at another difficulty,
    until `count` are made; without a count each problem once.

    Raises: InputError naming file, line and field, and for a count beyond every problem at every difficulty.
    """
    problems = list(own_seeds() if path is None else _read(path))
    count, most = len(problems) if count is None else count, len(problems) * len(difficulties)
    if count > most:
        given = f"{len(problems)} problems at {len(difficulties)} difficulties"
        raise InputError(f"{count} tasks from seeds: {given} make {most} at most")
    Random(f"{seed}-order").shuffle(problems)
    for index in range(count):
        number, place = divmod(index, len(problems))
        problem = problems[place]
        first = Random(f"{seed}-{problem.id}").randrange(len(difficulties))
        yield SynthesisRequest(
            origin=f"seed {problem.id}-{number}",
            domain=problem.domain or DEFAULT_DOMAIN,
            difficulty=difficulties[(first + number) % len(difficulties)],
            seed_problem=problem,
        )


def own_seeds() -> tuple[SeedProblem, ...]:
    """Those that come along, by name."""
    return tuple(_own_seed(name) for name in prompts.names(OWN_SEEDS) if name.endswith(".py"))


def _own_seed(name: str) -> SeedProblem:
    source = prompts.load(name).text
    module = ast.parse(source)
    heading, _, problem = (ast.get_docstring(module) or "").partition("\n\n")
    domain, _, field = heading.partition(", ")
    reference = "\n".join(source.split("\n")[module.body[0].end_lineno or 0 :]).strip()
    row = {"id": Path(name).stem, "domain": domain, "field": field, "problem": problem, "reference": reference}
    return SeedProblem.model_validate(row)


def _read(path: Path) -> Iterator[SeedProblem]:
    """Raises: InputError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            problem = _problem(line, number, f"{path}, line {number}")
            if problem.id in seen:
                raise InputError(f"{path}, line {number}, id: {problem.id!r} stands there before")
            seen.add(problem.id)
            yield problem
    if not seen:
        raise InputError(f"{path} holds no seed problem")


def _problem(line: str, number: int, place: str) -> SeedProblem:
    try:
        problem = SeedProblem.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place}{f', {field}' if field else ''}: {first['msg']}") from error
    return problem if problem.id else problem.model_copy(update={"id": f"line {number}"})
