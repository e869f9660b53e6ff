"""An OpenAI-compatible endpoint that plays the baseline script and says how long it took for it.

    python -m tests.benchmarks.endpoint [PORT]

The turn is the number of assistant messages in the request, so any number of conversations run at once. `GET /seconds`
gives the seconds spent over all requests since the last such question, as `{"seconds": ..., "calls": ...}`.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from aiohttp import web

from termforge.agent.protocol import render
from termforge.schemas import Command

WAIT_S = 0.1
ECHOES = 10
SCRIPT = (
    *(render("a", "p", (Command(keystrokes=f"echo turn{turn}\n", duration_s=WAIT_S),)) for turn in range(ECHOES)),
    render("a", "p", (Command(keystrokes="echo 42 > /app/out.txt\n", duration_s=WAIT_S),)),
    render("a", "p", (), task_complete=True),
    render("a", "p", (), task_complete=True),
)
WAITS_S = (ECHOES + 1) * WAIT_S
"""Requested by the whole script."""


class Endpoint:
    def __init__(self) -> None:
        self._seconds, self._calls = 0.0, 0
        self.app = web.Application()
        self.app.router.add_post("/v1/chat/completions", self.chat)
        self.app.router.add_get("/seconds", self.seconds)

    async def chat(self, request: web.Request) -> web.Response:
        start = time.perf_counter()
        messages = (await request.json())["messages"]
        turn = sum(message["role"] == "assistant" for message in messages)
        message = {"role": "assistant", "content": SCRIPT[min(turn, len(SCRIPT) - 1)]}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = {"id": "scripted", "object": "chat.completion", "created": 1, "model": "scripted"}
        answer = web.json_response(body | {"choices": [choice], "usage": usage})
        self._seconds += time.perf_counter() - start
        self._calls += 1
        return answer

    async def seconds(self, request: web.Request) -> web.Response:
        told = {"seconds": self._seconds, "calls": self._calls}
        self._seconds, self._calls = 0.0, 0
        return web.json_response(told)


@contextmanager
def endpoint() -> Iterator[tuple[str, int]]:
    """Its URL (without `/v1`) and pid, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.endpoint", str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            urlopen(f"{url}/seconds").close()
            return
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    web.run_app(Endpoint().app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
