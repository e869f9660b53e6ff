"""`python -m termforge.forge PATTERN...`: tasks of the skills named so, each put through the gates in real sandboxes.

For whoever writes a skill: every seed must be sound. `--show` prints the first task instead.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from statistics import mean

from termforge.findings import GateVerdicts, Mutant, kill_rate
from termforge.forge.catalogue import SKILLS, usable
from termforge.forge.checks import HELPERS
from termforge.forge.compose import forge_part
from termforge.forge.skill import Skill
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


def check(
    skills: Sequence[Skill], machine: Machine, seeds: int, mutants: int, jobs: int
) -> Iterator[tuple[Skill, int, GateVerdicts]]:
    """Verdicts of every skill's seeds, in order, `jobs` at once."""
    config = ValidationConfig(mutants=mutants)

    def proven(skill: Skill, seed: int) -> GateVerdicts:
        task = forge_part(seed, skill, machine.recipes[skill.domain])
        return validate(task, config, machine.engine, machine.inventories[skill.domain])

    with ThreadPoolExecutor(jobs) as pool:
        started = [(skill, seed, pool.submit(proven, skill, seed)) for skill in skills for seed in range(seeds)]
        for skill, seed, verdicts in started:
            yield skill, seed, verdicts.result()


def report(skill: Skill, seed: int, verdicts: GateVerdicts) -> None:
    failure = verdicts.first_failure
    said = "sound" if failure is None else f"{failure.gate}: {failure.detail}"
    print(f"{skill.name} {seed}: {said} ({sum(gate.seconds for gate in verdicts.gates):.1f} s)", flush=True)
    for mutant in verdicts.mutants:
        if mutant.fate != "killed":
            print(f"    {mutant.fate}: {mutant.kind}, {mutant.what}")
    if verdicts.mutants:
        print(f"    mutants: {_fates(verdicts.mutants)}")


def summarize(found: Sequence[tuple[Skill, GateVerdicts]]) -> None:
    sound = sum(verdicts.sound for _, verdicts in found)
    print(f"{sound} of {len(found)} tasks of {len({skill.name for skill, _ in found})} skills are sound")
    by_skill: dict[str, list[Mutant]] = {}
    for skill, verdicts in found:
        by_skill.setdefault(skill.name, []).extend(verdicts.mutants)
    rates = {name: rate for name, mutants in by_skill.items() if (rate := kill_rate(mutants)) is not None}
    if rates:
        weakest = min(rates, key=lambda name: rates[name])
        print(f"mutants: {_fates([mutant for mutants in by_skill.values() for mutant in mutants])}")
        print(f"killed on average over skills: {mean(rates.values()):.1%}; least, {weakest}: {rates[weakest]:.1%}")


def _fates(mutants: Sequence[Mutant]) -> str:
    fates = Counter(mutant.fate for mutant in mutants)
    return ", ".join(f"{number} {fate} ({number / len(mutants):.1%})" for fate, number in sorted(fates.items()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.forge", description=__doc__)
    parser.add_argument("patterns", nargs="+", metavar="PATTERN", help="skill's name, or a pattern like 'debugging/*'")
    parser.add_argument("--seeds", type=int, default=6, help="tasks of each skill, the three levels in turn")
    parser.add_argument("--mutants", type=int, default=0, help="most mutants that are played, and results damaged")
    parser.add_argument("--jobs", type=int, default=1, help="tasks at once")
    parser.add_argument("--show", action="store_true", help="print the first task of each skill and run nothing")
    parser.add_argument("--sandbox", choices=("auto", "bubblewrap", "docker"), default="auto")
    parser.add_argument("--images", choices=("auto", "host", "domain"), default="auto")
    wanted = parser.parse_args()
    skills = [skill for skill in SKILLS if any(fnmatchcase(skill.name, pattern) for pattern in wanted.patterns)]
    if not skills:
        parser.error(f"no skill is named {' or '.join(wanted.patterns)}")
    machine = choose_machine(wanted.sandbox, wanted.images)
    for skill in skills:
        if lacking := usable(machine.inventories[skill.domain]).lacking.get(skill.name):
            parser.error(f"{skill.name}: the image of {skill.domain} lacks {', '.join(lacking)}")
    if wanted.show:
        for skill in skills:
            show(forge_part(0, skill, machine.recipes[skill.domain]))
        return 0
    found = []
    for skill, seed, verdicts in check(skills, machine, wanted.seeds, wanted.mutants, wanted.jobs):
        report(skill, seed, verdicts)
        found.append((skill, verdicts))
    summarize(found)
    return 0 if all(verdicts.sound for _, verdicts in found) else 1


if __name__ == "__main__":
    sys.exit(main())
