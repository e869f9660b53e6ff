"""Debugging: a stdin-to-stdout script gets two to four faults from a list; the repaired one is run on unseen input."""

from random import Random

from termforge.forge.debugging.faulty_programs import PROGRAMS, Fault, Program
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, python, run, text_file
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    program = random.choice(PROGRAMS)
    faults = random.sample(program.faults, 1 + setting.level)
    path = f"{setting.folder}/{program.name}.py"
    sample = program.draw(random, frozenset(fault.rule for fault in faults), 24)
    files = (
        text_file(path, _broken(program, faults)),
        text_file(f"{setting.folder}/README.md", program.manual),
        text_file(f"{setting.folder}/sample.txt", _joined(sample)),
        text_file(f"{setting.folder}/sample.expected", _joined(program.reference(sample))),
    )
    return Fragment(
        title=f"Repair {program.name}.py",
        brief=f"""\
`{path}` used to work but somebody edited it and it no longer does what `{setting.folder}/README.md` says. Repair
the script in
place, so that it follows the README for any valid input. `{setting.folder}/sample.txt` is an example input and
`{setting.folder}/sample.expected` the exact output that
belongs to it. The script must keep reading standard input, writing standard output and ending with status 0, and
must run with plain
`python3`. It will be run on inputs that are not shown here.""",
        files=files,
        steps=_steps(random, setting, program, faults, path),
        checks=_checks(random, program, faults, path, sample),
        outputs=(path,),
    )


def _broken(program: Program, faults: list[Fault]) -> str:
    source = program.source
    for fault in faults:
        source = source.replace(fault.right, fault.wrong)
    return source


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _steps(random: Random, setting: Setting, program: Program, faults: list[Fault], path: str) -> tuple[Step, ...]:
    compare = run(
        f"python3 {path} < {setting.folder}/sample.txt | diff - {setting.folder}/sample.expected && echo same", 2.0
    )
    look = Step(
        analysis=random.choice(
            (
                f"{program.name}.py comes with an example and its expected output, which gives me a way to reproduce "
                "the trouble before I read the code.",
                f"I start by reproducing the failure of {program.name}.py on the sample, then read the README and "
                "the source side by side.",
            )
        ),
        plan=random.choice(
            (
                "Run the script on the sample and compare; print the README and the source.",
                "Diff actual against expected output, then read the rules and the code.",
            )
        ),
        commands=(compare, run(f"cat {setting.folder}/README.md"), run(f"cat {path}")),
    )
    causes = "; ".join(fault.cause for fault in faults)
    pairs = "".join(f"    ({fault.wrong!r}, {fault.right!r}),\n" for fault in faults)
    repair = f"""
from pathlib import Path

path = Path("{path}")
source = path.read_text()
for wrong, right in (
{pairs}):
    assert source.count(wrong) == 1, wrong
    source = source.replace(wrong, right)
path.write_text(source)
"""
    mend = Step(
        analysis=random.choice(
            (
                f"Comparing the code with the README, I find {_count(len(faults))}: {causes}.",
                f"The difference and the rules of the README point at {_count(len(faults))}: {causes}. The rest of "
                "the code agrees with the README.",
            )
        ),
        plan=random.choice(
            (
                "Replace exactly those expressions, each of which must occur once, and compare the sample again.",
                "Make the smallest edits that restore the documented behaviour, then run the comparison once more.",
            )
        ),
        commands=(python(repair), compare),
    )
    return look, mend


def _count(faults: int) -> str:
    return {2: "two faults", 3: "three faults", 4: "four faults"}[faults]


def _checks(random: Random, program: Program, faults: list[Fault], path: str, sample: list[str]) -> tuple[Check, ...]:
    inputs = {fault.rule: program.draw(random, frozenset({fault.rule}), 15) for fault in faults}
    everything = program.draw(random, frozenset(fault.rule for fault in program.faults), 30)
    return (
        _check("sample", path, sample, program, 1.0),
        *(_check(rule, path, lines, program, 2.0) for rule, lines in inputs.items()),
        _check("all_rules_together", path, everything, program, 2.0),
    )


def _check(name: str, path: str, lines: list[str], program: Program, weight: float) -> Check:
    body = f"given = {literal(lines)}\nexpected = {literal(program.reference(lines))}\n"
    return Check(name, f"{body}assert output_of({path!r}, ''.join(line + '\\n' for line in given)) == expected", weight)


SKILL = Skill(
    name="debugging/repair-script",
    domain="debugging",
    folders=("broken-tool", "regression", "legacy", "hotfix"),
    tools=("python3", "cat", "diff"),
    make=make,
    repairs=True,
)
