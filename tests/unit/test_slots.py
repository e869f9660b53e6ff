"""How many trials may be live follows the load, within what the user says."""

from collections.abc import Iterator

import pytest

from termforge import slots as module
from termforge.load import Load
from termforge.slots import LEAST_A_CORE, START_A_CORE, Slots, process_slots


class Told(Load):
    """A machine of one core whose load is told."""

    cores = 1
    level = 0.0
    short = False

    def strain(self) -> float:
        return self.level

    def memory_is_short(self) -> bool:
        return self.short


@pytest.fixture(autouse=True)
def at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.0)


def churn(slots: Slots, times: int) -> None:
    """Trials end and others begin."""
    for _ in range(times):
        if slots.gate.live:
            slots.leave()
        while slots.enter(0.0):
            pass


def test_a_calm_machine_is_filled_up_to_what_the_user_says() -> None:
    slots = Slots(50, Told())
    churn(slots, 10)
    assert (slots.gate.limit, slots.gate.live, slots.gate.highest) == (50, 50, 50)


def test_it_begins_with_a_few_a_core() -> None:
    assert Slots(50, Told()).gate.limit == START_A_CORE


def test_a_small_limit_of_the_user_binds_from_the_first() -> None:
    slots = Slots(1, Told())
    churn(slots, 3)
    assert slots.gate.highest == 1


def test_load_shrinks_what_is_live_but_not_below_a_few_a_core() -> None:
    load = Told()
    slots = Slots(50, load)
    churn(slots, 10)
    load.level = 1.0
    churn(slots, 10)
    assert LEAST_A_CORE < slots.gate.live < 50
    churn(slots, 300)
    assert slots.gate.live == LEAST_A_CORE


def test_a_machine_that_is_well_used_is_left_as_it_is() -> None:
    load = Told()
    slots = Slots(50, load)
    churn(slots, 2)
    before = slots.gate.limit
    load.level = 0.85
    churn(slots, 10)
    assert slots.gate.limit == before


def test_the_limit_rises_again_when_the_load_is_gone() -> None:
    load = Told()
    load.level = 1.0
    slots = Slots(50, load)
    churn(slots, 10)
    load.level = 0.0
    churn(slots, 200)
    assert slots.gate.live == 50


def test_nothing_starts_beside_a_live_trial_while_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.2)
    load = Told()
    load.short = True
    slots = Slots(50, load)
    assert slots.enter(0.0)
    assert not slots.enter(0.5)
    slots.leave()
    assert slots.enter(5.0)
    load.short = False
    assert slots.enter(5.0)


@pytest.fixture
def fresh() -> Iterator[None]:
    process_slots.cache_clear()
    yield
    process_slots.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_shards_of_a_process_that_say_the_same_share_their_slots() -> None:
    assert process_slots(3) is process_slots(3)
