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
from termforge.synthesize.lint import MAX_TESTS, MIN_TESTS
from termforge.synthesize.reply import MAX_FILES, MAX_REPLY_KB, TESTS_S, Reason
from termforge.synthesize.request import Environment, RefusedReply, SynthesisRequest
from termforge.synthesize.taxonomy import taxonomy
from termforge.teacher import ChatMessage

GENERATORS: dict[SourceName, str] = {"skill": "synthesize/skill@3", "seed": "synthesize/seed@3"}


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
        max_reply_kb=MAX_REPLY_KB,
        min_tests=MIN_TESTS,
        max_tests=MAX_TESTS,
        tests_s=round(TESTS_S),
    )
    return ChatMessage(role="system", content=system), ChatMessage(role="user", content=user)


def repair_conversation(
    row: RefusedReply, reason: Reason, detail: str, environment: Environment
) -> tuple[ChatMessage, ...]:
    """Asks once more: after the teacher's own reply, or where nothing came, in the question itself."""
    system, user = conversation(row.request, environment)
    nothing = not row.reply.strip()
    repair = prompts.render(
        "synthesize/repair.j2", nothing=nothing, reason=reason.value, detail=detail, remedy=remedies()[reason]
    )
    if nothing:
        return system, ChatMessage(role="user", content=f"{user.content}\n{repair}")
    return system, user, ChatMessage(role="assistant", content=row.reply), ChatMessage(role="user", content=repair)


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
