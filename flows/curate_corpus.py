"""curate-corpus: decontaminate and filter trajectories, and export what is kept as a loadable corpus."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import Night, StorePath, described, night_or_date, run_name
from tasks import curate
from termforge.curate.curate import CurateSettings
from termforge.schemas import DatasetRef
from termforge.store import Store

CompleteOnly = Annotated[bool, Field(description="Keep only trials in which the agent said that it was done.")]
SuccessOnly = Annotated[bool, Field(description="Keep only solved trials. The paper found both filters harmful.")]


@flow(flow_run_name=run_name)
@described
def curate_corpus(
    trajectories: Annotated[str, Field(description="Dataset: name@version, or name.")] = "trajectories",
    night: Night = "",
    store: StorePath = "store",
    complete_only: CompleteOnly = False,
    success_only: SuccessOnly = False,
) -> DatasetRef:
    """Benchmark overlap, identity leaks and Chinese characters always go; outcomes are columns, not filters."""
    settings = CurateSettings(complete_only=complete_only, success_only=success_only)
    return curate.curate_corpus(
        store, night_or_date(night), Store(store).resolve(trajectories, "trajectories"), settings
    )
