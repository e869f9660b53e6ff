"""Software engineering: write a small command-line program to a specification; the tests run it on input not shown."""

from random import Random

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.forge.software_engineering.assignments import ASSIGNMENTS, Assignment
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    assignment = random.choice(ASSIGNMENTS)
    path = f"{setting.folder}/{assignment.name}.py"
    example_path = f"{setting.folder}/example.txt"
    example = next(iter(assignment.cases.values()))(random, 4)
    return Fragment(
        title=assignment.title,
        brief=_brief(assignment, path, example_path, example),
        files=(text_file(example_path, _joined(example)),),
        steps=_steps(random, setting, assignment, path, example_path),
        checks=_checks(random, setting.level, assignment, path, example),
        outputs=(path,),
    )


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _brief(assignment: Assignment, path: str, example_path: str, example: list[str]) -> str:
    printed = assignment.reference(example)
    shown = "\n".join(f"    {line}" for line in printed.lines)
    return f"""\
Write `{path}`, a Python program for the standard library alone, started as `python3 {path}`.
{assignment.told}

For `{example_path}` it prints (status {printed.status}):

{shown}

It will be run on other inputs, by a user who can read the program but not write it."""


def _steps(random: Random, setting: Setting, assignment: Assignment, path: str, example_path: str) -> tuple[Step, ...]:
    trial = run(f"python3 {path} < {example_path}; echo status $?", 2.0)
    build = Step(
        analysis=random.choice(
            (f"{assignment.thought} I write the program first and try it on the example.", assignment.thought)
        ),
        plan=random.choice(
            (
                f"Look at the example, write {path} and run it on the example.",
                "Read the example input, type the program, and compare its output with the one in the task.",
            )
        ),
        commands=(run(f"cat {example_path}"), write(path, assignment.source), trial),
    )
    hard = list(assignment.cases.values())[-1](random, 5)
    probe = Step(
        analysis=random.choice(
            (
                "The example comes out as stated. Hidden inputs will hit the other branches too, so I try one of "
                "those by hand.",
                "That agrees with the example. The special cases of the specification deserve a run of their own "
                "before I trust it.",
            )
        ),
        plan="Feed an input that takes another branch and check both the output and the exit status.",
        commands=(
            run("printf '%s\\n' " + " ".join(f"'{line}'" for line in hard) + f" | python3 {path}; echo status $?", 2.0),
            run(f"ls -l {path}"),
        ),
    )
    return build, probe


def _checks(random: Random, level: int, assignment: Assignment, path: str, example: list[str]) -> tuple[Check, ...]:
    inputs = {name: draw(random, 6 + 4 * level) for name, draw in assignment.cases.items()}
    return (
        _check("example", assignment, path, example, 1.0),
        *(_check(name, assignment, path, lines, 2.0) for name, lines in inputs.items()),
    )


def _check(name: str, assignment: Assignment, path: str, lines: list[str], weight: float) -> Check:
    expected = assignment.reference(lines)
    body = (
        f"given = {literal(lines)}\nexpected = {literal(expected.lines)}\n"
        f"found = output_of({path!r}, ''.join(line + '\\n' for line in given), status={expected.status})\n"
        "assert found == expected"
    )
    return Check(name, body, weight)


SKILL = Skill(
    name="software-engineering/command-line-tool",
    domain="software-engineering",
    folders=("tools", "buildtools", "cli", "devkit"),
    tools=("python3", "cat", "ls"),
    make=make,
)
