"""A limit that rises while all goes well and falls when it does not, and the gate that keeps it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from termforge.adaptive import Aimd, Gate, own_time

WAIT_S = 20.0
NEVER_S = 3600.0
"""Of a gate's polls, so that a call that a waiter does not hear shows."""


def waited_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


@contextmanager
def started(*work: Callable[[], object]) -> Iterator[None]:
    """Threads, which must have ended with the block."""
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    yield
    deadline = time.monotonic() + WAIT_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads)


def test_a_limit_doubles_every_round_until_it_is_cut_and_creeps_afterwards() -> None:
    rule = Aimd(4, most=1000, keep=0.5)
    rule.went_well(0.0, 1.0)
    rule.went_well(1.0, 1.0)
    assert rule.limit == 16
    rule.went_badly(2.0, 2.0)
    assert rule.limit == 8
    rule.went_well(3.0, 1.0)
    assert rule.limit == 8.5


def test_a_high_limit_creeps_by_a_share_of_itself() -> None:
    rule = Aimd(320, most=1000, keep=0.5)
    rule.went_badly(0.0, 0.0)
    rule.went_well(1.0, 1.0)
    assert rule.limit == 170


def test_a_burst_of_bad_signs_counts_once() -> None:
    rule = Aimd(20, most=100, keep=0.5)
    for _ in range(12):
        rule.went_badly(since=3.0, now=4.0)
    assert rule.limit == 10
    rule.went_badly(since=4.0, now=5.0)
    assert rule.limit == 5


def test_what_began_before_a_cut_does_not_raise_the_limit_either() -> None:
    rule = Aimd(20, most=100, keep=0.5)
    rule.went_badly(since=3.0, now=4.0)
    rule.went_well(since=3.0, rounds=1.0)
    assert rule.limit == 10


SIGNS = st.tuples(st.booleans(), st.floats(0, 100), st.floats(0, 100), st.floats(0, 3))


@given(start=st.integers(0, 50), least=st.integers(1, 9), most=st.integers(9, 40), signs=st.lists(SIGNS))
def test_a_limit_stays_between_its_bounds(
    start: int, least: int, most: int, signs: list[tuple[bool, float, float, float]]
) -> None:
    rule = Aimd(start, least=least, most=most, keep=0.7)
    for well, since, now, rounds in signs:
        rule.went_well(since, rounds) if well else rule.went_badly(since, now)
        assert least <= rule.limit <= most


def full(limit: int, *, poll_s: float = NEVER_S) -> Gate:
    """A gate of which every slot is taken."""
    gate = Gate("test", Aimd(limit, most=100, keep=0.5), poll_s=poll_s)
    for _ in range(limit):
        assert gate.enter(0.0)
    return gate


def test_nobody_is_let_in_beyond_the_limit() -> None:
    gate = full(3)
    assert not gate.enter(0.01)
    assert (gate.live, gate.highest) == (3, 3)


def test_who_waits_first_gets_the_slot_of_who_leaves() -> None:
    gate = full(1)
    entered: list[str] = []

    def enter(name: str) -> None:
        gate.enter()
        entered.append(name)

    with started(lambda: enter("first")):
        assert waited_for(lambda: len(gate._queue) == 1)
        with started(lambda: enter("second")):
            assert waited_for(lambda: len(gate._queue) == 2)
            gate.leave()
            assert waited_for(lambda: entered == ["first"])
            gate.leave()
    assert entered == ["first", "second"]


def test_a_raised_limit_lets_waiters_in_at_once() -> None:
    gate = full(2)
    with started(gate.enter, gate.enter):
        assert waited_for(lambda: len(gate._queue) == 2)
        gate.went_well(time.monotonic(), rounds=1.0)
        assert waited_for(lambda: gate.live == 4)


def test_while_slots_are_free_success_does_not_raise_the_limit() -> None:
    gate = full(4)
    gate.leave()
    gate.went_well(time.monotonic(), rounds=1.0)
    assert gate.limit == 4


def test_a_cut_waits_for_the_one_before_it_to_take_effect() -> None:
    gate = full(16)
    gate.went_badly(time.monotonic())
    gate.went_badly(time.monotonic())
    assert gate.limit == 8
    for _ in range(8):
        gate.leave()
    gate.went_badly(time.monotonic())
    assert gate.limit == 4


def test_a_closed_gate_lets_nobody_in_until_it_opens() -> None:
    gate = Gate("test", Aimd(4, most=4, keep=0.5), poll_s=NEVER_S)
    gate.close(0.3)
    assert not gate.enter(0.0)
    closed_until = gate.closed_until
    assert gate.enter()
    assert time.monotonic() >= closed_until


def test_what_is_raised_while_waiting_ends_the_wait_and_takes_no_slot() -> None:
    gate = full(1, poll_s=0.01)

    def give_up() -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        gate.enter(meanwhile=give_up)
    gate.leave()
    assert gate.live == 0
    assert gate.enter(0.0)


def test_a_turn_that_came_while_giving_up_is_passed_on() -> None:
    gate = full(1, poll_s=0.01)

    def leave_and_give_up() -> None:
        gate.leave()  # the waiter is let in here
        raise ValueError("too late")

    with pytest.raises(ValueError, match="too late"):
        gate.enter(meanwhile=leave_and_give_up)
    assert gate.live == 0


def test_own_time_stands_still_at_a_gate_and_only_there() -> None:
    gate = full(1)
    own, outer = own_time(), time.monotonic()
    gate.enter(0.3)
    assert own_time() - own <= time.monotonic() - outer - 0.3
    own = own_time()
    time.sleep(0.05)
    assert own_time() - own >= 0.05


def test_own_time_is_a_threads_own() -> None:
    gate = full(1)
    with started(lambda: gate.enter(0.3)):
        own = own_time()
        time.sleep(0.4)
        assert own_time() - own >= 0.4


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 6),
    most=st.integers(1, 8),
    visits=st.lists(st.lists(st.sampled_from(["well", "badly", ""]), max_size=12), min_size=1, max_size=16),
)
def test_every_visitor_gets_in_and_never_too_many_at_once(limit: int, most: int, visits: list[list[str]]) -> None:
    gate = Gate("test", Aimd(limit, most=most, keep=0.5), poll_s=NEVER_S)
    counting, inside, seen = threading.Lock(), 0, [0]

    def visit(signs: list[str]) -> None:
        nonlocal inside
        for sign in signs:
            began = time.monotonic()
            assert gate.enter()
            with counting:
                inside += 1
                seen.append(inside)
            if sign == "well":
                gate.went_well(began)
            elif sign == "badly":
                gate.went_badly(began)
            with counting:
                inside -= 1
            gate.leave()

    with started(*(lambda signs=signs: visit(signs) for signs in visits)):
        pass
    assert gate.live == 0
    assert max(seen) <= gate.highest <= most
    assert 1 <= gate.limit <= most


def test_a_limit_that_changed_much_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gate = full(16)
    gate.went_well(time.monotonic(), rounds=0.1)
    gate.went_badly(time.monotonic())
    assert [record.getMessage() for record in caplog.records] == ["test: cut from 16 to 8 at once"]
