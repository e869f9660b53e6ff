"""Records of what was found out about tasks: how hard they are, how they were attacked."""

from typing import Literal

from termforge.schemas import Control, Domain, Record, Usage

Standing = Literal["too hard", "in band", "too easy"]


class Difficulty(Record):
    """What one solver's trials of one task came to."""

    task_id: str
    domain: Domain | None = None
    skills: tuple[str, ...] = ()
    solver: str
    trials: int
    """First attempts that were graded; failures of machines are none."""
    passes: int
    k: int
    pass_at_1: float
    pass_at_k: float
    standing: Standing


class Submission(Record):
    script: str
    """Empty for a reply without one."""
    score: float = 0.0
    passed: tuple[str, ...] = ()
    """Test ids."""


AttackEnding = Literal[
    "exploited", "given up", "no attempts left", "budget exhausted", "adversary unavailable", "not run"
]


class Attack(Record):
    """What an adversary came to on one task."""

    task_id: str
    adversary: str
    submissions: tuple[Submission, ...] = ()
    ending: AttackEnding
    detail: str = ""
    control: Control | None = None
    """The files of the script that was judged solved."""
    usage: Usage = Usage()
