"""What a growth came to: tasks, outcomes, tokens and seconds by source and domain, for a terminal or an artifact."""

from typing import NamedTuple

import polars as pl
from rich.table import Table

from termforge.schemas import DatasetRef
from termforge.store import Store


class Line(NamedTuple):
    """One row of the table; the last one, `all`, sums the others up."""

    source: str
    domain: str
    tasks: int
    trials: int
    solved: int
    graded: int
    others: str
    """Outcomes other than solved, with their counts."""
    tokens: int
    seconds: float
    """Of sandboxes and grading, summed over trials."""

    @property
    def solved_rate(self) -> str:
        return f"{self.solved / self.graded:.0%}" if self.graded else "–"


HEADINGS = ("source", "domain", "tasks", "trials", "solved", "rate", "other outcomes", "tokens", "seconds")
NUMBERS = {"tasks", "trials", "solved", "rate", "tokens", "seconds"}


def summarise(store: Store, trajectories: DatasetRef) -> list[Line]:
    """Of the last attempt of every trial."""
    described = store.scan(store.source(trajectories, "tasks")).select(
        task_id="id",
        source=pl.col("provenance").struct.field("source"),
        domain=pl.col("domain").fill_null("–"),
    )
    trials = (
        store.scan(trajectories)
        .sort("trial_id", "attempt")
        .group_by("trial_id", maintain_order=True)
        .last()
        .join(described, on="task_id")
        .select(
            "task_id",
            "source",
            "domain",
            "outcome",
            tokens=pl.col("input_tokens") + pl.col("output_tokens"),
            seconds=pl.col("start_s")
            + pl.col("grading_s")
            + pl.col("turns").list.eval(pl.element().struct.field("waited_s")).list.sum()
            + pl.col("turns").list.eval(pl.element().struct.field("harness_s")).list.sum(),
        )
        .collect()
    )
    groups = trials.sort("source", "domain").partition_by("source", "domain", as_dict=True, maintain_order=True)
    lines = [_line(str(source), str(domain), group) for (source, domain), group in groups.items()]
    return [*lines, _line("all", "", trials)]


def as_table(lines: list[Line], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in NUMBERS else "left")
    for line in lines[:-1]:
        table.add_row(*_cells(line))
    table.add_section()
    table.add_row(*_cells(lines[-1]), style="bold")
    return table


def as_markdown(lines: list[Line]) -> str:
    rule = "|".join("---:" if heading in NUMBERS else "---" for heading in HEADINGS)
    rows = (f"| {' | '.join(_cells(line))} |" for line in lines)
    return "\n".join([f"| {' | '.join(HEADINGS)} |", f"|{rule}|", *rows])


def _line(source: str, domain: str, trials: pl.DataFrame) -> Line:
    outcomes = dict(trials["outcome"].value_counts(sort=True).iter_rows())
    solved = outcomes.pop("solved", 0)
    return Line(
        source=source,
        domain=domain,
        tasks=trials["task_id"].n_unique(),
        trials=trials.height,
        solved=solved,
        graded=trials.height - outcomes.get("ungraded", 0),
        others=", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()),
        tokens=int(trials["tokens"].sum()),
        seconds=float(trials["seconds"].sum()),
    )


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.source,
        line.domain,
        f"{line.tasks:,}",
        f"{line.trials:,}",
        f"{line.solved:,}",
        line.solved_rate,
        line.others,
        f"{line.tokens:,}",
        f"{line.seconds:,.1f}",
    )
