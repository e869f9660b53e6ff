"""What came of all requests of a run, over both rounds, and its counts."""

from termforge.findings import Rejected
from termforge.schemas import Record, TerminalTask


class Answer(Record):
    """What one reply came to: a task, or a reason why not."""

    terminal_task: TerminalTask | None = None
    rejected: Rejected | None = None

    @classmethod
    def of(cls, row: TerminalTask | Rejected) -> "Answer":
        return cls(terminal_task=row) if isinstance(row, TerminalTask) else cls(rejected=row)


class Answers(Record):
    first: dict[str, Answer]
    """By origin, one for each request."""
    repaired: dict[str, Answer]
    """By origin, one for each first reply that was refused and could be mended."""

    @property
    def final(self) -> list[Answer]:
        """One for each request: the last."""
        return [self.repaired.get(origin, answer) for origin, answer in self.first.items()]

    @property
    def tasks(self) -> list[TerminalTask]:
        return [answer.terminal_task for answer in self.final if answer.terminal_task is not None]

    @property
    def rejected(self) -> list[Rejected]:
        return [answer.rejected for answer in self.final if answer.rejected is not None]

    def counts(self) -> dict[str, int]:
        """Of requests, and of every reply that was refused, by reason, mended ones included.

        requests = accepted + rejected, and the refused are repair turns + rejected.
        """
        counts = {
            "requests": len(self.first),
            "accepted": len(self.tasks),
            "rejected": len(self.rejected),
            "repair turns": len(self.repaired),
            "repaired": sum(answer.terminal_task is not None for answer in self.repaired.values()),
        }
        for answer in (*self.first.values(), *self.repaired.values()):
            if answer.rejected is not None:
                name = f"refused: {answer.rejected.reason}"
                counts[name] = counts.get(name, 0) + 1
        return counts
