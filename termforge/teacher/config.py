"""Which model answers, within what limits and at what price. The teacher itself: service.py."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from termforge.schemas import Record
from termforge.teacher.prices import Price


class TeacherConfig(Record):
    """Which model answers, and how. Holds no secret: it is logged and stored with what the model wrote."""

    model: str
    """As litellm names it: `deepseek/deepseek-chat`, `hosted_vllm/NAME` with an api_base, ..."""
    api_base: str | None = None
    temperature: float | None = None
    """None leaves it to the service, as does top_p."""
    top_p: float | None = None
    max_output_tokens: int = Field(default=8192, gt=0)
    """Reasoning included where the service counts it so."""
    context_tokens: int | None = Field(default=None, gt=0)
    """The model's window; None takes what litellm knows, and leaves refusing to the service where it knows nothing."""
    call_s: float = Field(default=600.0, gt=0)
    """Seconds after which one attempt is given up and made again."""
    attempts: int = Field(default=8, gt=0)
    retry_base_s: float = Field(default=1.0, gt=0)
    """Mean wait before the second attempt; it doubles from there to a minute. Retry-After goes first."""
    max_calls: int = Field(default=1024, gt=0, exclude=True)
    """Calls in flight at once, at most; how many the service bears is found from its refusals. Not written down with
    what the model said, nor part of its version: the same comes of few calls at once as of many."""
    usd_per_million_input: float | None = Field(default=None, ge=0)
    """Prices of a model that litellm does not know, or not rightly: both or none. Cached input counts in full."""
    usd_per_million_output: float | None = Field(default=None, ge=0)

    @field_validator("api_base")
    @classmethod
    def _address_carries_no_secret(cls, address: str | None) -> str | None:
        parts = urlsplit(address or "http://")
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("api_base must be a plain http(s) address, without credentials or a query")
        return address

    @model_validator(mode="after")
    def _prices_go_together(self) -> Self:
        if (self.usd_per_million_input is None) != (self.usd_per_million_output is None):
            raise ValueError("usd_per_million_input and usd_per_million_output go together")
        return self

    @property
    def price(self) -> Price | None:
        """The user's own figures."""
        if self.usd_per_million_input is None or self.usd_per_million_output is None:
            return None
        return Price(self.usd_per_million_input / 1e6, self.usd_per_million_output / 1e6)
