"""The parameters that flows share, as the form in the UI shows them."""

from datetime import UTC, datetime
from typing import Annotated

from prefect.runtime import flow_run
from pydantic import Field

Night = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._-]*$",
        max_length=40,
        description="Name of this growth. The same night with the same settings is resumed or found finished, "
        "never done twice. Empty: the date for which the run was scheduled.",
    ),
]
StorePath = Annotated[
    str, Field(description="Where datasets live: a folder, or an fsspec URI such as s3://bucket/path.")
]
Work = Annotated[
    str | None,
    Field(description="Folder for journals on a local or shared disk. Needed only where the store is not a folder."),
]
Concurrency = Annotated[int, Field(ge=1, le=1024, description="Sandboxes that are live at once in this run.")]
ShardRows = Annotated[
    int, Field(ge=1, le=500, description="Tasks in one shard: the unit that Prefect sees and retries.")
]
Dollars = Annotated[
    float | None, Field(gt=0, description="What the night may spend on the teacher, in dollars. Empty: no limit.")
]
Tokens = Annotated[int | None, Field(gt=0, description="The same in tokens, input and output. Empty: no limit.")]
Model = Annotated[str, Field(description="`termforge/oracle` (offline, free), or a model as litellm names it.")]
ApiBase = Annotated[str | None, Field(description="Address of an OpenAI-compatible service, for a model of your own.")]


def night_or_date(night: str) -> str:
    """The given name, or the date (UTC) for which this run was scheduled: late runs still belong to their night."""
    return night or (flow_run.scheduled_start_time or datetime.now(UTC)).strftime("%Y-%m-%d")
