"""A solution's run: how it ended, what it left, what the tests said."""

from termforge.errors import SandboxError, VerifierError
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, play
from termforge.sandbox.protocol import Engine
from termforge.schemas import File, TerminalTask, Verdict

PATIENCE = 5.0
"""That the machine is busy shall not make a sound task unsound; waits end with the work, so it costs nothing else."""


class Played:
    def __init__(self, terminal_task: TerminalTask, engine: Engine, seed: str, *, fresh: bool = False) -> None:
        """`fresh` as in `verify`.

        Raises: SandboxError, TerminalError, AgentFailure, VerifierError where the run says nothing.
        """
        oracle = Oracle(terminal_task, seed=seed, patience=PATIENCE)
        run = play(terminal_task, RolloutConfig(), engine, oracle, fresh=fresh)
        self.ending, self.detail, self.verdict = run.episode.ending, run.episode.detail, run.verdict
        if self.ending.infrastructure:
            raise SandboxError(f"{self.ending}: {self.detail}")
        if self.verdict is not None and self.verdict.error is not None:
            raise VerifierError(self.verdict.error)
        self.files: list[File] = list(run.left.files) if run.left is not None else []

    @property
    def solved(self) -> bool:
        return self.verdict is not None and self.verdict.solved

    @property
    def fault(self) -> str:
        """Empty when solved."""
        if self.solved:
            return ""
        return f"unsolved ({self.ending}) {self.detail} {failed(self.verdict)}".strip()


def failed(verdict: Verdict | None) -> str:
    """Ids of the tests that did not pass."""
    return ", ".join(result.id for result in verdict.results if not result.passed) if verdict else ""
