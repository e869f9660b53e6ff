"""adapt-prompts: a table of prompts becomes terminal tasks, without a model."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import Images, Night, Sandbox, StorePath, described, night_or_date, run_name
from tasks import adapt
from termforge.adapt.adapt import KINDS, KindName
from termforge.adapt.known import KnownSource, known_sources
from termforge.adapt.math import SAMPLE, SAMPLE_COLUMNS
from termforge.adapt.sources import ColumnMapping
from termforge.schemas import DatasetRef
from termforge.stages.adaptation import AdaptConfig
from termforge.stages.machine import choose_machine

SAMPLE_PROMPTS = f"prompts/{SAMPLE}"
KNOWN = {
    SAMPLE_PROMPTS: KnownSource(about="Ours.", kind="math", prompts=SAMPLE_PROMPTS, mapping=SAMPLE_COLUMNS)
} | known_sources()

PromptKind = Annotated[KindName, Field(description="What the prompts ask for: an answer, a program or a patch.")]
Prompts = Annotated[
    str,
    Field(
        description="JSONL or Parquet file, a folder of them, hf://owner/name[@revision][/files][#config], or a known "
        f"source, whose kind and columns count ({', '.join(known_sources())}). Empty: no adapting."
    ),
]
PromptRows = Annotated[int | None, Field(ge=1, description="Only the first rows. Empty: all.")]
PromptColumn = Annotated[str, Field(min_length=1, description="Column with the prompt; known sources need none named.")]
License = Annotated[str, Field(description="Licence of the prompts, as it shall stand on the rows.")]
Column = Annotated[str | None, Field(description="Column name; empty where the table has none.")]
SolutionColumn = Annotated[
    str | None, Field(description="Column with the worked solution, the program or the gold patch; empty: none.")
]
TestsColumn = Annotated[str | None, Field(description="Column with the source's own tests (code, swe); empty: none.")]
NearDuplicates = Annotated[
    float | None,
    Field(
        gt=0, le=1, description="Similarity from which the later of two prompts is dropped, 0.8 for one. Empty: off."
    ),
]


@flow(flow_run_name=run_name)
@described
def adapt_prompts(
    night: Night = "",
    store: StorePath = "store",
    kind: PromptKind = "math",
    prompts: Prompts = SAMPLE_PROMPTS,
    prompt_rows: PromptRows = None,
    prompt_column: PromptColumn = "problem",
    answer_column: Column = None,
    solution_column: SolutionColumn = None,
    tests_column: TestsColumn = None,
    entry_point_column: Column = None,
    id_column: Column = None,
    license: License = "",
    near_duplicates: NearDuplicates = None,
    sandbox: Sandbox = "auto",
    images: Images = "auto",
) -> DatasetRef:
    """Adapt prompts as the paper does; where the source has answers, patches or tests, a check comes with the task."""
    mapping = ColumnMapping(
        prompt=(prompt_column,),
        answer=answer_column,
        solution=solution_column,
        tests=tests_column,
        entry_point=entry_point_column,
        id=id_column,
        license=license,
    )
    given = KnownSource(about="", kind=kind, prompts=prompts, mapping=mapping)
    source = KNOWN.get(prompts, given)
    config = AdaptConfig(
        kind=source.kind,
        prompts=source.prompts,
        mapping=source.mapping,
        limit=prompt_rows,
        near_duplicates=near_duplicates,
        image=choose_machine(sandbox, images).recipes[KINDS[source.kind].image],
    )
    return adapt.adapt_prompts(store, night_or_date(night), config)
