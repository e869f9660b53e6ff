"""A teacher writes TerminalTasks: from seed problems and from compositions of skills (paper, sections 3 and 4).

`skill_requests` and `seed_requests` say what to write, `synthesize` has it written, and every request ends in exactly
one TerminalTask or one Rejected row. Nothing here is run: whether a task fails undone and can be solved, gates decide.
"""

from termforge.synthesize.reply import Reason
from termforge.synthesize.request import Environment, SeedProblem, SynthesisRequest
from termforge.synthesize.run import synthesize, synthesize_one
from termforge.synthesize.seed import seed_requests
from termforge.synthesize.skill import skill_requests

__all__ = [
    "Environment",
    "Reason",
    "SeedProblem",
    "SynthesisRequest",
    "seed_requests",
    "skill_requests",
    "synthesize",
    "synthesize_one",
]
