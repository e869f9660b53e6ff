"""Scores with their uncertainty: first attempts only, passes/trials printed, intervals that respect tasks.

Interval, always 95%. With one scored trial per task it is Wilson's. With several, trials of one task are alike, so
Wilson's formula gets an effective number of trials: n / deff, where deff is the cluster-robust variance of the pass
rate (between tasks, ratio estimator) over the binomial one, never below 1, shrunk by (z / t)^2 with t on tasks - 1
degrees of freedom (Korn and Graubard's adjustment for few clusters). Where nothing or everything passed, or there is
one task, the data cannot show how alike the trials are: then each task counts as one trial.

Infrastructure failures are counted apart and are no trials. A retry after one is not a first attempt; nothing here
takes the best of several. Not covered: comparing two models on the same tasks (paired).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from rich.table import Table

from termforge.errors import InputError
from termforge.schemas import Record, TerminalTask, Trajectory

Z_95 = NormalDist().inv_cdf(0.975)
WILSON = "95% Wilson"
CLUSTERED = "95% Wilson, tasks clustered"
OVERALL = "overall"


class ScoredTrial(Record):
    """What evaluation needs to know of one trial."""

    task_id: str
    domain: str
    """A Domain, or the category that a benchmark gives."""
    sample: int
    attempt: int = 0
    """Only 0 is evaluated."""
    solved: bool
    infrastructure: bool
    """It failed for a reason that is not the agent's: no trial."""
    outcome: str
    """One word for the counts: solved, unsolved, turn limit, ..."""


class Score(Record):
    """One line of the report."""

    domain: str
    tasks: int
    """With at least one scored trial."""
    trials: int
    passes: int
    infrastructure: int
    """Failures of machines and services, not among the trials."""
    low: float
    high: float
    interval: str
    """The name of the method that gave low and high."""

    @property
    def rate(self) -> float | None:
        """None where nothing was scored."""
        return self.passes / self.trials if self.trials else None


class Report(Record):
    domains: tuple[Score, ...]
    overall: Score
    outcomes: dict[str, int]
    """Over all first attempts, infrastructure failures included."""


class Interval(NamedTuple):
    low: float
    high: float
    method: str


def scored(task: TerminalTask, trajectory: Trajectory) -> ScoredTrial:
    """InputError for a trial that was not graded: it has no place in an evaluation."""
    failed = trajectory.ending.infrastructure or (trajectory.verdict is not None and bool(trajectory.verdict.error))
    if trajectory.task_id != task.id:
        raise InputError(f"trial {trajectory.trial_id} is of task {trajectory.task_id}, not of {task.id}")
    if task.verifier is None or trajectory.outcome == "ungraded":
        raise InputError(f"trial {trajectory.trial_id} of task {task.id} is ungraded and cannot be evaluated")
    return ScoredTrial(
        task_id=task.id,
        domain=task.domain or task.provenance.source,
        sample=trajectory.sample,
        attempt=trajectory.attempt,
        solved=trajectory.outcome == "solved",
        infrastructure=failed,
        outcome=trajectory.outcome,
    )


def report(trials: Iterable[ScoredTrial]) -> Report:
    """InputError for retries, for two first attempts of one sample, and for a task in two domains."""
    trials = list(trials)
    _check(trials)
    by_domain: defaultdict[str, list[ScoredTrial]] = defaultdict(list)
    for trial in trials:
        by_domain[trial.domain].append(trial)
    return Report(
        domains=tuple(_score(domain, by_domain[domain]) for domain in sorted(by_domain)),
        overall=_score(OVERALL, trials),
        outcomes=dict(sorted(Counter(trial.outcome for trial in trials).items())),
    )


def interval(tasks: Sequence[tuple[int, int]]) -> Interval:
    """The 95% interval of the pooled pass rate; `tasks` gives (passes, trials) for each, trials at least 1."""
    trials, passes = sum(n for _, n in tasks), sum(k for k, _ in tasks)
    if not trials:
        return Interval(0.0, 1.0, WILSON)
    if trials == len(tasks):
        return Interval(*_wilson(passes / trials, trials), WILSON)
    return Interval(*_wilson(passes / trials, _effective_trials(tasks, passes / trials, trials)), CLUSTERED)


