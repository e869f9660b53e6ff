"""Work through a shard: many items at once, each journalled when it is done, resumable after any death.

Validation and rollouts are both this: items with an id, a function from an item to a record, a folder under a lease.
Nothing is lost (a finished item is on the disk before it counts) and nothing is done twice by two live holders.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from termforge import stopping
from termforge.errors import Stopped
from termforge.journal import Journal, read_journals
from termforge.lease import Lease, held
from termforge.schemas import Record
from termforge.slots import Slots

REPORT_S = 10.0
POLL_S = 0.25
"""How long a result may lie before it is journalled while other shards hold every slot."""

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result", bound=Record)


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

    Raises: LeaseLost when this holder was taken for dead and replaced; Stopped, see termforge/stopping.py.
    """
    with held(folder) as lease:
        done = finished(folder, record)
        waiting = {key: item for key, item in items.items() if key not in done}

        said = monotonic()
        with Journal(folder, lease.fence) as journal, _pool(slots.most) as pool:
            for key, records in _results(pool, waiting, work, slots):
                _append(journal, lease, Done[record](item=key, records=records))  # type: ignore[valid-type]
                done[key] = records
                on_done(len(done), records)
                if monotonic() - said > REPORT_S or len(done) == len(items):
                    said = monotonic()
                    where = f"{folder.name} of {folder.parent.parent.name}"
                    log.info("%s: %d of %d done (%d live)", where, len(done), len(items), slots.gate.live)
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
    pool: ThreadPoolExecutor, items: Mapping[str, Item], work: Callable[[Item], tuple[Result, ...]], slots: Slots
) -> Iterator[tuple[str, tuple[Result, ...]]]:
    """Results as they come; the first exception is raised when everything that had started is over.

    An item gets its thread with its slot: what waits costs nothing.
    """
    over: SimpleQueue[tuple[str, Future[tuple[Result, ...]]]] = SimpleQueue()

    def start(key: str, item: Item) -> None:
        def end(future: Future[tuple[Result, ...]]) -> None:
            over.put((key, future))
            slots.leave()

        pool.submit(work, item).add_done_callback(end)

    waiting, running = deque(items.items()), 0
    failure: BaseException | None = None
    while waiting or running:
        if waiting and stopping.asked():
            failure = failure or Stopped(f"stopped with {len(waiting)} to do; the same command goes on from there")
            waiting.clear()
        if waiting and slots.enter(POLL_S if over.empty() else 0.0):
            start(*waiting.popleft())
            running += 1
        if waiting and over.empty():
            continue
        key, future = over.get()
        running -= 1
        if (error := future.exception()) is None:
            yield key, future.result()
        else:
            failure = failure or error
            waiting.clear()
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
