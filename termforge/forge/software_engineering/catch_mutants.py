"""Software engineering: a unit test file that accepts what keeps a module's rules and rejects whatever breaks one."""

from random import Random

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.forge.software_engineering.tested_modules import MODULES, Fault, Module
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    module, folder = random.choice(MODULES), setting.folder
    faults = random.sample(module.faults, len(module.faults))
    shown, hidden = faults[: 1 + setting.level], faults[1 + setting.level :]
    path = f"{folder}/tests/test_{module.name}.py"
    return Fragment(
        title=f"Unit tests for {module.name}.py that miss nothing",
        brief=_brief(folder, module, path),
        files=(
            text_file(f"{folder}/src/{module.name}.py", module.source),
            *(
                text_file(f"{folder}/wrong/{number}/{module.name}.py", _broken(module, fault))
                for number, fault in enumerate(shown, 1)
            ),
        ),
        steps=_steps(random, folder, module, path),
        checks=_checks(module, path, shown, hidden),
        outputs=(path,),
    )


def _broken(module: Module, fault: Fault) -> str:
    return module.source.replace(fault.right, fault.wrong)


def _brief(folder: str, module: Module, path: str) -> str:
    return f"""\
`{folder}/src/{module.name}.py` is right; its docstring states its rules. Write `{path}`, tests with the standard
library's `unittest` that import it by its name (`{module.name}`) and are run as

    PYTHONPATH=DIRECTORY python3 {path}

where the directory holds an implementation. The status must be 0 for the right one and for any other that keeps the
rules of the docstring, and 1 for any that breaks one. Each folder in `{folder}/wrong` holds one that does; there are
others, each of which breaks one rule for ordinary arguments. On a right one at least three test methods have to run.
Tests must go by what the implementation does, not by its text."""


def _steps(random: Random, folder: str, module: Module, path: str) -> tuple[Step, ...]:
    suite = (
        f"import unittest\n\nfrom {module.name} import {module.public}\n\n\nclass RulesTest(unittest.TestCase):\n"
        f"{module.tests.strip(chr(10))}\n\n\nunittest.main()"
    )
    tried = f"for d in {folder}/src {folder}/wrong/*; do PYTHONPATH=$d python3 -B {path} 2>&1 | tail -n 1; done"
    return (
        Step(
            analysis=random.choice(
                (
                    "The docstring is the specification; the wrong versions show what kind of slip to expect.",
                    "I read the rules first, then how the known wrong versions differ from the right one.",
                )
            ),
            plan=random.choice(("Print the module, diff the wrong ones.", "cat the source; diff each wrong folder.")),
            commands=(
                run(f"cat {folder}/src/{module.name}.py"),
                run(f"diff -r {folder}/src {folder}/wrong/1"),
                run(f"ls {folder}/wrong; grep -c . {folder}/wrong/*/*.py"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Every sentence of the docstring becomes an assertion, boundaries included, so unseen slips fail "
                    "as well.",
                    "I go through the rules one by one and pick an argument at the boundary of each.",
                )
            ),
            plan=random.choice(
                (
                    "Write the suite; it must pass for src and fail for each wrong folder.",
                    "Type the tests and run them against all implementations at hand.",
                )
            ),
            commands=(run(f"mkdir -p {folder}/tests"), write(path, suite), run(tried, 3.0)),
        ),
    )


def _checks(module: Module, path: str, shown: list[Fault], hidden: list[Fault]) -> tuple[Check, ...]:
    half = (len(hidden) + 1) // 2
    groups = {"given_ones": shown, "others": hidden[:half], "more_others": hidden[half:]}
    return tuple(
        _check(name, module, path, {fault.name: _broken(module, fault) for fault in faults})
        for name, faults in groups.items()
        if faults
    )


def _check(name: str, module: Module, path: str, wrong: dict[str, str]) -> Check:
    """Each implementation is laid where the tests run; right ones go along, or failing always would do."""
    right = {"the right one": module.source, "another right one": module.rewritten}
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"content({path!r})\n"
        f"right, wrong = {literal(right)}, {literal(wrong)}\n"
        "for name, source in {**right, **wrong}.items():\n"
        f"    started = ['bash', '-c', 'PYTHONPATH=$PWD exec python3 {path}']\n"
        f"    found = run_agent(started, files={{'{module.name}.py': source}})\n"
        "    assert found.returncode == (0 if name in right else 1), f'{name}: {found.returncode}'\n"
        "    # Where a test fails, the rest need not run.\n"
        "    ran = [line.split()[1] for line in found.stderr.splitlines() if line.startswith('Ran ')]\n"
        "    assert name in wrong or [count for count in ran if int(count) >= 3], f'{name}: {ran} tests ran'",
        2.0,
    )


SKILL = Skill(
    name="software-engineering/catch-mutants",
    domain="software-engineering",
    folders=("unit-tests", "test-suite", "qa", "specs"),
    tools=("cat", "diff", "ls", "grep", "mkdir", "python3", "tail"),
    make=make,
)
