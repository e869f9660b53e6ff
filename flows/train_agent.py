"""train-agent: fine-tune a model on configurations of a corpus, in a subprocess that this flow starts and watches.

On several machines the cluster's own launcher starts the training; see deployments/.
"""

from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.parameters import StorePath, described
from tasks import train
from termforge.stages.curation import configuration_folders
from termforge.store import Store


@flow
@described
def train_agent(
    corpus: Annotated[
        str, Field(description="Dataset of kind corpus: name@version, or name for the newest.")
    ] = "corpus",
    configurations: Annotated[
        list[str], Field(description="Configurations of the corpus to train on; those of the oracle only if named.")
    ] = [],  # noqa: B006 - a default of the form; never changed
    recipe: Annotated[str, Field(description="tiny, 8b, 14b, 32b, or a YAML file of the same fields.")] = "tiny",
    out: Annotated[str, Field(description="Folder for the model.")] = "models/tiny",
    processes: Annotated[
        int | None, Field(ge=1, description="Processes on this machine, one a GPU. Empty: what the recipe says.")
    ] = None,
    store: StorePath = "store",
) -> Path:
    """The model, its tokenizer and chat template, and training.json beside them."""
    datasets = Store(store)
    data = configuration_folders(datasets, datasets.resolve(corpus), configurations)
    return train.train(recipe, data, Path(out), processes)
