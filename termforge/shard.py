"""Work through a shard: many items at once, each journalled when it is done, resumable after any death.

Validation and rollouts are both this: items with an id, a function from an item to a record, a folder under a lease.
Nothing is lost (a finished item is on the disk before it counts) and nothing is done twice by two live holders.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore
from time import monotonic
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from termforge.journal import Journal, read_journals
from termforge.lease import Lease, held
from termforge.schemas import Record

REPORT_S = 10.0

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result", bound=Record)


class Slots:
    """How many trials may be live at once in this process, over all shards that share the slots."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = BoundedSemaphore(count)

    def __enter__(self) -> None:
        self._free.acquire()

    def __exit__(self, *error: object) -> None:
        self._free.release()


@cache
def process_slots(count: int) -> Slots:
    """The same slots for every shard of this process that names the same count."""
    return Slots(count)


class Done(BaseModel, Generic[Result]):
    """One journal entry: an item's id and every record it gave (failed attempts first)."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    item: str
    records: tuple[Result, ...]


def work_through(
    items: Mapping[str, Item],
    work: Callable[[Item], tuple[Result, ...]],
    record: type[Result],
    folder: Path,
    *,
    slots: Slots,
    on_done: Callable[[int, tuple[Result, ...]], None] = lambda done, records: None,
) -> dict[str, tuple[Result, ...]]:
    """Records of every item, by id in the order of `items`; `on_done` hears the count and the newest records.

    Waits while another live process holds the shard. An exception of `work` stops the shard after the items in flight
    have been journalled; expected failures belong into the records.

    Raises: LeaseLost when this holder was taken for dead and replaced.
    """
    with held(folder) as lease:
        done = finished(folder, record)
        waiting = {key: item for key, item in items.items() if key not in done}

        said = monotonic()

        def in_a_slot(item: Item) -> tuple[Result, ...]:
            with slots:
                return work(item)

        with Journal(folder, lease.fence) as journal, _pool(slots.count) as pool:
            for key, records in _results(pool, waiting, in_a_slot):
                _append(journal, lease, Done[record](item=key, records=records))  # type: ignore[valid-type]
                done[key] = records
                on_done(len(done), records)
                if monotonic() - said > REPORT_S or len(done) == len(items):
                    said = monotonic()
                    log.info("%s of %s: %d of %d done", folder.name, folder.parent.parent.name, len(done), len(items))
    return {key: done[key] for key in items}


def finished(folder: Path, record: type[Result]) -> dict[str, tuple[Result, ...]]:
    """What a shard's journals hold; the first entry of an item counts."""
    done: dict[str, tuple[Result, ...]] = {}
    for payload in read_journals(folder):
        entry = Done[record].model_validate_json(payload)  # type: ignore[valid-type]
        done.setdefault(entry.item, entry.records)
    return done


def _append(journal: Journal, lease: Lease, entry: Done[Result]) -> None:
    lease.check()
    journal.append(entry.model_dump_json().encode())


def _results(
    pool: ThreadPoolExecutor, items: Mapping[str, Item], work: Callable[[Item], tuple[Result, ...]]
) -> Iterator[tuple[str, tuple[Result, ...]]]:
    """Results as they come; the first exception is raised when everything that had started is over."""
    running: dict[Future[tuple[Result, ...]], str] = {pool.submit(work, item): key for key, item in items.items()}
    failure: BaseException | None = None
    while running:
        ready, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ready:
            key = running.pop(future, "")
            if future.cancelled():
                continue
            if (error := future.exception()) is not None:
                failure = failure or error
                pool.shutdown(wait=False, cancel_futures=True)
                # `wait` never wakes up for what was cancelled before it started.
                running = {waiting: key for waiting, key in running.items() if not waiting.cancelled()}
            else:
                yield key, future.result()
    if failure is not None:
        raise failure


@contextmanager
def _pool(concurrency: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that do not start what still waits when the block fails."""
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="trial")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