def minimum_detectable_effect(rate: float, tasks: int, trials_per_task: int, icc: float) -> float:
    """The smallest difference in pass rate that two arms of this size show with 80% power at 5%, two-sided.

    `icc`: how alike trials of one task are, 0 to 1. The arms count as independent: on the same tasks this is an upper
    bound. Normal approximation around `rate`.
    """
    if not 0 < rate < 1 or not 0 <= icc <= 1 or tasks < 1 or trials_per_task < 1:
        raise InputError("rate within (0, 1), icc within [0, 1], at least one task and one trial")
    effective = tasks * trials_per_task / (1 + (trials_per_task - 1) * icc)
    return (Z_95 + NormalDist().inv_cdf(0.8)) * sqrt(2 * rate * (1 - rate) / effective)


def table(report: Report) -> Table:
    """For a terminal."""
    lines = Table("domain", title="Evaluation, first attempts")
    for heading in ("tasks", "passes/trials", "%", "low %", "high %", "infrastructure"):
        lines.add_column(heading, justify="right")
    lines.add_column("interval")
    for score in _lines(report):
        lines.add_row(
            *_cells(score), end_section=score is report.overall, style="bold" if score is report.overall else ""
        )
    return lines


def markdown(report: Report) -> str:
    """For an artifact."""
    head = "| domain | tasks | passes/trials | % | low % | high % | infrastructure | interval |"
    rule = "|---|---:|---:|---:|---:|---:|---:|---|"
    rows = [f"| {' | '.join(cell.replace('|', '/') for cell in _cells(score))} |" for score in _lines(report)]
    outcomes = ", ".join(f"{outcome} {count}" for outcome, count in report.outcomes.items())
    return "\n".join([head, rule, *rows, "", f"Outcomes: {outcomes or 'none'}.", ""])


def _check(trials: Sequence[ScoredTrial]) -> None:
    seen: set[tuple[str, int]] = set()
    domains: dict[str, str] = {}
    for trial in trials:
        where = f"task {trial.task_id}, sample {trial.sample}"
        if trial.attempt:
            raise InputError(f"{where}: attempt {trial.attempt} is a retry; only first attempts are evaluated")
        if (trial.task_id, trial.sample) in seen:
            raise InputError(f"{where}: two first attempts; samples are numbered, so one of them is a copy or a retry")
        if domains.setdefault(trial.task_id, trial.domain) != trial.domain:
            raise InputError(f"{where}: domain {trial.domain}, elsewhere {domains[trial.task_id]}")
        if trial.solved and trial.infrastructure:
            raise InputError(f"{where}: solved and an infrastructure failure at once")
        seen.add((trial.task_id, trial.sample))


def _score(domain: str, trials: Sequence[ScoredTrial]) -> Score:
    passes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for trial in trials:
        if not trial.infrastructure:
            counts[trial.task_id] += 1
            passes[trial.task_id] += trial.solved
    low, high, method = interval([(passes[task], counts[task]) for task in counts])
    return Score(
        domain=domain,
        tasks=len(counts),
        trials=counts.total(),
        passes=passes.total(),
        infrastructure=len(trials) - counts.total(),
        low=low,
        high=high,
        interval=method,
    )


def _effective_trials(tasks: Sequence[tuple[int, int]], rate: float, trials: int) -> float:
    if len(tasks) == 1 or rate in (0.0, 1.0):
        return len(tasks)
    clusters = len(tasks)
    between = clusters / (clusters - 1) * sum((k - rate * n) ** 2 for k, n in tasks) / trials**2
    design_effect = max(1.0, between / (rate * (1 - rate) / trials))
    return trials / design_effect * (Z_95 / _t_95(clusters - 1)) ** 2


def _wilson(rate: float, trials: float) -> tuple[float, float]:
    """Wilson's score interval; `trials` need not be whole. Rounding never pushes the rate itself out of it."""
    z2 = Z_95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2))
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def _t_95(freedom: int) -> float:
    """The 97.5% point of Student's t: exact for 1 and 2, Cornish and Fisher's series (within 0.2%) above."""
    if freedom == 1:
        return 12.706204736432095
    if freedom == 2:
        return 4.302652729696142
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** (power + 1) for power, term in enumerate(terms))


def _lines(report: Report) -> tuple[Score, ...]:
    return (*report.domains, report.overall)


def _cells(score: Score) -> list[str]:
    rate = "-" if score.rate is None else f"{100 * score.rate:.2f}"
    bounds = [f"{100 * bound:.2f}" for bound in (score.low, score.high)]
    ratio = f"{score.passes}/{score.trials}"
    return [score.domain, str(score.tasks), ratio, rate, *bounds, str(score.infrastructure), score.interval]
