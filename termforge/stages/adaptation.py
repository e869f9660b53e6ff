"""Adapting as a stage: a table of prompts becomes `adapted-tasks`, in one pass."""

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import file_digest, sha256
from pathlib import Path

from pydantic import Field

from termforge.adapt.adapt import KINDS, KindName, adapted, without_duplicates, without_near_duplicates
from termforge.adapt.sources import ColumnMapping, Prompt, read_prompts
from termforge.errors import InputError
from termforge.schemas import DatasetRecord, DatasetRef, ImageRecipe, Record
from termforge.store import Store, version_of


class AdaptConfig(Record):
    kind: KindName = "math"
    prompts: str
    """File, folder, or `hf://owner/name[@revision][/files][#config]`."""
    mapping: ColumnMapping
    limit: int | None = None
    """First rows only."""
    near_duplicates: float | None = Field(default=None, gt=0, le=1)
    """Jaccard similarity of three-word shingles from which the later of two prompts is dropped; None keeps both."""
    image: ImageRecipe


def adapt(store: Store, night: str, config: AdaptConfig) -> DatasetRecord:
    """Raises: InputError naming file, row and column, or why no prompt makes a task; then there is no new version."""
    kind = KINDS[config.kind]
    settings = config.model_dump(mode="json") | {"sha256": _fingerprint(Path(config.prompts))}
    ref = DatasetRef(name="adapted-tasks", version=version_of(night, kind.generator, settings))
    with store.making(ref) as missing:
        if not missing:
            return store.record(ref)
        with store.writer(ref, "tasks", config=settings) as out:
            for table in adapted(kind, _prompts(config, out.counts), config.image, out.counts):
                out.add_table(table)
            if not out.counts["tasks"]:
                counted = ", ".join(f"{name}: {count}" for name, count in out.counts.items())
                raise InputError(f"{config.prompts}: none of the prompts makes a task of kind {kind.name} ({counted})")
    return store.record(ref)


def _prompts(config: AdaptConfig, counts: Counter[str]) -> Iterator[Prompt]:
    read = _counted(read_prompts(config.prompts, config.mapping, limit=config.limit), counts)
    prompts = without_duplicates(read, counts)
    if config.near_duplicates is None:
        return prompts
    return without_near_duplicates(KINDS[config.kind], prompts, config.near_duplicates, counts)


def _counted(prompts: Iterable[Prompt], counts: Counter[str]) -> Iterator[Prompt]:
    for prompt in prompts:
        counts["prompts"] += 1
        counts["prompts with an answer"] += prompt.answer is not None or prompt.solution is not None
        yield prompt


def _fingerprint(prompts: Path) -> str:
    """Of the content of a local file or folder: an edited table under the old name is another version.

    Empty for a name on the hub, whose revision can be named, and for what is not there, which reading refuses.
    """
    total = sha256()
    files = [prompts] if prompts.is_file() else sorted(path for path in prompts.rglob("*") if path.is_file())
    for path in files:
        with path.open("rb") as file:
            total.update(file_digest(file, "sha256").digest())
    return total.hexdigest() if files else ""
