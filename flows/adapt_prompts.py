"""adapt-prompts: a table of prompts becomes terminal tasks, without a model."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import Images, Night, Sandbox, StorePath, described, night_or_date, run_name
from tasks import adapt
from termforge.adapt.math import SAMPLE, SAMPLE_COLUMNS
from termforge.adapt.sources import ColumnMapping
from termforge.schemas import DatasetRef
from termforge.stages.adaptation import AdaptConfig
from termforge.stages.machine import choose_machine

SAMPLE_PROMPTS = f"prompts/{SAMPLE}"

Prompts = Annotated[
    str,
    Field(description="JSONL or Parquet file, a folder of them, or hf://owner/name[@revision]. Empty: no adapting."),
]
PromptRows = Annotated[int | None, Field(ge=1, description="Only the first rows. Empty: all.")]
PromptColumn = Annotated[str, Field(min_length=1, description="Column with the prompt.")]
License = Annotated[str, Field(description="Licence of the prompts, as it shall stand on the rows.")]
Column = Annotated[str | None, Field(description="Column name; empty where the table has none.")]


@flow(flow_run_name=run_name)
@described
def adapt_prompts(
    night: Night = "",
    store: StorePath = "store",
    prompts: Prompts = SAMPLE_PROMPTS,
    prompt_rows: PromptRows = None,
    prompt_column: PromptColumn = "problem",
    answer_column: Column = "expected_answer",
    solution_column: Column = "solution",
    id_column: Column = "id",
    license: License = "",
    sandbox: Sandbox = "auto",
    images: Images = "auto",
) -> DatasetRef:
    """Adapt math prompts as the paper does; where the source has a final answer, a check of it comes with the task."""
    machine = choose_machine(sandbox, images)
    mapping = ColumnMapping(
        prompt=(prompt_column,), answer=answer_column, solution=solution_column, id=id_column, license=license
    )
    config = AdaptConfig(
        prompts=prompts,
        mapping=SAMPLE_COLUMNS if prompts == SAMPLE_PROMPTS else mapping,
        limit=prompt_rows,
        image=machine.recipes["scientific-computing"],
    )
    return adapt.adapt_prompts(store, night_or_date(night), config)
