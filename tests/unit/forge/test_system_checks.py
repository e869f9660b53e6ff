"""Checks of software engineering and security: nearly right results fail, and what the instruction allows passes."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from termforge.forge.catalogue import SKILLS
from termforge.forge.checks import HELPERS
from termforge.forge.security.hostile_input import _desk, _hostile, _lawful
from termforge.forge.security.request_desk import FAULTS, SOURCE, Desk
from termforge.forge.skill import Fragment, Setting
from termforge.forge.software_engineering.tested_modules import MODULES, Module


def part(name: str) -> Fragment:
    (skill,) = (skill for skill in SKILLS if skill.name == name)
    return skill.make(Random(name), Setting("/app/part", 2))


def suite_ends(module: Module, source: str, root: Path) -> int:
    """Status of the solution's own tests for an implementation."""
    (root / f"{module.name}.py").write_text(source)
    tests = f"import unittest\nfrom {module.name} import {module.public}\n\nclass Rules(unittest.TestCase):\n"
    (root / "test.py").write_text(f"{tests}{module.tests}\n\nunittest.main()\n")
    return subprocess.run([sys.executable, "-B", "test.py"], cwd=root, capture_output=True, check=False).returncode


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_what_keeps_the_rules_in_another_way_is_right(module: Module, tmp_path: Path) -> None:
    assert module.rewritten not in module.source
    assert [suite_ends(module, source, tmp_path) for source in (module.source, module.rewritten)] == [0, 0]
    for fault in module.faults:
        assert suite_ends(module, module.source.replace(fault.right, fault.wrong), tmp_path) == 1, fault.name


def test_catch_mutants_counts_tests_on_right_implementations_only() -> None:
    for check in part("software-engineering/catch-mutants").checks:
        assert "'another right one'" in check.body
        assert "name in wrong or" in check.body


def test_a_generated_script_may_name_its_source_in_a_remark(tmp_path: Path) -> None:
    made = part("software-engineering/generated-lookup")
    (table,) = (file.path for file in made.files)
    rows = [line.split(",") for line in made.files[0].content.decode().splitlines()]
    body = next(check.body for check in made.checks if check.name == "shell")
    *_, scanning = body.partition("assert all(")
    keys = " ".join(cell for row in rows for cell in row)

    def passes(script: str) -> bool:
        path = tmp_path / "lookup.sh"
        path.write_text(script)
        try:
            exec(f"{HELPERS}\nassert all({scanning.replace('/app/part/lookup.sh', str(path))}", {})
        except AssertionError:
            return False
        return True

    assert passes(f"# from {table}\necho {keys}\n")
    assert not passes(f"# from {table}\necho {keys}\ngrep x {table}\n")


def answers(desk: Desk, source: str, asked: list[str], root: Path) -> list[str] | None:
    """What the handler prints; None where it ends with an error."""
    for name, text in desk.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "desk.py").write_text(source)
    command = [sys.executable, "-B", str(root / "desk.py")]
    ended = subprocess.run(command, input="\n".join(asked) + "\n", text=True, capture_output=True, check=False)
    return ended.stdout.splitlines() if ended.returncode == 0 else None


def test_every_hole_of_the_handler_shows_and_the_healthy_one_has_none(tmp_path: Path) -> None:
    desk = _desk(Random(1))
    healthy = desk.fill(SOURCE)
    everything = _lawful(Random(1), desk)
    for request, faults in FAULTS.items():
        hostile = _hostile(Random(1), desk, request)
        everything += hostile
        for fault in faults:
            for wrong in fault.wrong:
                source = healthy.replace(desk.fill(fault.right), desk.fill(wrong))
                found = answers(desk, source, [asked for asked, _ in hostile], tmp_path)
                assert source != healthy
                assert found != [answer for _, answer in hostile], wrong
    assert answers(desk, healthy, [asked for asked, _ in everything], tmp_path) == [answer for _, answer in everything]
