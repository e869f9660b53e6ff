import pytest

from termforge.teacher.prices import Price

TIERED = {
    "input_cost_per_token": 1e-6,
    "input_cost_per_token_above_128k_tokens": 2e-6,
    "input_cost_per_token_priority": 9e-6,
    "input_cost_per_token_above_200k_tokens_batches": None,
    "cache_creation_input_token_cost": 1.25e-6,
    "output_cost_per_token": 3e-6,
    "output_cost_per_reasoning_token": 4e-6,
    "max_input_tokens": 1000,
}


def test_the_dearest_ordinary_tier_is_what_a_reservation_counts_with() -> None:
    assert Price.dearest(TIERED) == (2e-6, 4e-6)


def test_a_model_may_be_free_but_no_price_is_not_free() -> None:
    assert Price.dearest({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}) == (0.0, 0.0)
    assert Price.dearest({"input_cost_per_token": None, "output_cost_per_token": 1e-6}) is None
    assert Price.dearest({}) is None


def test_cost_is_tokens_times_price() -> None:
    assert Price(1e-6, 2e-6).cost(1000, 500) == pytest.approx(0.002)
