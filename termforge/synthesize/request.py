"""One task that a teacher shall write, and the images it may write it for."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import yaml

from termforge import prompts
from termforge.errors import InputError
from termforge.images import Inventory
from termforge.schemas import Domain, ImageRecipe, Record
from termforge.teacher import ChatMessage

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

MAX_FILES = 30
MAX_FILE_BYTES = 64_000
"""Of what the teacher writes: a reply is not the place for more."""


class Skill(Record):
    """A primitive of a domain."""

    name: str
    dimension: str
    """One of the paper's six (section 4.2)."""
    what: str


class DomainModule(Record):
    """What the system prompt says of a domain."""

    title: str
    about: str
    focus: tuple[str, ...]
    skills: tuple[Skill, ...]


class SeedProblem(Record):
    """A problem statement without an environment."""

    id: str
    domain: Domain
    problem: str
    reference: str = ""
    """A solution, shown to the teacher for the tests' sake and to nobody else."""


class SynthesisRequest(Record):
    """Enough to make the prompt again."""

    origin: str
    """What names this request: random seed and index, or the seed problem."""
    domain: Domain
    difficulty: Difficulty
    skills: tuple[str, ...] = ()
    """Names of primitives; empty for a seed problem."""
    seed_problem: SeedProblem | None = None


class RejectedReply(Record):
    """What a Rejected row of this stage holds."""

    request: SynthesisRequest
    reply: str
    """With secrets masked."""


class Environment(NamedTuple):
    """Where the task will run."""

    recipe: ImageRecipe
    inventory: Inventory


@cache
def taxonomy() -> Mapping[Domain, DomainModule]:
    """By domain; see prompts/synthesize/taxonomy.yaml."""
    domains = _taxonomy_file()["domains"]
    return {domain: DomainModule.model_validate(module) for domain, module in domains.items()}


def module_of(domain: Domain) -> DomainModule:
    """Raises: InputError for a domain that the taxonomy lacks."""
    if domain not in taxonomy():
        raise InputError(f"the skill taxonomy has no domain {domain!r}; it has {', '.join(taxonomy())}")
    return taxonomy()[domain]


def dimensions() -> tuple[str, ...]:
    return tuple(_taxonomy_file()["dimensions"])


def conversation(request: SynthesisRequest, environment: Environment) -> tuple[ChatMessage, ChatMessage]:
    """The prompt of a request: a pure function of it, the image and the files under prompts/."""
    module = module_of(request.domain)
    common = {
        "title": module.title,
        "difficulty": request.difficulty,
        "difficulty_text": _taxonomy_file()["difficulties"][request.difficulty],
        "environment": _described(environment),
    }
    if request.seed_problem is not None:
        seed = request.seed_problem
        user = prompts.render("synthesize/seed.j2", problem=seed.problem, reference=seed.reference, **common)
    else:
        by_name = {skill.name: skill for skill in module.skills}
        user = prompts.render("synthesize/skill.j2", skills=[by_name[name] for name in request.skills], **common)
    system = prompts.render(
        "synthesize/system.j2",
        title=module.title,
        about=module.about,
        focus=module.focus,
        max_files=MAX_FILES,
        max_file_kb=MAX_FILE_BYTES // 1000,
    )
    return ChatMessage(role="system", content=system), ChatMessage(role="user", content=user)


def _described(environment: Environment) -> str:
    inventory = environment.inventory
    # Libraries come with what needs them and tell a task's author nothing.
    apt = (f"{name} {version}" for name, version in sorted(inventory.apt.items()) if not name.startswith("lib"))
    python = (f"{name} {version}" for name, version in sorted(inventory.python.items()))
    return prompts.render(
        "synthesize/environment.j2",
        image=environment.recipe.name,
        apt=", ".join(apt) or "none",
        python=", ".join(python) or "none",
    ).strip()


@cache
def _taxonomy_file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(prompts.load("synthesize/taxonomy.yaml").text)
    return content
