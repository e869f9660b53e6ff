"""A teacher writes TerminalTasks: from seed problems and from compositions of skills (paper, sections 3 and 4).

In reading order: `taxonomy` (what there is to combine), `sampler` (what is combined next), `skill` and `seed`
(requests), `prompt` (what the teacher is told), `reply` (what it is to answer), `sections`, `inputs` and `weights` (how
that is read), `lint` and `isolation` (what its tests and words may hold), `run` (one request from the question to a
TerminalTask or a Rejected row), `answers` (what came of all). Nothing here is run: whether a task fails undone and can
be solved, gates decide.
"""

from termforge.synthesize.reply import Reason
from termforge.synthesize.request import Environment, RefusedReply, SeedProblem, SynthesisRequest
from termforge.synthesize.run import ask, repair, repairable
from termforge.synthesize.seed import seed_requests
from termforge.synthesize.skill import skill_requests
from termforge.synthesize.taxonomy import Difficulty

__all__ = [
    "Difficulty",
    "Environment",
    "Reason",
    "RefusedReply",
    "SeedProblem",
    "SynthesisRequest",
    "ask",
    "repair",
    "repairable",
    "seed_requests",
    "skill_requests",
]
