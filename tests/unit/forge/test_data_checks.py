"""Checks of the data domains: nearly right results fail, and what the instruction leaves open passes."""

import importlib
import re
import sys
from pathlib import Path
from random import Random

import pytest

from termforge.forge.artifacts import Table
from termforge.forge.catalogue import SKILLS
from termforge.forge.checks import HELPERS
from termforge.forge.skill import Fragment, Setting, Skill
from termforge.forge.typed import HEREDOC, keystrokes

DATA = [skill for skill in SKILLS if skill.domain.startswith("data-")]


def part(name: str, level: int = 2) -> Fragment:
    (skill,) = (skill for skill in SKILLS if skill.name == name)
    return skill.make(Random(name), Setting("/app/part", level))


def passes(part: Fragment, check: str, left: dict[str, str], root: Path) -> bool:
    """Does a check pass where the given files and those `left` lie below `root` in place of /app?"""
    laid = {file.path: file.content for file in part.files}
    laid |= {name: text.encode() for name, text in left.items()}
    for name, content in laid.items():
        path = root / name.removeprefix("/app/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (body,) = (one.body for one in part.checks if one.name == check)
    try:
        exec(HELPERS + body.replace("/app/", f"{root}/"), {})
    except AssertionError:
        return False
    return True


@pytest.fixture(autouse=True)
def grader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "termforge_grader", importlib.import_module("termforge.grader.termforge_grader"))


def padded(text: str) -> str:
    head, _, tail = text.rpartition(",")
    return f"{head} ,{tail}"


@pytest.mark.parametrize(
    ("skill", "check", "crlf"),
    [
        ("data-processing/clean-orders", "every_cell", True),
        ("data-processing/fixed-width", "records", True),
        ("data-processing/repair-export", "restored", False),
    ],
)
def test_blanks_count_everywhere_and_line_ends_where_they_are_asked_for(
    skill: str, check: str, crlf: bool, tmp_path: Path
) -> None:
    made = part(skill)
    (table,) = (artifact for artifact in made.offers if isinstance(artifact, Table))
    assert passes(made, check, {table.path: table.text}, tmp_path)
    assert not passes(made, check, {table.path: padded(table.text)}, tmp_path)
    assert passes(made, check, {table.path: table.text.replace("\n", "\r\n")}, tmp_path) is crlf


@pytest.mark.parametrize("skill", DATA, ids=lambda skill: skill.name)
def test_every_header_that_is_asked_for_is_compared(skill: Skill) -> None:
    made = part(skill.name)
    bodies = "".join(check.body for check in made.checks)
    for header in re.findall(r"header(?: is)? `(\w+,[\w,]+)`", " ".join(made.brief.split())):
        assert repr(header.split(",")) in bodies, header


def typed_into(made: Fragment, path: str) -> str:
    """What the solution writes into a file as a here-document."""
    return next(found["body"] for found in HEREDOC.finditer(keystrokes(made)) if path in found["line"])


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        ("", "", True),
        ("-- for the queue; and its order\n/* two\nlines */\n", "", True),
        ("", "PRAGMA user_version = 2;\n", False),
        ("", "DROP INDEX ix_0;\n", False),
        (".print index ix_a\n.quit\n", "", False),
        ("SELECT 'index ix_a';\n", "", False),
    ],
)
def test_index_plans_takes_indexes_alone(before: str, after: str, passed: bool, tmp_path: Path) -> None:
    made = part("data-querying/index-plans")
    path = "/app/part/indexes.sql"
    answer = {path: before + typed_into(made, path) + after}
    assert passes(made, made.checks[0].name, answer, tmp_path) is passed


def test_index_plans_wants_the_queries_as_they_are(tmp_path: Path) -> None:
    made = part("data-querying/index-plans")
    path = "/app/part/indexes.sql"
    left = {path: typed_into(made, path), "/app/part/queries.sql": "SELECT 1;\n"}
    assert not passes(made, made.checks[0].name, left, tmp_path)


def test_index_plans_wants_indexes_that_serve(tmp_path: Path) -> None:
    made = part("data-querying/index-plans")
    path = "/app/part/indexes.sql"
    needless = re.sub(r"\(.*\)", "(id)", typed_into(made, path))
    assert not any(passes(made, check.name, {path: needless}, tmp_path) for check in made.checks)
