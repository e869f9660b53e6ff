"""`python -m termforge [domain]`: forge one task, let the oracle solve it in a sandbox of this machine, grade it.

The shortest way through all the parts, without a model, a store or Prefect.
"""

import argparse
import sys
import time

from termforge.forge import forge_task, usable
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, Trial, roll_out
from termforge.schemas import DOMAINS
from termforge.stages.machine import choose_machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge", description=__doc__)
    parser.add_argument("domain", nargs="?", choices=DOMAINS, default="file-operations")
    parser.add_argument("--sandbox", choices=("auto", "bubblewrap", "docker"), default="auto")
    parser.add_argument("--images", choices=("auto", "host", "domain"), default="auto")
    wanted = parser.parse_args()
    machine = choose_machine(wanted.sandbox, wanted.images)
    image, skills = machine.recipes[wanted.domain], usable(machine.inventories[wanted.domain]).skills
    task = forge_task(0, seed="0", domain=wanted.domain, image=image, skills=skills)
    start = time.monotonic()
    *_, last = roll_out(Trial(task, 0, "trial"), RolloutConfig(), machine.engine, Oracle(task, seed="0"))
    score = "-" if last.verdict is None else f"{last.verdict.score:g}"
    print(f"{last.outcome}  score {score}  turns {len(last.turns)}  seconds {time.monotonic() - start:.1f}")
    return 0 if last.outcome == "solved" else 1


if __name__ == "__main__":
    sys.exit(main())
