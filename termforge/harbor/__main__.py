"""`python -m termforge.harbor export|import`: datasets of tasks as Harbor's folders, and such folders as datasets."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from termforge.errors import InputError, StoreError
from termforge.findings import Rejected
from termforge.harbor.exporting import export_tasks
from termforge.harbor.importing import GENERATOR, import_task, is_task
from termforge.images import IMAGES, Inventory, built
from termforge.images.recipe import recipe
from termforge.schemas import DatasetRef, TerminalTask, digest
from termforge.store import Store

IMPORTED = "harbor-tasks"
REJECTED = "rejected-harbor-tasks"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.harbor", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    out = commands.add_parser("export", help="write a folder a task that `harbor run` takes")
    out.add_argument("store", help="a folder, or an fsspec URI")
    out.add_argument("dataset", help="name@version, or name for its newest version")
    out.add_argument("out", type=Path, help="folder for the tasks")
    out.add_argument("--limit", type=_count, help="so many tasks at most")
    back = commands.add_parser("import", help=f"read task folders into {IMPORTED} and {REJECTED}")
    back.add_argument("folder", type=Path, help="a task's folder, or one that holds several")
    back.add_argument("store", help="a folder, or an fsspec URI")
    options = parser.parse_args(argv)
    try:
        return _export(options) if options.command == "export" else _import(options)
    except (InputError, StoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _count(text: str) -> int:
    """Raises: ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tasks")
    return int(text)


def _export(options: argparse.Namespace) -> int:
    store = Store(options.store)
    dataset = store.resolve(options.dataset)
    exported = export_tasks(islice(store.read(dataset), options.limit), options.out)
    for name, reason in exported.refused.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    print(f"{dataset}: {exported.written} tasks in {options.out}, {len(exported.refused)} left out")
    return 0


def _import(options: argparse.Namespace) -> int:
    inventories = {name: built(recipe(name)).inventory for name in IMAGES}
    results = {folder.name: _read(folder, inventories) for folder in _folders(options.folder)}
    refused = {name: result for name, result in results.items() if isinstance(result, Rejected)}
    ref = DatasetRef(name=IMPORTED, version=digest([GENERATOR, list(map(_content, results.values()))])[:16])
    store = Store(options.store)
    if not store.exists(ref):
        _write(store, ref, results.values())
    for rejected in refused.values():
        print(f"refused {rejected.detail}", file=sys.stderr)
    print(f"{ref}: {len(results) - len(refused)} tasks, {len(refused)} refused")
    return 0


def _content(result: TerminalTask | Rejected) -> list[Any]:
    """All that is written of it, in an order that is the same everywhere."""
    if isinstance(result, Rejected):
        return [result.model_dump(mode="json")]
    return [result.content, result.provenance.model_dump(mode="json")]


def _write(store: Store, ref: DatasetRef, results: Iterable[TerminalTask | Rejected]) -> None:
    """Beside the tasks the refused folders, under the same version."""
    config = {"generator": GENERATOR}
    beside = DatasetRef(name=REJECTED, version=ref.version)
    with (
        store.writer(ref, "tasks", config=config) as tasks,
        store.writer(beside, "rejected", config=config) as rejected,
    ):
        for result in results:
            (rejected if isinstance(result, Rejected) else tasks).add(result)


def _folders(folder: Path) -> Iterator[Path]:
    if is_task(folder):
        yield folder
        return
    found = [path for path in sorted(folder.glob("*")) if is_task(path)]
    if not found:
        raise InputError(f"{folder}: neither it nor a folder in it holds a task.toml")
    yield from found


def _read(folder: Path, inventories: dict[str, Inventory]) -> TerminalTask | Rejected:
    try:
        return import_task(folder, inventories)
    except (ValueError, OSError, RecursionError) as error:  # InputError among them: one odd folder ends no other
        place = "" if isinstance(error, InputError) else f"{folder}: {type(error).__name__}: "
        return Rejected(stage="harbor", reason="no counterpart", detail=f"{place}{error}", row=json.dumps(folder.name))


if __name__ == "__main__":
    sys.exit(main())
