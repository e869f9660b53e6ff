"""A shard loses nothing and does nothing twice, whoever is killed when."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from termforge.errors import LeaseLost, Stopped
from termforge.journal import Journal, read_journals
from termforge.lease import Entry, Holder, held
from termforge.load import Load
from termforge.schemas import Part
from termforge.shard import finished, work_through
from termforge.slots import START_A_CORE, Slots
from termforge.stopping import stoppable

ROOT = Path(__file__).parents[2]


def part(name: str) -> Part:
    return Part(name=name, rows=0, bytes=0, sha256="")


def test_every_item_is_worked_on_once_and_comes_back_in_order(tmp_path: Path) -> None:
    calls: list[str] = []

    def work(item: str) -> tuple[Part, ...]:
        calls.append(item)
        time.sleep(0.01 * (3 - int(item)))
        return (part(item),)

    items = {key: key for key in "0123"}
    first = work_through(items, work, Part, tmp_path, slots=Slots(4))
    again = work_through(items, work, Part, tmp_path, slots=Slots(4))
    assert list(first) == list("0123")
    assert first == again == {key: (part(key),) for key in items}
    assert sorted(calls) == list("0123")


def test_finished_items_survive_a_failing_one(tmp_path: Path) -> None:
    def work(item: int) -> tuple[Part, ...]:
        if item == 3:
            raise ValueError("item three")
        return (part(str(item)),)

    items = {str(number): number for number in range(8)}
    with pytest.raises(ValueError, match="item three"):
        work_through(items, work, Part, tmp_path, slots=Slots(2))
    assert {"0", "1", "2"} <= set(finished(tmp_path, Part))
    assert "3" not in finished(tmp_path, Part)


def test_a_failure_ends_a_shard_in_which_many_items_still_wait(tmp_path: Path) -> None:
    def fail(item: str) -> tuple[Part, ...]:
        raise ValueError(item)

    began = time.monotonic()
    items = {str(number): str(number) for number in range(50)}
    with pytest.raises(ValueError, match=r"^[01]$"):
        work_through(items, fail, Part, tmp_path, slots=Slots(2))
    assert time.monotonic() - began < 10


def test_ctrl_c_lets_what_is_live_end_and_starts_nothing_more(tmp_path: Path) -> None:
    def work(item: str) -> tuple[Part, ...]:
        if item == "2":
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.02)
        return (part(item),)

    items = {str(number): str(number) for number in range(50)}
    with ThreadPoolExecutor() as pool, stoppable():
        shard = pool.submit(work_through, items, work, Part, tmp_path, slots=Slots(2))
        assert isinstance(shard.exception(), Stopped)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    done = finished(tmp_path, Part)
    assert {"0", "1", "2"} <= set(done)
    assert len(done) < 50
    assert f"stopped with {50 - len(done)} to do" in str(shard.exception())
    assert list(work_through(items, work_quietly, Part, tmp_path, slots=Slots(2))) == list(items)


def work_quietly(item: str) -> tuple[Part, ...]:
    return (part(item),)


class Busy(Load):
    """A machine of one core on which a limit stays what it is."""

    cores = 1

    def strain(self) -> float:
        return 0.85


def test_only_running_items_have_a_thread_however_many_wait(tmp_path: Path) -> None:
    threads: list[int] = []

    def work(item: int) -> tuple[Part, ...]:
        threads.append(sum(thread.name.startswith("trial") for thread in threading.enumerate()))
        time.sleep(0.005)
        return (part(str(item)),)

    slots = Slots(1000, Busy())
    work_through({str(number): number for number in range(200)}, work, Part, tmp_path, slots=slots)
    assert slots.gate.highest == START_A_CORE
    assert max(threads) <= 2 * START_A_CORE  # one that has just left its slot may not have taken up the next item yet


def test_a_finished_item_is_journalled_while_others_hold_every_slot(tmp_path: Path) -> None:
    slots = Slots(1)

    def close_behind_me(item: str) -> tuple[Part, ...]:
        slots.gate.close(3600)
        return (part(item),)

    def reopen(done: int, records: tuple[Part, ...]) -> None:
        slots.gate.closed_until = 0.0

    items = {"first": "first", "second": "second"}
    shard = threading.Thread(
        target=work_through,
        args=(items, close_behind_me, Part, tmp_path),
        kwargs={"slots": slots, "on_done": reopen},
        daemon=True,
    )
    shard.start()
    shard.join(30)
    assert set(finished(tmp_path, Part)) == {"first", "second"}


def test_slots_are_given_back_by_items_that_fail(tmp_path: Path) -> None:
    def fail(item: str) -> tuple[Part, ...]:
        raise ValueError(item)

    slots = Slots(2)
    with pytest.raises(ValueError, match="only"):
        work_through({"only": "only"}, fail, Part, tmp_path, slots=slots)
    assert slots.gate.live == 0


def test_two_shards_that_share_slots_both_come_to_their_end(tmp_path: Path) -> None:
    slots = Slots(2)
    live: list[int] = []

    def work(item: int) -> tuple[Part, ...]:
        live.append(slots.gate.live)
        return (part(str(item)),)

    def shard(name: str) -> None:
        work_through({str(number): number for number in range(20)}, work, Part, tmp_path / name, slots=slots)

    threads = [threading.Thread(target=shard, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(live) == 40
    assert max(live) <= 2


@pytest.mark.parametrize("cut", [1, 5, 17, 30])
def test_a_torn_tail_is_cut_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path, 1) as journal:
        journal.append(b"first")
        journal.append(b"second, and longer than the first")
    path = tmp_path / "journal-000001.log"
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_journals(tmp_path)) == [b"first"]


def test_a_damaged_record_ends_its_journal_but_not_the_next_holders(tmp_path: Path) -> None:
    with Journal(tmp_path, 1) as journal:
        journal.append(b"good")
        journal.append(b"bad")
    path = tmp_path / "journal-000001.log"
    path.write_bytes(path.read_bytes().replace(b"bad", b"mad"))
    with Journal(tmp_path, 2) as journal:
        journal.append(b"later")
    assert list(read_journals(tmp_path)) == [b"good", b"later"]


def test_a_live_holder_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with held(tmp_path, poll_s=0.01):
            order.append("second")

    with held(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_an_expired_lease_is_taken_over_and_its_holder_is_fenced_off(tmp_path: Path) -> None:
    with held(tmp_path, ttl_s=1000) as old:
        elsewhere = Entry(
            fence=old.fence, expires=time.time() - 1, holder=Holder(machine="another", pid=1, started="1")
        )
        (tmp_path / "lease.json").write_text(elsewhere.model_dump_json())
        with held(tmp_path) as new:
            assert new.fence == old.fence + 1
            with pytest.raises(LeaseLost):
                old.check()


def test_a_lease_of_another_machine_binds_until_it_expires(tmp_path: Path) -> None:
    elsewhere = Entry(fence=7, expires=time.time() + 0.5, holder=Holder(machine="another", pid=1, started="1"))
    (tmp_path / "lease.json").write_text(elsewhere.model_dump_json())
    start = time.monotonic()
    with held(tmp_path, poll_s=0.05) as lease:
        assert time.monotonic() - start > 0.4
        assert lease.fence == 8


KILLED = """
    import sys, time
    from pathlib import Path
    from termforge.schemas import Part
    from termforge.shard import work_through
    from termforge.slots import Slots

    def work(item):
        if item == 2:
            time.sleep(60)
        return (Part(name=str(item), rows=0, bytes=0, sha256=""),)

    work_through({str(n): n for n in range(4)}, work, Part, Path(sys.argv[1]), slots=Slots(1))
"""


def test_a_killed_holder_is_replaced_at_once_and_its_work_is_kept(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], cwd=ROOT)
    with process:
        while set(finished(tmp_path, Part)) != {"0", "1"}:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    calls: list[int] = []

    def work(item: int) -> tuple[Part, ...]:
        calls.append(item)
        return (part(str(item)),)

    start = time.monotonic()
    done = work_through({str(number): number for number in range(4)}, work, Part, tmp_path, slots=Slots(1))
    assert time.monotonic() - start < 5
    assert calls == [2, 3]
    assert list(done) == ["0", "1", "2", "3"]


def _append_all(folder: Path, barrier: "multiprocessing.synchronize.Barrier", name: str) -> None:
    def work(item: int) -> tuple[Part, ...]:
        with (folder / "calls").open("a") as file:
            file.write(f"{item} {name}\n")
        return (part(str(item)),)

    barrier.wait()
    work_through({str(number): number for number in range(20)}, work, Part, folder, slots=Slots(2))


def test_two_live_processes_never_do_an_item_twice(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_append_all, args=(tmp_path, barrier, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    items = [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]
    assert sorted(items, key=int) == [str(number) for number in range(20)]
