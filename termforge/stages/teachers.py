"""Which teacher a run asks: the oracle, or any model that litellm reaches, within the night's budget."""

from pathlib import Path
from typing import Self

from pydantic import Field

from termforge.budget import Budget
from termforge.once import once
from termforge.oracle import MODEL as ORACLE
from termforge.oracle import Oracle
from termforge.rollout import MakeTeacher, Trial
from termforge.schemas import Record, TerminalTask
from termforge.teacher import LitellmTeacher, Teacher
from termforge.teacher.config import TeacherConfig


class BudgetConfig(Record):
    """What a night may spend, over all its processes and restarts. Calls are recorded in the ledger either way."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)

    def open(self, work: str, night: str) -> Budget:
        return _open_budget(Path(work) / "budgets" / f"{night}.sqlite", self.usd, self.tokens)


class TeacherChoice(Record):
    """Part of a trajectory dataset's version: another teacher writes another dataset."""

    model: str = ORACLE
    """`termforge/oracle`, or a model as litellm names it."""
    service: TeacherConfig | None = None
    """How a model is called; None for the oracle."""
    slip_rate: float = Field(default=0.15, ge=0, le=1)
    """The oracle's share of steps with a realistic mistake and its recovery."""
    seed: str = "0"
    """Of the oracle's slips."""

    @classmethod
    def of(
        cls,
        model: str,
        *,
        api_base: str | None,
        temperature: float | None,
        max_output_tokens: int,
        slip_rate: float = 0.0,
    ) -> Self:
        """From the settings that people change."""
        if model == ORACLE:
            return cls(slip_rate=slip_rate)
        service = TeacherConfig(
            model=model, api_base=api_base, temperature=temperature, max_output_tokens=max_output_tokens
        )
        return cls(model=model, service=service)

    @property
    def is_oracle(self) -> bool:
        return self.model == ORACLE

    def can_solve(self, terminal_task: TerminalTask) -> bool:
        """The oracle has nothing to play where a task has no solution."""
        return not self.is_oracle or terminal_task.solution is not None

    def maker(self, budget: Budget) -> MakeTeacher:
        """What gives each trial its teacher.

        Raises: SetupError without litellm; InputError where the budget cannot hold.
        """
        if self.is_oracle:
            return self._oracle
        teacher = self.litellm_teacher(budget)
        return lambda trial: teacher.for_purpose(trial.id)

    def litellm_teacher(self, budget: Budget) -> LitellmTeacher:
        return LitellmTeacher(self.service or TeacherConfig(model=self.model), budget)

    def _oracle(self, trial: Trial) -> Teacher:
        return Oracle(trial.terminal_task, seed=f"{self.seed}-{trial.sample}", slip_rate=self.slip_rate)


@once
def _open_budget(path: Path, usd: float | None, tokens: int | None) -> Budget:
    """One hold on the file a process."""
    return Budget(path, usd=usd, tokens=tokens)
