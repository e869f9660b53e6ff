"""test.sh as far as it is understood: preparation, one run of pytest, and the reward that its status becomes.

Each statement is told by a letter, and the letters have to make one of the usual shapes: a script that runs pytest
twice, checks something by itself or turns the reward round is another task than its tests say.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from termforge.errors import InputError
from termforge.harbor import shell
from termforge.harbor.shell import Package

REWARD = r"\s*>\s*[\"']?/logs/verifier/reward\.txt[\"']?"
STATEMENTS = {
    "p": r"set\s+[-+\w\s]+ | cd\s+/app | mkdir\s+-p\s+/logs/verifier/? | export\s+PATH=[^\s|&;`()]+"
    r"| curl\s[^|;&`(]*astral\.sh/uv[^|;&`(]*\|\s*(?:ba)?sh | uv\s+(?:init|venv)\b[^<>|&;`(]*"
    r"| (?:source|\.)\s+\S*(?:\.local/bin/env|\.venv/bin/activate)",
    "s": r"echo\s[^<>|&;`(]*",
    "x": r"exit(?:\s+[\w$?{}\"]+)?",
    "k": r"(?P<kept>\w+)=\$\?",
    "g": r"if\s+\[\[?\s+\"?\$\{?PWD\}?\"?\s+==?\s+[\"']?/[\"']?\s+\]\]?",
    "t": r"then",
    "e": r"else",
    "f": r"fi",
    "1": rf"echo\s+[\"']?1(?:\.0)?[\"']?{REWARD}",
    "0": rf"echo\s+[\"']?0(?:\.0)?[\"']?{REWARD}",
}
"""Preparing, saying, leaving; keeping the status; asking for a working directory; branches; rewards."""
PATTERNS = {letter: re.compile(pattern, re.VERBOSE) for letter, pattern in STATEMENTS.items()}
STATUS = re.compile(r"if\s+\[\[?\s+[\"']?\$\{?(\?|\w+)\}?[\"']?\s+(-eq|-ne|==?|!=)\s+[\"']?0[\"']?\s+\]\]?")
"""Letters a and z: whether the last status is 0, or is not; A and Z: the same of a kept one. R is pytest's run."""
SHAPE = re.compile(
    r"""
    (?: [ps0] | gt s* xf )*
    (?: (?: iR | R a | R k [ps]* A )  t [ps]* 1 [psx]* (?: e [ps]* 0? [psx]* )?
      | (?: R z | R k [ps]* Z )       t [ps]* 0 [psx]*     e [ps]* 1  [psx]*
    ) f [psx]*
    """,
    re.VERBOSE,
)
"""1 where the run passed, and 0 or nothing elsewhere."""
FLAGS = re.compile(
    r"-[vqsx]+|-r\w+|--(?:tb|color|capture|show-capture|junitxml|verbosity|maxfail)=\S+|--no-header|--disable-warnings"
)
VALUED = {"--ctrf", "--tb", "--junitxml"}
RUNNERS = (("uvx",), ("uv", "tool", "run"), ("uv", "run"), ("python", "-m"), ("python3", "-m"), ())
GRADERS_OWN = frozenset({"pytest", "pytest-json-ctrf", "uv", "pip", "setuptools", "wheel"})
"""Python packages that run tests or install packages: the grader has its own."""


class Run(NamedTuple):
    targets: tuple[str, ...] = ()
    """Files, folders and single tests that pytest is run on."""
    packages: tuple[Package, ...] = ()
    """What the tests are given beside pytest."""


def read_script(script: Path) -> Run:
    """Raises: InputError naming file, line and reason."""
    letters, names, runs = "", set(), []
    for number, text in _statements(script):
        try:
            letter, name, run = _read(text)
        except ValueError as error:
            raise InputError(f"{script}:{number}: {text[:80]}: {error}") from None
        letters += letter
        names |= {name} - {""}
        runs.append(run)
    if not SHAPE.fullmatch(letters) or len(names) > 1:
        raise InputError(f"{script}: the reward is not 1 where one run of pytest passes and 0 elsewhere")
    packages = (package for run in runs for package in run.packages if package.name not in GRADERS_OWN)
    return Run(tuple(target for run in runs for target in run.targets), tuple(packages))


def _statements(script: Path) -> Iterator[shell.Line]:
    """With branches' words on their own; `a && b` counts as two, for what comes before the run may as well fail."""
    for number, text in shell.lines(script.read_text(encoding="utf-8", errors="replace")):
        for part in re.split(r"\s*(?:;|&&)\s*", text):
            word = re.match(r"(then|else)\s+(?=\S)", part)
            parts = [word[1], part[word.end() :]] if word else [part]
            yield from (shell.Line(number, each) for each in parts if each)


def _read(text: str) -> tuple[str, str, Run]:
    """A statement's letters, the variable that it keeps or asks for the status, and what it runs or installs.

    Raises: ValueError.
    """
    for letter, pattern in PATTERNS.items():
        if match := pattern.fullmatch(text):
            return letter, match.groupdict().get("kept", ""), Run()
    if status := STATUS.fullmatch(text):
        letter = "a" if status[2] in ("-eq", "=", "==") else "z"
        return (letter, "", Run()) if status[1] == "?" else (letter.upper(), status[1], Run())
    [words] = shell.commands(re.sub(r"^if\s+", "", text)) or [[]]
    if words and (installed := shell.installed(words)) is not None:
        return "p", "", Run(packages=tuple(installed))
    return ("iR" if text.startswith("if ") else "R"), "", _pytest(words)


def _pytest(words: Sequence[str]) -> Run:
    """A simple command that runs pytest.

    Raises: ValueError for any other.
    """
    runner = next(runner for runner in RUNNERS if tuple(words[: len(runner)]) == runner)
    rest, packages = list(words[len(runner) :]), []
    while runner and rest and rest[0].startswith("-"):
        name, given, value = rest.pop(0).partition("=")
        if name not in ("-p", "--python", "-w", "--with") or not (given or rest):
            raise ValueError(f"{runner[0]}'s option {name} is not read")
        value = value if given else rest.pop(0)
        if name in ("-w", "--with"):
            packages += [shell.python_package(one) for one in value.split(",")]
    if rest[:1] != ["pytest"]:
        raise ValueError(f"what {' '.join(words[:1])!r} does for the tests cannot be told")
    return Run(tuple(_targets(rest[1:])), tuple(packages))


def _targets(words: Sequence[str]) -> Iterator[str]:
    waiting = iter(words)
    for word in waiting:
        if word in VALUED:
            next(waiting, None)
        elif not word.startswith("-"):
            yield re.sub(r"^\$(?:TEST_DIR\b|\{TEST_DIR\})", "/tests", word)
        elif not FLAGS.fullmatch(word):
            raise ValueError(f"pytest's option {word} may change which tests count")
