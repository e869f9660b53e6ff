"""One markdown artifact a stage under a fixed key: its history in the UI is the history of nights."""

from prefect.artifacts import create_markdown_artifact

from termforge.schemas import DatasetRecord
from termforge.store import Store


def publish(store: Store, record: DatasetRecord, *, detail: str = "") -> None:
    """Counts, where the dataset is and what it was made from."""
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in record.counts.items())
    sources = ", ".join(record.inputs) or "–"
    create_markdown_artifact(
        key=record.name,
        description=f"{record.ref}: {record.rows:,} rows",
        markdown=f"## {record.ref}\n\n{record.rows:,} rows in `{store.location(record.ref)}`, made from {sources}.\n\n"
        f"| | |\n|---|---:|\n| **rows** | **{record.rows:,}** |\n{rows}\n\n{detail}",
    )
