"""Shell commands of Dockerfiles and test scripts, as far as they can be told apart without a shell.

Simple commands joined by `&&` and `;`, and among them those that install packages. Anything else that a
shell can do is for the caller to refuse.
"""

import re
import shlex
from collections.abc import Iterator, Sequence, Set
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from termforge.images import Inventory

JOINTS = {"&&", ";"}
OTHER_SIGNS = re.compile(r"[|<>()&]+")
TIDY = re.compile(r"/(?:var/(?:lib/apt|cache)|root/\.cache)(?:/|$)")
"""What installers leave behind; no task is about it."""
APT_FLAGS = re.compile(
    r"-y|-q+|-y?q+y?|--yes|--assume-yes|--quiet|--no-install-(?:recommends|suggests)|--fix-(?:missing|broken)|--allow-\S+"
)
APT_VALUED = frozenset({"-o"})
PYTHON_FLAGS = re.compile(
    r"-q+|-v+|-U|--(?:quiet|verbose|upgrade|no-cache(?:-dir)?|break-system-packages|user|system|no-input|no-deps|pre"
    r"|prefer-binary|force-reinstall|ignore-installed|disable-pip-version-check|no-warn-script-location"
    r"|no-build-isolation|dev|frozen)|--(?:root-user-action|progress-bar|timeout|default-timeout|retries|trusted-host"
    r"|index-url|extra-index-url|find-links|python|only-binary)=\S+"
)
PYTHON_VALUED = frozenset({"-p", "--python", "-i", "--index-url", "--extra-index-url", "--trusted-host", "--timeout"})
"""Options that say how to install. Others change what is installed, or where to, and are refused."""


class Line(NamedTuple):
    """A logical line: continued ones joined, comments gone."""

    number: int
    """Of its first physical line, from 1."""
    text: str


class Package(NamedTuple):
    kind: Literal["apt", "python"]
    name: str
    version: str = ""
    """As apt is told (`=1.2*`) or Python (`>=1,<2`); empty where any will do."""

    def __str__(self) -> str:
        return f"{self.name}{self.version}"

    def is_in(self, inventory: Inventory) -> bool:
        version = (inventory.apt if self.kind == "apt" else inventory.python).get(self.name)
        if version is None or not self.version:
            return version is not None
        if self.kind == "apt":
            return fnmatchcase(f"={version}", self.version)
        return SpecifierSet(self.version).contains(version, prereleases=True)


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
        case ["rm", "-rf" | "-fr" | "-r" | "-f", *paths] if all(TIDY.match(path) for path in paths):
            return []
    return None


def _apt(words: Sequence[str]) -> list[Package] | None:
    verb, *names = _values(words, APT_FLAGS, APT_VALUED) or [""]
    if verb in ("update", "clean", "autoremove", "autoclean"):
        return []
    return list(map(_debian_package, names)) if verb == "install" else None


def _python(words: Sequence[str]) -> list[Package]:
    if unfit := [word for word in words if word in ("-r", "--requirement", "-e", "--editable", "-c", "--constraint")]:
        raise ValueError(f"{unfit[0]} names a file")
    return [python_package(word) for word in _values(words, PYTHON_FLAGS, PYTHON_VALUED)]


def python_package(text: str) -> Package:
    """`name`, `name==1.2`, `name>=1,<2`.

    Raises: ValueError.
    """
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement:
        raise ValueError(f"{text!r} is no package name") from None
    if requirement.url or requirement.marker or requirement.extras:
        raise ValueError(f"{text!r} asks for more than a package in a version")
    return Package("python", canonicalize_name(requirement.name), str(requirement.specifier))


def _debian_package(text: str) -> Package:
    match = re.fullmatch(r"([a-z0-9][a-z0-9+.-]*)(=\S+)?", text)
    if match is None:
        raise ValueError(f"{text!r} is no package name")
    return Package("apt", match[1], match[2] or "")


def _values(words: Sequence[str], flags: re.Pattern[str], valued: Set[str]) -> list[str]:
    """What is left without options.

    Raises: ValueError for an option that is not known to be harmless.
    """
    left: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word in valued:
            next(waiting, None)
        elif not word.startswith("-"):
            left.append(word)
        elif not flags.fullmatch(word):
            raise ValueError(f"the option {word} changes what is installed, or where")
    return left
