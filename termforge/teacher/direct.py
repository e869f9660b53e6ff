"""`hosted_vllm/` models with an `api_base`, asked directly: one POST over a pool of connections.

litellm spends five milliseconds of processor on a call, more than a turn of the terminal takes; where the service is
one's own and speaks OpenAI's protocol there is nothing to translate. Everything else goes through litellm.
"""

import asyncio
import atexit
import json
import os
from functools import cache
from types import SimpleNamespace
from typing import Any

PREFIX = "hosted_vllm/"
KEY = "HOSTED_VLLM_API_KEY"
"""As litellm names it; a service without keys needs none."""
_TOO_LONG = ("maximum context length", "context length exceeded", "longer than the maximum model length")


class RefusedError(Exception):
    """The service answered with an error. Told apart by faults.py, as litellm's errors are."""

    def __init__(self, status_code: int, headers: dict[str, str], text: str) -> None:
        super().__init__(f"status {status_code}: {text}")
        self.status_code, self.response_headers = status_code, headers


class ContextWindowExceededError(RefusedError):
    """The conversation does not fit into the model's window."""


class NoAnswerError(Exception):
    """What came is no chat completion."""


def serves(model: str, api_base: str | None) -> bool:
    return model.startswith(PREFIX) and api_base is not None


async def ask(request: dict[str, Any]) -> Any:
    """The completion, its JSON objects as attributes. `request` is what litellm's `acompletion` takes.

    Raises: RefusedError, NoAnswerError, aiohttp.ClientError.
    """
    body = {key: value for key, value in request.items() if key != "api_base"}
    body["model"] = request["model"].removeprefix(PREFIX)
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{request['api_base'].rstrip('/')}/chat/completions"
    async with _session(asyncio.get_running_loop()).post(url, json=body, headers=headers) as answer:
        text = await answer.text(errors="replace")
        if answer.status != 200:
            raise _refusal(answer.status, {name.lower(): value for name, value in answer.headers.items()}, text)
    return _completion(text)


def errors() -> tuple[type[BaseException], ...]:
    """What `ask` raises, once it was called."""
    import aiohttp

    return (RefusedError, NoAnswerError, aiohttp.ClientError)


def _completion(text: str) -> Any:
    try:
        completion = json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields))
    except ValueError as error:
        raise NoAnswerError(f"no JSON: {text[:200]!r}") from error
    if not isinstance(getattr(completion, "choices", None), list):
        raise NoAnswerError(f"no choices: {text[:200]!r}")
    return completion


def _refusal(status: int, headers: dict[str, str], text: str) -> RefusedError:
    too_long = status == 400 and any(words in text.lower() for words in _TOO_LONG)
    return (ContextWindowExceededError if too_long else RefusedError)(status, headers, text[:2000])


@cache
def _session(loop: asyncio.AbstractEventLoop) -> Any:
    """As many connections as there are calls; bounds and time limits are the caller's."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None), trust_env=True)
    atexit.register(lambda: asyncio.run_coroutine_threadsafe(session.close(), loop).result(5.0))
    return session
