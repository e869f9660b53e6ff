"""The dataset card: what is in the corpus, counted while it was written, and how to load it.

Its front matter declares the configurations, so `datasets` finds them without code. No YAML library is needed to write
it: every value is quoted as JSON, which YAML contains.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from termforge.curate.decontaminate import Header, terminal_bench_2
from termforge.export.row import ADAPTED, ORACLE, SCHEMA, CorpusRow
from termforge.schemas import Record

CARD = "README.md"
RELEASED = 11
"""The first columns, which the released corpus has too."""
HUB_LICENSES = {"mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "odc-by"}
FILTERS = (
    "Filters read what the model wrote: identity leaks, Chinese characters, empty replies; the counts above say how "
    "many rows each took. Trials broken off by machines or services are left out."
)


class CardFacts(Record):
    """What the rows do not tell."""

    title: str = "Terminal corpus"
    run_id: str
    date: str
    code_version: str
    inputs: tuple[str, ...] = ()
    """name@version of the datasets it was made from."""
    steps: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Counts of every stage, in order: stage, then what was counted."""
    decontaminated: bool = True
    """Whether curation looked for benchmark text."""
    withheld: tuple[str, ...] = (
        "Tests with their expected values, and reference solutions: they stay with the tasks.",
        "Rows that curation turned away: they are kept, with the reason, in the store.",
    )


class Tally:
    """Counts over rows as they pass by."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.graded: Counter[str] = Counter()
        self.solved: Counter[str] = Counter()
        self.turns: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.sources: Counter[tuple[str, str, str, str]] = Counter()
        self.models: Counter[str] = Counter()
        self.domains: Counter[tuple[str, str]] = Counter()

    def add(self, row: CorpusRow) -> None:
        name = row.configuration
        self.rows[name] += 1
        self.outcomes[name, row.outcome] += 1
        self.graded[name] += row.solved is not None
        self.solved[name] += bool(row.solved)
        self.turns[name] += row.turns
        self.tokens[name] += row.output_tokens
        dataset = row.origin.split(":")[0] if row.source in ADAPTED else ""
        self.sources[row.source, row.generator, dataset, row.license or "not stated"] += 1
        self.models[row.model] += 1
        self.domains[row.domain or "none (adapted)", "solved" if row.solved else "other"] += 1


def card(facts: CardFacts, tally: Tally) -> str:
    sections = [
        _front_matter(facts, tally),
        f"# {facts.title}",
        _summary(facts, tally),
        "## Load it",
        _loading(tally),
        "## Configurations",
        _configurations(tally),
        "## Outcomes",
        _table(("configuration", "outcome", "rows"), [(*key, n) for key, n in sorted(tally.outcomes.items())]),
        "## Domains",
        _domains(tally),
        "## Sources and licences",
        _table(
            ("source", "made by", "dataset", "licence", "rows"), [(*k, n) for k, n in sorted(tally.sources.items())]
        ),
        "## Teachers",
        _table(("model", "rows"), sorted(tally.models.items())),
        "## How it came about",
        _steps(facts),
        "## Decontamination and filters",
        _decontamination(terminal_bench_2().header) if facts.decontaminated else "Not decontaminated.",
        FILTERS,
        "## Withheld",
        "\n".join(f"- {item}" for item in facts.withheld),
        "## Columns",
        _columns(),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(facts: CardFacts, tally: Tally) -> str:
    lines = ["---", f"pretty_name: {json.dumps(facts.title)}", f"license: {json.dumps(_license(tally))}"]
    lines += ['language: ["en"]', 'task_categories: ["text-generation"]', 'tags: ["agent", "terminal", "termforge"]']
    lines.append("configs:")
    real = [name for name in sorted(tally.rows) if not _apart(name)]
    for name in sorted(tally.rows):
        lines.append(f"- config_name: {json.dumps(name)}")
        if real[:1] == [name]:
            lines.append("  default: true")
        lines += ["  data_files:", "  - split: train", f"    path: {json.dumps(f'{name}/*.parquet')}"]
    return "\n".join([*lines, "---"])


def _apart(name: str) -> bool:
    return name.startswith(("oracle_", "host_"))


def _license(tally: Tally) -> str:
    """An identifier of the hub where all rows share one licence."""
    found = {key[3].lower() for key in tally.sources}
    return found.pop() if len(found) == 1 and found <= HUB_LICENSES else "other"


def _summary(facts: CardFacts, tally: Tally) -> str:
    rows = sum(tally.rows.values())
    made_from = f", from {', '.join(facts.inputs)}" if facts.inputs else ""
    return (
        f"{rows:,} trajectories of agents at work in a Linux terminal, made by termforge {facts.code_version} "
        f"(run {facts.run_id}, {facts.date}{made_from}). Each row is one trial: the conversation in the Terminus 2 "
        "protocol, and what became of it. A trial that was handed over to a new conversation has a row for each. "
        "Failed trials are in; columns say how each one ended."
    )


def _loading(tally: Tally) -> str:
    name = min(tally.rows, key=lambda name: (_apart(name), name))
    code = (
        "```python\nfrom datasets import load_dataset\nimport polars\n\n"
        f'rows = load_dataset("PATH", "{name}", split="train")\n'
        f'table = polars.scan_parquet("PATH/{name}/*.parquet")\n```'
    )
    apart = (
        f"Configurations that begin with `oracle_` hold rows of `{ORACLE}`, which plays known solutions; those with "
        "`host_` were made on an unpinned machine instead of an image. Neither belongs in a real mixture."
    )
    return f"{code}\n\n{apart}" if any(map(_apart, tally.rows)) else code


def _configurations(tally: Tally) -> str:
    head = ("configuration", "rows", "graded", "solved", "share", "turns, mean", "output tokens, mean")
    return _table(
        head,
        [
            (
                name,
                rows,
                tally.graded[name],
                tally.solved[name],
                _share(tally.solved[name], tally.graded[name]),
                f"{tally.turns[name] / rows:.1f}",
                f"{tally.tokens[name] / rows:,.0f}",
            )
            for name, rows in sorted(tally.rows.items())
        ],
    )


def _domains(tally: Tally) -> str:
    names = sorted({domain for domain, _ in tally.domains})
    return _table(
        ("domain", "rows", "solved"),
        [
            (name, tally.domains[name, "solved"] + tally.domains[name, "other"], tally.domains[name, "solved"])
            for name in names
        ],
    )


def _steps(facts: CardFacts) -> str:
    rows = [(step, what, count) for step, counts in facts.steps.items() for what, count in counts.items()]
    return _table(("step", "what", "count"), rows) if rows else "No counts were recorded."


def _decontamination(header: Header) -> str:
    return (
        f"No instruction, text file or solution of a task shares {header.n} consecutive words with one of the "
        f"{header.texts} instructions of {header.benchmark}. Tokeniser `{header.tokeniser}`: runs of letters and "
        f"digits, {header.casing} case; {header.grams:,} hashed grams ({header.hash})."
    )


def _columns() -> str:
    names = SCHEMA.names
    released, beside = (", ".join(f"`{name}`" for name in part) for part in (names[:RELEASED], names[RELEASED:]))
    return f"As in the Nemotron-Terminal-Corpus: {released}.\n\nBeside them: {beside}."


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else " ".join(str(value).split()).replace("|", "\\|")
