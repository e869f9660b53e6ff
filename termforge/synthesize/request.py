"""One task that a teacher shall write, and the images it may write it for."""

from typing import Annotated, NamedTuple, get_args

from pydantic import Field

from termforge.images import Inventory
from termforge.schemas import Domain, Drawn, ImageRecipe, Record
from termforge.synthesize.taxonomy import Difficulty

DIFFICULTIES: tuple[Difficulty, ...] = get_args(Difficulty)


class SeedProblem(Record):
    """A problem statement without an environment (paper, section 3)."""

    id: str = ""
    """Names it among its like; empty: its place in the file does."""
    problem: Annotated[str, Field(pattern=r"\S")]
    domain: Domain | None = None
    """Whose image and role the task gets; None: scientific-computing, for most seeds are exercises of a science."""
    field: str = ""
    """Of knowledge, in free words: `astronomy`."""
    reference: str = ""
    """A solution, shown to the teacher for the tests' sake and to nobody else."""


class SynthesisRequest(Record):
    """Enough to make the prompt again."""

    origin: str
    """What names this request: random seed and index, or seed problem and round. No two of a run share it."""
    domain: Domain
    difficulty: Difficulty
    skills: tuple[str, ...] = ()
    """Names of primitives; empty for a seed problem."""
    draw: tuple[Drawn, ...] = ()
    """How they were drawn."""
    seed_problem: SeedProblem | None = None


class RefusedReply(Record):
    """What a Rejected row of this stage holds: the request, and its last reply."""

    request: SynthesisRequest
    reply: str
    """Masked where a secret was in it; empty where none came."""
    first_reason: str = ""
    """Why the reply before was refused, which this one should have repaired; empty where there was none."""
    first_reply: str = ""


class Environment(NamedTuple):
    """Where the task will run."""

    recipe: ImageRecipe
    inventory: Inventory
