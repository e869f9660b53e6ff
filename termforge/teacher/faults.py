"""What an error of a model's service means: for the caller, for the budget, for the ledger.

Works on the exceptions of litellm and of direct.py by name, so that judging imports neither. litellm calls a cut
connection and a missing key alike "status 500"; only response headers prove that the service answered.
"""

import re
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from termforge.errors import ContextExceeded, EmptyReply, InputError, TeacherError

_RETRIED_4XX = (408, 409, 425, 429)
_OF_THE_CONTENT = re.compile(
    "content exists risk|inappropriate content|data_inspection_failed|敏感内容|"
    "content.{0,20}(filter|policy)|usage policy",
    re.IGNORECASE,
)
"""How services refuse a single prompt with status 400; any other 400 is of the settings, and holds for every prompt."""


class Fault(NamedTuple):
    outcome: str
    """For the ledger."""
    free: bool
    """The service said no, or was never reached; otherwise the call may have been paid for."""
    error: type[TeacherError] | type[InputError] | None
    """None: another attempt may help."""
    status: int = 0
    wait_s: float | None = None
    """What the service asked for."""

    @property
    def overloaded(self) -> bool:
        """The service said that there were too many calls. A mere 503 may as well mean that it is down."""
        return self.free and (self.status in (429, 529) or (self.status == 503 and self.wait_s is not None))


def judge(error: BaseException) -> Fault:
    status = int(getattr(error, "status_code", None) or 0)
    headers = getattr(error, "litellm_response_headers", None) or getattr(error, "response_headers", None) or {}
    kinds = {kind.__name__ for kind in type(error).__mro__}
    causes = {f"{type(cause).__module__}.{type(cause).__name__}" for cause in _chain(error)}
    if "ContextWindowExceededError" in kinds:
        return Fault("context exceeded", True, ContextExceeded, status)
    if "ContentPolicyViolationError" in kinds or (status == 400 and _OF_THE_CONTENT.search(str(error))):
        return Fault("content refused", True, EmptyReply, status)
    if 400 <= status < 500 and status not in _RETRIED_4XX:
        return Fault("refused", True, InputError, status)
    if "openai.OpenAIError" in causes:  # the SDK itself, before anything was sent: it found no credentials
        return Fault("refused", True, InputError, 401)
    if status == 429 or (status >= 500 and headers):
        outcome = "rate limited" if status == 429 else "service failed"
        return Fault(outcome, True, None, status, seconds(headers.get("retry-after")))
    if causes & {"httpx.ConnectError", "aiohttp.client_exceptions.ClientConnectorError"}:
        return Fault("unreachable", True, None)
    return Fault("timed out" if kinds & {"TimeoutError", "Timeout"} else "cut off", False, None, status)


def seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After header, which holds seconds or an HTTP date; None where it holds neither."""
    if retry_after is None:
        return None
    try:
        wait_s = float(retry_after)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, wait_s)


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
