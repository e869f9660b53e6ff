"""`python -m termforge.forge SKILL`: tasks of one skill, each put through the gates in real sandboxes.

For whoever writes a skill: every seed must be sound. `--show` prints the first task instead.
"""

import argparse
import sys
from collections import Counter

from termforge.forge.catalogue import SKILLS, usable
from termforge.forge.checks import HELPERS
from termforge.forge.compose import forge_part
from termforge.schemas import TerminalTask
from termforge.stages.machine import Machine, choose_machine
from termforge.validate import ValidationConfig, validate


def show(task: TerminalTask) -> None:
    print(task.instruction)
    for file in task.files:
        print(f"=== {file.path} ({len(file.content)} bytes, mode {file.mode:o})")
        print(file.content[:1500].decode(errors="replace"))
    for number, step in enumerate(task.solution or (), 1):
        print(f"=== step {number}: {step.analysis}\n    {step.plan}")
        print("".join(command.keystrokes for command in step.commands))
    for file in task.verifier.files if task.verifier else ():
        print(f"=== {file.path}\n{file.content.decode().replace(HELPERS, '')}")


def check(tasks: list[TerminalTask], machine: Machine, mutants: int) -> int:
    """Prints a line a task; the number that is not sound."""
    unsound, config = 0, ValidationConfig(mutants=mutants)
    for number, task in enumerate(tasks):
        verdicts = validate(task, config, machine.engine, machine.inventories[task.domain or "debugging"])
        failure = verdicts.first_failure
        said = "sound" if failure is None else f"{failure.gate}: {failure.detail}"
        print(f"{number}: {said} ({sum(gate.seconds for gate in verdicts.gates):.1f} s)")
        for mutant in verdicts.mutants:
            if mutant.fate != "killed":
                print(f"    {mutant.fate}: {mutant.kind}, {mutant.what}")
        fates = Counter(mutant.fate for mutant in verdicts.mutants)
        if fates:
            print(f"    mutants: {', '.join(f'{number} {fate}' for fate, number in sorted(fates.items()))}")
        unsound += failure is not None
    return unsound


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.forge", description=__doc__)
    parser.add_argument("skill", choices=[skill.name for skill in SKILLS], metavar="SKILL")
    parser.add_argument("--seeds", type=int, default=6, help="tasks, the three levels in turn")
    parser.add_argument("--mutants", type=int, default=0, help="most mutants that are played, and results damaged")
    parser.add_argument("--show", action="store_true", help="print the first task and run nothing")
    parser.add_argument("--sandbox", choices=("auto", "bubblewrap", "docker"), default="auto")
    parser.add_argument("--images", choices=("auto", "host", "domain"), default="auto")
    wanted = parser.parse_args()
    machine = choose_machine(wanted.sandbox, wanted.images)
    (skill,) = (skill for skill in SKILLS if skill.name == wanted.skill)
    if lacking := usable(machine.inventories[skill.domain]).lacking.get(skill.name):
        parser.error(f"the image of {skill.domain} lacks {', '.join(lacking)}")
    tasks = [forge_part(number, skill, machine.recipes[skill.domain]) for number in range(wanted.seeds)]
    if wanted.show:
        show(tasks[0])
        return 0
    return 1 if check(tasks, machine, wanted.mutants) else 0


if __name__ == "__main__":
    sys.exit(main())
