"""Recipes: a Dockerfile and its lock entry, hashed. The same on every machine, whatever was built there.

`images/recipes.lock` holds, for the base and each domain, exact apt and pip versions (of a domain, what it adds).
"""

import tomllib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import Field

from termforge.errors import InputError, SetupError
from termforge.schemas import DOMAINS, Domain, ImageRecipe, Record, digest

BASE = "base"
IMAGES: tuple[str, ...] = DOMAINS
DOMAIN_IMAGES: dict[Domain, str] = {
    **{domain: domain for domain in DOMAINS},
    "dependency-management": "software-engineering",
    "model-training": "data-science",
}
"""Which image serves a domain."""

HOST = ImageRecipe(name="host", recipe="")
"""This machine's own /usr, bubblewrap only; stays out of real mixtures."""


class Locked(Record):
    """Exact versions by package name. For a domain: what it adds to the base."""

    apt: dict[str, str] = Field(default_factory=dict)
    python: dict[str, str] = Field(default_factory=dict)
    """Installed by pip; what Debian packages bring is under `apt`."""


def recipe_of(domain: Domain) -> ImageRecipe:
    return recipe(DOMAIN_IMAGES[domain])


@cache
def recipe(name: str) -> ImageRecipe:
    """The recipe of an image by its own name, the base's content included.

    Raises: InputError for a name that has no recipe.
    """
    locks = lock()
    names = (BASE,) if name == BASE else (BASE, name)
    content = [[dockerfile(one), locks.get(one, Locked()).model_dump()] for one in names]
    return ImageRecipe(name=name, recipe=digest(content)[:16])


def dockerfile(name: str) -> str:
    """The Dockerfile's text: synthesis prompts show it too.

    Raises: InputError for a name that has none.
    """
    if name not in (BASE, *IMAGES):
        raise InputError(f"there is no image {name!r}; there are {', '.join(IMAGES)}")
    return (folder() / name / "Dockerfile").read_text(encoding="utf-8")


@cache
def lock() -> dict[str, Locked]:
    """By image name; empty for an image that was never locked."""
    path = folder() / "recipes.lock"
    if not path.is_file():
        return {}
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Locked.model_validate(entry) for name, entry in entries.items()}
    except ValueError as error:
        raise SetupError(f"{path} is damaged: {error}") from error


def render_lock(locks: dict[str, Locked]) -> str:
    lines = [
        "# Written by `python -m termforge.images lock`: what a fresh build installed. A domain lists what it adds."
    ]
    for name, locked in locks.items():
        for kind, versions in (("apt", locked.apt), ("python", locked.python)):
            lines += ["", f"[{name}.{kind}]"]
            lines += [f'"{package}" = "{version}"' for package, version in sorted(versions.items())]
    return "\n".join(lines) + "\n"


def folder() -> Traversable:
    """`images/` of a checkout, else the copy in the wheel."""
    checkout = Path(__file__).parents[2] / "images"
    return checkout if (checkout / BASE / "Dockerfile").is_file() else resources.files("termforge") / "_data" / "images"
