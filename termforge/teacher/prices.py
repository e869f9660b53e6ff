"""What a call to a model costs; the user's own figures, or the dearest in a table entry of litellm's format."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Price(NamedTuple):
    """Dollars per token."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        return input_tokens * self.input + output_tokens * self.output

    @classmethod
    def dearest(cls, entry: Mapping[str, Any]) -> Self | None:
        """The highest prices that a call at the ordinary service tier can meet; None where the entry has none."""
        inputs = _highest(entry, "input_cost_per_token", "cache_creation_input_token_cost")
        outputs = _highest(entry, "output_cost_per_token", "output_cost_per_reasoning_token")
        return None if inputs is None or outputs is None else cls(inputs, outputs)


def _highest(entry: Mapping[str, Any], base: str, other: str) -> float | None:
    """Over the base price, the other one, and those that long contexts raise (`..._above_128k_tokens`)."""
    if entry.get(base) is None:
        return None
    tier = re.compile(rf"({base}|{other})(_above_\d+k_tokens)?")
    return max(float(price) for name, price in entry.items() if price is not None and tier.fullmatch(name))
