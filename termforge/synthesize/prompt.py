"""What the teacher is told: a pure function of the request, the image, and the files under prompts/synthesize.

GENERATORS names the wording: raise its number with every change (the golden prompts under tests/golden insist).
"""

import re
from functools import cache

import yaml

from termforge import prompts
from termforge.images import IMAGES, dockerfile
from termforge.images.recipe import BASE
from termforge.schemas import SourceName
from termforge.synthesize.reply import MAX_FILE_BYTES, MAX_FILES, Reason
from termforge.synthesize.request import Environment, SynthesisRequest
from termforge.synthesize.taxonomy import taxonomy
from termforge.teacher import ChatMessage

GENERATORS: dict[SourceName, str] = {"skill": "synthesize/skill@2", "seed": "synthesize/seed@2"}


def source_of(request: SynthesisRequest) -> SourceName:
    return "skill" if request.seed_problem is None else "seed"


def conversation(request: SynthesisRequest, environment: Environment) -> tuple[ChatMessage, ChatMessage]:
    """Asks for a task.

    Raises: InputError for a domain that the taxonomy lacks.
    """
    module = taxonomy().module(request.domain)
    common = {
        "title": module.title,
        "difficulty": request.difficulty,
        "difficulty_text": taxonomy().difficulties[request.difficulty],
        "environment": describe(environment),
    }
    if request.seed_problem is not None:
        user = prompts.render("synthesize/seed.j2", **request.seed_problem.model_dump(), **common)
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


def repair_turn(reply: str, reason: Reason, detail: str) -> tuple[ChatMessage, ChatMessage]:
    """The teacher's own reply, and what is wrong with it."""
    user = prompts.render("synthesize/repair.j2", reason=reason.value, detail=detail, remedy=remedies()[reason])
    return ChatMessage(role="assistant", content=reply), ChatMessage(role="user", content=user)


@cache
def remedies() -> dict[Reason, str]:
    """What to do about each fault that another reply can mend."""
    named: dict[str, str] = yaml.safe_load(prompts.load("synthesize/remedies.yaml").text)
    return {Reason[name]: remedy for name, remedy in named.items()}


def describe(environment: Environment) -> str:
    """What an author may count on: of all that is in the image, what some Dockerfile of ours installs by name."""
    inventory, named = environment.inventory, _installed_by_name()
    apt = [f"{name} {version}" for name, version in sorted(inventory.apt.items()) if name in named]
    python = [f"{name} {version}" for name, version in sorted(inventory.python.items()) if name in named]
    text = prompts.render("synthesize/environment.j2", image=environment.recipe.name, apt=apt, python=python)
    return text.strip()


@cache
def _installed_by_name() -> frozenset[str]:
    words = (re.findall(r"[a-z0-9][a-z0-9.+-]*", dockerfile(name)) for name in (BASE, *IMAGES))
    return frozenset().union(*words)
