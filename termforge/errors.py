"""Everything that can go wrong, by the boundary at which it does.

    TermforgeError
    ├── InputError               the user's: a file, row, field or setting; names the place and the remedy
    │   ├── SetupError           this machine lacks something; says what and how to get it
    │   └── NeedsUnmet           a task needs what the chosen sandbox does not offer; raised before the start
    ├── InfrastructureError      ours or the machine's; worth another attempt, never charged to the agent
    │   ├── SandboxError         the sandbox did not start, vanished, or its disk is full
    │   │   ├── SandboxLost      it was there and is gone (killed, engine restarted)
    │   │   └── LimitPassed      what ran in it used too much and cost it its life: in a trial the agent's doing
    │   ├── TerminalError        the tmux channel broke and could not be attached again
    │   ├── TeacherUnavailable   the model's service failed after every retry
    │   ├── VerifierError        grading itself broke: nothing can be said about the trial
    │   ├── TrainingError        a training ended before its model was written
    │   └── StoreError           a dataset is damaged or half written
    │       └── LeaseLost        somebody else holds this shard now; this writer must stop
    ├── TeacherError             the model's side of a trial, not retried
    │   ├── ContextExceeded      the conversation no longer fits the model's window
    │   ├── OutputTruncated      the reply hit the output limit; carries what had arrived
    │   ├── EmptyReply           the model answered with nothing, again and again
    │   └── BudgetExhausted      the run's dollars or tokens are spent or reserved
    ├── Stopped                  somebody pressed Ctrl-C; what was live is done and kept
    └── AgentFailure             what the agent did ended the trial: an outcome, not an accident
        ├── TerminalClosed       the last shell exited, or tmux was killed
        ├── TerminalTampered     the agent changed the terminal through which it is watched
        └── UnfitFiles           what it left cannot be taken out: too much, too many

Inside a trial each of these becomes a typed ending on the row (schemas.Ending) and never stops a neighbour.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from termforge.schemas import Usage


class TermforgeError(Exception):
    """Base of every error that termforge raises on purpose."""


class InputError(TermforgeError, ValueError):
    """What the user gave cannot be used; the message names file, row and field, or the setting."""


class SetupError(InputError):
    """This machine lacks something; the message says what, why, and the remedy."""


class NeedsUnmet(InputError):
    """A task states needs that the sandbox does not offer."""


class Stopped(TermforgeError):
    """The user asked for an end; what is done is on the disk."""


class InfrastructureError(TermforgeError):
    """A failure of machines or services: retried, counted apart, never scored."""


class SandboxError(InfrastructureError):
    """A sandbox could not be started or used."""


class SandboxLost(SandboxError):
    """A running sandbox is gone."""


class LimitPassed(SandboxError):
    """A sandbox was ended for the disk or the memory that its processes used."""


class TerminalError(InfrastructureError):
    """The control channel to a terminal broke."""


class TeacherUnavailable(InfrastructureError):
    """The model's service failed after every retry."""


class VerifierError(InfrastructureError):
    """Grading broke before it could say anything."""


class TrainingError(InfrastructureError):
    """A training's processes ended before its model was written; carries their last lines."""


class StoreError(InfrastructureError):
    """A dataset is damaged, half written or not where it should be."""


class LeaseLost(StoreError):
    """Another holder has taken this shard over."""


class TeacherError(TermforgeError):
    """The model's side of a trial went wrong in a way that another try would not mend."""


class ContextExceeded(TeacherError):
    """The conversation no longer fits the model's window."""


class OutputTruncated(TeacherError):
    """The reply reached the output limit. What had arrived was paid for: `usage` is None where it is unknown."""

    def __init__(
        self, message: str, partial: str = "", *, reasoning: str | None = None, usage: "Usage | None" = None
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.reasoning = reasoning
        self.usage = usage


class EmptyReply(TeacherError):
    """The model answered with nothing."""


class BudgetExhausted(TeacherError):
    """The run's budget of dollars or tokens does not cover another call."""


class AgentFailure(TermforgeError):
    """Something the agent did ended its trial."""


class TerminalClosed(AgentFailure):
    """The last shell exited, or its tmux is gone."""


class TerminalTampered(AgentFailure):
    """The agent changed the terminal it is watched through."""


class UnfitFiles(AgentFailure):
    """What the agent left behind cannot be taken out of its sandbox; the message says which limit it passed."""
