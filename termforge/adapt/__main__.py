"""`python -m termforge.adapt tasks|corpus`: what NVIDIA published, as datasets of tasks and as rows of a corpus."""

import argparse
import sys
from pathlib import Path

import pyarrow.parquet as pq

from termforge.adapt.released import GENERATOR, released_tasks
from termforge.adapt.released_corpus import released_tables
from termforge.errors import InputError, StoreError
from termforge.export.row import LEVELS, SCHEMA
from termforge.findings import Rejected
from termforge.images import DOMAIN_IMAGES, recipe_of
from termforge.schemas import DatasetRef
from termforge.store import Store


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.adapt", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tasks = commands.add_parser("tasks", help="an archive of Nemotron-Terminal-Synthetic-Tasks into a store")
    tasks.add_argument("archive", type=Path)
    tasks.add_argument("level", choices=LEVELS)
    tasks.add_argument("store", help="a folder, or an fsspec URI")
    corpus = commands.add_parser("corpus", help="a file of Nemotron-Terminal-Corpus as one in the columns of ours")
    corpus.add_argument("file", type=Path)
    corpus.add_argument("out", type=Path)
    options = parser.parse_args(argv)
    try:
        return _tasks(options) if options.command == "tasks" else _corpus(options)
    except (InputError, StoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _tasks(options: argparse.Namespace) -> int:
    store, config = Store(options.store), {"generator": GENERATOR, "archive": options.archive.name}
    version = f"{options.level}-{options.archive.name.partition('.')[0]}"
    ref = DatasetRef(name="released-tasks", version=version)
    beside = DatasetRef(name="rejected-released-tasks", version=version)
    images = {DOMAIN_IMAGES[domain]: recipe_of(domain) for domain in DOMAIN_IMAGES}
    with (
        store.writer(ref, "tasks", config=config) as out,
        store.writer(beside, "rejected", config=config) as rejected,
    ):
        for found in released_tasks(options.archive, options.level, images):
            (rejected if isinstance(found, Rejected) else out).add(found)
    print(f"{ref}: {store.record(ref).rows} tasks, {store.record(beside).rows} refused")
    return 0


def _corpus(options: argparse.Namespace) -> int:
    """What could not be read to its end leaves no file."""
    rows, part = 0, options.out.with_name(f"{options.out.name}.part")
    try:
        with pq.ParquetWriter(part, SCHEMA, compression="zstd") as file:
            for table in released_tables(options.file):
                file.write_table(table)
                rows += len(table)
        part.replace(options.out)
    finally:
        part.unlink(missing_ok=True)
    print(f"{options.out}: {rows} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
