"""Every word a model reads is a file below prompts/; this module finds, hashes and fills them.

In a checkout they lie in `prompts/` beside the package, in a wheel in `termforge/_data/prompts`. The taxonomy
and other data files there are read with `load`; only templates (`*.j2`) are filled with `render`.
"""

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

import jinja2

from termforge.errors import InputError, SetupError

_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # the reader is a model, not a browser
)


class Prompt(NamedTuple):
    name: str
    """Path below prompts/, suffix included: `agent/terminus.j2`."""
    text: str
    """As it lies in the file, not yet filled."""
    sha256: str
    """Of the file's bytes."""


@cache
def load(name: str) -> Prompt:
    """Raises: InputError where there is no such file; SetupError where there are no prompts at all."""
    file = _home().joinpath(*name.split("/"))
    if not file.is_file():
        raise InputError(f"no prompt called {name!r} in {_home()}")
    content = file.read_bytes()
    return Prompt(name, content.decode(), hashlib.sha256(content).hexdigest())


def names(folder: str) -> tuple[str, ...]:
    """Of the files right below a folder, in order; each as `load` takes it."""
    files = _home().joinpath(*folder.split("/")).iterdir()
    return tuple(sorted(f"{folder}/{file.name}" for file in files if file.is_file()))


def render(name: str, /, **variables: object) -> str:
    """Fill a template. Values are inserted as they are and never read as templates themselves.

    Raises: InputError for an unknown name or a variable that is missing.
    """
    try:
        return _compiled(name).render(variables)
    except jinja2.UndefinedError as error:
        raise InputError(f"prompt {name}: {error.message}") from error


@cache
def _compiled(name: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(load(name).text)


def _home() -> Traversable:
    package = resources.files("termforge")
    for home in (package.joinpath("_data", "prompts"), package.joinpath("..", "prompts")):
        if home.is_dir():
            return home
    raise SetupError(
        "termforge's prompts are missing: neither termforge/_data/prompts nor a checkout's prompts/ exists"
    )
