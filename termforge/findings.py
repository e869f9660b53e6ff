"""The records of what was found out: gates, mutants and attacks of tasks, how hard they are; replays; refused rows."""

from collections.abc import Iterable
from typing import Literal

from termforge.schemas import Control, Domain, Image, Record, SourceName, Usage, Verdict

INFRASTRUCTURE = "infrastructure"


class GateResult(Record):
    """What one check said of one TerminalTask. A gate that could not run is `not run`, never passed."""

    gate: str
    status: Literal["passed", "failed", "not run"]
    detail: str = ""
    """What is wrong or why it was not run; begins with `infrastructure: ` where machines failed and not the task."""
    seconds: float = 0.0

    @property
    def blamed(self) -> str:
        """The gate, or `infrastructure`: what counts of failures are made of."""
        return INFRASTRUCTURE if self.detail.startswith(f"{INFRASTRUCTURE}: ") else self.gate


Fate = Literal["killed", "survived", "equivalent"]


class Mutant(Record):
    """Something nearly right that the tests should reject: a solution played with a fault, or damaged results."""

    kind: str
    what: str
    """Where the fault is."""
    fate: Fate
    """`equivalent`: the fault changed no result, so it says nothing about the tests."""


def kill_rate(mutants: Iterable[Mutant]) -> float | None:
    """Share of the mutants that were rejected, equivalent ones left out; None where there is no other."""
    fates = [mutant.fate for mutant in mutants if mutant.fate != "equivalent"]
    return fates.count("killed") / len(fates) if fates else None


class GateVerdicts(Record):
    """All gates of one TerminalTask."""

    task_id: str
    domain: Domain | None = None
    source: SourceName
    gates: tuple[GateResult, ...]
    mutants: tuple[Mutant, ...] = ()

    @property
    def kill_rate(self) -> float | None:
        return kill_rate(self.mutants)

    @property
    def sound(self) -> bool:
        return all(gate.status != "failed" for gate in self.gates)

    @property
    def first_failure(self) -> GateResult | None:
        return next((gate for gate in self.gates if gate.status == "failed"), None)


class Replay(Record):
    """A recorded trial beside what its replies came to when they were played again."""

    trial_id: str
    attempt: int = 0
    task_id: str
    """Of the task whose tests graded the replay."""
    image: Image
    sandbox: Literal["docker", "bubblewrap"]
    turns: int
    """Recorded ones."""
    equal_turns: int = 0
    """Turns that typed and showed the same, byte for byte."""
    alike_turns: int = 0
    """Those, and the ones that differ in clocks, numbers and random names only."""
    first_difference: int | None = None
    """Number of the first turn that is not equal, from 1."""
    diff: str = ""
    """Of that turn, unified and short."""
    tree: Literal["equal", "different", "unknown"] = "unknown"
    """What both left below the graded paths; unknown where one of them could not be looked at."""
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Paths of which the content or the mode differs."""
    old: Verdict | None = None
    new: Verdict | None = None
    error: str = ""
    """What kept it from being played and graded; then nothing else here says anything."""

    @property
    def equal(self) -> bool:
        """Nothing that can be compared differs."""
        return not self.error and self.equal_turns == self.turns and self.tree != "different"

    @property
    def conclusive(self) -> bool:
        """Whether the new verdict is the recorded trial's too.

        It is where the same files were graded. Where they are not known, and where the tests saw more of the machine
        than files, everything shown must have been the same as well.
        """
        if self.error or self.new is None:
            return False
        return (self.tree == "equal" and not self.new.live) or self.equal


class Rejected(Record):
    """A row that a stage turned away, and why. Kept."""

    stage: str
    reason: str
    """A short fixed word that counts can be made of."""
    detail: str = ""
    task_id: str = ""
    trial_id: str = ""
    row: str
    """The row itself as JSON."""


Standing = Literal["too hard", "in band", "too easy"]


class Difficulty(Record):
    """What one solver's trials of one task came to."""

    task_id: str
    domain: Domain | None = None
    skills: tuple[str, ...] = ()
    solver: str
    trials: int
    """Trials that were graded; failures of machines are none."""
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
