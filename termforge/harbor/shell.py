"""Shell commands of Dockerfiles and test scripts, as far as they can be told apart without a shell.

Simple commands joined by `&&` and `;`, and among them those that install packages. Anything else that a
shell can do is for the caller to refuse.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from termforge.images import Inventory

JOINTS = {"&&", ";"}
OTHER_SIGNS = re.compile(r"[|<>()&]+")
GRADERS_OWN = frozenset({"pytest", "pytest-json-ctrf", "uv", "pip", "setuptools", "wheel"})
"""Python packages that run tests or install packages: ours are in every image, or not needed."""
VALUED = frozenset({"-p", "--python", "-i", "--index-url", "--extra-index-url", "-t", "--target-release"})
"""Options of installers that take a value."""


class Line(NamedTuple):
    """A logical line: continued ones joined, comments gone."""

    number: int
    """Of its first physical line, from 1."""
    text: str


class Package(NamedTuple):
    kind: Literal["apt", "python"]
    name: str
    version: str = ""
    """As pinned, `*` allowed; empty where any will do."""

    def __str__(self) -> str:
        return f"{self.name}{'=' if self.kind == 'apt' else '=='}{self.version}" if self.version else self.name

    def is_in(self, inventory: Inventory) -> bool:
        versions = inventory.apt if self.kind == "apt" else inventory.python
        return self.name in versions and fnmatchcase(versions[self.name], self.version or "*")


def lines(text: str) -> Iterator[Line]:
    """Logical lines that say something."""
    start, joined = 0, ""
    for number, physical in enumerate(text.split("\n"), 1):
        if physical.lstrip().startswith("#"):
            continue  # also between the parts of a continued line, as Docker has it
        start = start if joined else number
        if physical.rstrip().endswith("\\"):
            joined += physical.rstrip()[:-1] + " "
            continue
        if (joined + physical).strip():
            yield Line(start, (joined + physical).strip())
        joined = ""


def commands(text: str) -> list[list[str]]:
    """Words of each simple command.

    Raises: ValueError for pipes, redirections, subshells, background jobs and open quotes.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|<>()&")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in JOINTS:
            found.append([])
        elif OTHER_SIGNS.fullmatch(word):
            raise ValueError(f"{word!r} is more than simple commands")
        else:
            found[-1].append(word)
    return [words for words in found if words]


def installed(words: Sequence[str]) -> list[Package] | None:
    """Packages that a simple command installs, none for one that only prepares or tidies; None for another command.

    Raises: ValueError for what is no package name: a local folder, a URL, a requirements file.
    """
    words = [word for number, word in enumerate(words) if number or "=" not in word]
    match list(words):
        case ["apt-get" | "apt", *rest]:
            return _apt(rest)
        case ["pip" | "pip3", "install", *rest] | ["uv", "pip", "install", *rest] | ["uv", "add", *rest]:
            return _python(rest)
        case ["python" | "python3", "-m", "pip", "install", *rest]:
            return _python(rest)
        case ["rm", "-rf" | "-fr" | "-r" | "-f", *paths] if all(path.startswith("/var/") for path in paths):
            return []
    return None


def _apt(words: Sequence[str]) -> list[Package] | None:
    verb, *names = _values(words) or [""]
    if verb in ("update", "clean", "autoremove", "autoclean"):
        return []
    if verb != "install":
        return None
    return [Package("apt", *_pinned(name, "=")) for name in names]


def _python(words: Sequence[str]) -> list[Package]:
    if unfit := [word for word in words if word in ("-r", "--requirement", "-e", "--editable", "-c", "--constraint")]:
        raise ValueError(f"{unfit[0]} names a file")
    return [python_package(word) for word in _values(words)]


def python_package(text: str) -> Package:
    """`name`, `name[extra]==1.2`, `name>=1`: a range asks for any version.

    Raises: ValueError.
    """
    match = re.fullmatch(r"([\w.-]+)(?:\[[\w,.-]*\])?\s*(?:==\s*([\w.*+!-]+)|[<>~!]=?[\w.*,<>=~! -]+)?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no package name")
    return Package("python", re.sub(r"[-_.]+", "-", match[1]).lower(), match[2] or "")


def _pinned(text: str, sign: str) -> tuple[str, str]:
    name, _, version = text.partition(sign)
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*", name):
        raise ValueError(f"{text!r} is no package name")
    return name, version


def _values(words: Sequence[str]) -> list[str]:
    """What is left without options."""
    left: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word in VALUED:
            next(waiting, None)
        elif not word.startswith("-"):
            left.append(word)
    return left
