"""Adapting as a stage: a table of prompts, checked to its end first, becomes `adapted-tasks`."""

from hashlib import file_digest, sha256
from pathlib import Path

from termforge.adapt.math import GENERATOR, adapt_prompts
from termforge.adapt.sources import ColumnMapping, check_prompts, read_prompts
from termforge.schemas import DatasetRecord, DatasetRef, ImageRecipe, Record
from termforge.store import Store, version_of


class AdaptConfig(Record):
    prompts: str
    """File, folder, or `hf://owner/name[@revision]`."""
    mapping: ColumnMapping
    limit: int | None = None
    """First rows only."""
    image: ImageRecipe


def adapt(store: Store, night: str, config: AdaptConfig) -> DatasetRecord:
    """Raises: InputError naming file, row and column; then nothing is written."""
    settings = config.model_dump(mode="json") | {"sha256": _fingerprint(Path(config.prompts))}
    ref = DatasetRef(name="adapted-tasks", version=version_of(night, GENERATOR, settings))
    if store.exists(ref):
        return store.record(ref)
    checked = check_prompts(config.prompts, config.mapping, limit=config.limit)
    with store.making(ref) as missing:
        if not missing:
            return store.record(ref)
        with store.writer(ref, "tasks", config=settings) as out:
            out.counts["prompts"] = checked.rows
            out.counts["prompts with an answer"] = checked.answers
            prompts = read_prompts(config.prompts, config.mapping, limit=config.limit)
            for terminal_task in adapt_prompts(prompts, config.image, out.counts):
                out.add(terminal_task)
    return store.record(ref)


def _fingerprint(prompts: Path) -> str:
    """Of the content of a local file or folder: an edited table under the old name is another version.

    Empty for a name on the hub, whose revision can be named, and for what is not there, which the check refuses.
    """
    total = sha256()
    files = [prompts] if prompts.is_file() else sorted(path for path in prompts.rglob("*") if path.is_file())
    for path in files:
        with path.open("rb") as file:
            total.update(file_digest(file, "sha256").digest())
    return total.hexdigest() if files else ""
