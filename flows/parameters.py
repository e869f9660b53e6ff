"""The parameters that flows share, as the form in the UI shows them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar, get_type_hints

from prefect.runtime import flow_run
from pydantic import Field
from pydantic.fields import FieldInfo

from termforge.agent.template import TemplateName
from termforge.stages.machine import ImagesChoice, SandboxChoice

Function = TypeVar("Function", bound=Callable[..., object])

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
Concurrency = Annotated[
    int,
    Field(
        ge=1,
        le=1024,
        description="Trials that are live at once, at most. How many the machine and the teacher bear is found while "
        "the run goes on, from load and from refused calls.",
    ),
]
ShardRows = Annotated[
    int, Field(ge=1, le=500, description="Tasks in one shard: the unit that Prefect sees and retries.")
]
Dollars = Annotated[
    float | None,
    Field(
        gt=0,
        description="What the night may spend on the teacher, in dollars; trials it does not cover end as "
        "`budget exhausted`, and a night that has ended is not taken up again with a higher budget. Empty: no limit.",
    ),
]
Tokens = Annotated[int | None, Field(gt=0, description="The same in tokens, input and output. Empty: no limit.")]
Model = Annotated[str, Field(description="`termforge/oracle` (offline, free), or a model as litellm names it.")]
Temperature = Annotated[float | None, Field(ge=0, le=2, description="Of sampling. Empty: the service decides.")]
OutputTokens = Annotated[
    int, Field(gt=0, description="Most tokens of one reply, a model's thinking included. Some services allow no more.")
]
ApiBase = Annotated[str | None, Field(description="Address of an OpenAI-compatible service, for a model of your own.")]

Seed = Annotated[str, Field(description="Random seed; the same seed makes the same tasks on any machine.")]
Measured = Annotated[
    str,
    Field(
        description="Dataset of difficulties (name@version, or name): skills of which a solver has too few tasks in "
        "band are drawn more often. Empty: all alike."
    ),
]
Sandbox = Annotated[
    SandboxChoice, Field(description="auto: bubblewrap where it works on the worker's machine, else Docker.")
]
Images = Annotated[
    ImagesChoice,
    Field(description="auto: the nine images where all are built, else the machine's own /usr (marked `host`)."),
]
Template = Annotated[
    TemplateName, Field(description="First message: our own, or that of Terminus 2 (fetched once, on request).")
]


def night_or_date(night: str) -> str:
    """The given name, or the date (UTC) for which this run was scheduled: late runs still belong to their night."""
    return night or (flow_run.scheduled_start_time or datetime.now(UTC)).strftime("%Y-%m-%d")


def run_name() -> str:
    """What the UI lists a run under: the night, or what else tells it from others."""
    return night_or_date(flow_run.parameters.get("night", ""))


def described(function: Function) -> Function:
    """Write the descriptions of annotated parameters into the docstring, where Prefect looks for them."""
    lines = [
        f"    {name}: {note.description}"
        for name, hint in get_type_hints(function, include_extras=True).items()
        for note in getattr(hint, "__metadata__", ())
        if isinstance(note, FieldInfo) and note.description
    ]
    function.__doc__ = "\n".join([function.__doc__ or "", "", "Args:", *lines])
    return function
