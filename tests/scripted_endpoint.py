"""A chat-completions server that misbehaves as it is told: no model, no network beyond the loopback.

    python tests/scripted_endpoint.py --port 0 --script script.json --log requests.jsonl

It prints its base address on the first line of its output. The script is JSON with four optional fields:

    {"replies": [REPLY, ...],                           answered in order, each once
     "rules": [{"contains": "text", "reply": REPLY}],   else the first whose text the last message contains
     "otherwise": REPLY,                                else this; without it: 200 and the content "ok"
     "bears": {"calls": N, "beyond": REPLY}}            what comes while N others stall gets `beyond` instead

A rule's `reply` may be a list: answered in turn, the last for ever. The fields of a REPLY are those of `Scripted`.
The log holds one line per request, written before the answer is: what the service would bill, whatever the client saw.
"""

import argparse
import contextlib
import json
import math
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Scripted:
    """One answer. Times are in seconds."""

    content: str | None = "ok"
    reasoning_content: str | None = None
    finish_reason: str = "stop"
    status: int = 200
    error: str = "scripted failure"
    """Message of the error body when `status` is not 200."""
    code: str | None = None
    retry_after: float | str | None = None
    """Sent as the header, as it is."""
    retry_date_s: float | None = None
    """Seconds from now, sent as an HTTP date in Retry-After."""
    stall_s: float = 0.0
    trickle_s: float = 0.0
    """After the headers send a blank line every 0.05 s for so long, as services do to keep a connection alive."""
    drop: bool = False
    """Close the connection without an answer."""
    body: str | None = None
    """Answer 200 with this text, whatever it is, instead of a completion."""
    usage: dict[str, Any] | None = field(default_factory=lambda: {"prompt_tokens": 10, "completion_tokens": 5})
    """None: the reply says nothing of usage; `{}`: tokens counted as bytes / 4."""


class Script:
    """Chooses answers; safe to ask from several threads."""

    def __init__(self, script: dict[str, Any]) -> None:
        self._replies = iter(script.get("replies", []))
        self._rules = [(rule["contains"], _as_list(rule["reply"])) for rule in script.get("rules", [])]
        self._otherwise = script.get("otherwise", {})
        bears = script.get("bears", {"calls": math.inf, "beyond": {}})
        self._most, self._beyond = bears["calls"], Scripted(**bears["beyond"])
        self._serving = 0
        self._asked: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def reply_to(self, last_message: str) -> Iterator[Scripted]:
        """The answer; thinking about it takes as long as the block."""
        with self._lock:
            served = self._serving < self._most
            self._serving += served
            scripted = Scripted(**self._choose(last_message)) if served else self._beyond
        try:
            yield scripted
        finally:
            with self._lock:
                self._serving -= served

    def _choose(self, last_message: str) -> dict[str, Any]:
        for reply in self._replies:
            return reply
        for number, (text, replies) in enumerate(self._rules):
            if text in last_message:
                self._asked[number] += 1
                return replies[min(self._asked[number], len(replies)) - 1]
        return self._otherwise


class ScriptedEndpoint:
    """The server; as a context manager it runs in a thread. `requests` is the log so far."""

    def __init__(self, script: dict[str, Any] | None = None, *, port: int = 0, log: Path | None = None) -> None:
        self._script = Script(script or {})
        self._log = log
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.endpoint = self
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def serve_forever(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def __enter__(self) -> "ScriptedEndpoint":
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def answer(self, body: dict[str, Any], authorization: str) -> Iterator[tuple[int, Scripted, dict[str, int] | None]]:
        """The number of a request, its answer, and the usage that it is billed with; in the block it is worked on."""
        messages = body.get("messages", [])
        with self._script.reply_to(str(messages[-1]["content"]) if messages else "") as scripted:
            usage = _usage(scripted, messages)
            yield self._logged(body, authorization, scripted, usage), scripted, usage

    def _logged(
        self, body: dict[str, Any], authorization: str, scripted: Scripted, usage: dict[str, int] | None
    ) -> int:
        entry = {
            "received": time.time(),
            "status": 0 if scripted.drop else scripted.status,
            "authorization": authorization,
            "body": body,
            "usage": usage if scripted.status == 200 else None,
        }
        with self._lock:
            entry = {"number": len(self.requests), **entry}
            self.requests.append(entry)
            if self._log is not None:
                with self._log.open("a") as log:
                    log.write(json.dumps(entry) + "\n")
        number: int = entry["number"]
        return number


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    endpoint: ScriptedEndpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle of an answer is part of the play."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.endpoint.answer(body, self.headers.get("Authorization", "")) as (number, scripted, usage):
            time.sleep(scripted.stall_s)
        if scripted.drop:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        elif scripted.body is not None:
            self._send(200, scripted.body.encode(), {})
        elif scripted.status != 200:
            self._send(scripted.status, _error_body(scripted), _retry_after(scripted))
        else:
            self._send(200, _completion(number, body, scripted, usage), {}, scripted.trickle_s)

    def _send(self, status: int, content: bytes, headers: dict[str, str], trickle_s: float = 0.0) -> None:
        blanks = int(trickle_s / 0.05)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(blanks + len(content)))
        self.end_headers()
        for _ in range(blanks):
            self.wfile.write(b"\n")
            time.sleep(0.05)
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the log file is the record."""


def _completion(number: int, body: dict[str, Any], scripted: Scripted, usage: dict[str, int] | None) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": scripted.content}
    if scripted.reasoning_content is not None:
        message["reasoning_content"] = scripted.reasoning_content
    completion: dict[str, Any] = {
        "id": f"scripted-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": scripted.finish_reason}],
    }
    if usage is not None and scripted.usage is not None:
        completion["usage"] = {"total_tokens": usage["prompt_tokens"] + usage["completion_tokens"], **usage}
    return json.dumps(completion).encode()


def _usage(scripted: Scripted, messages: list[dict[str, Any]]) -> dict[str, int]:
    if scripted.usage:
        return scripted.usage
    text = "".join(str(message["content"]) for message in messages)
    answer = (scripted.content or "") + (scripted.reasoning_content or "")
    return {"prompt_tokens": len(text.encode()) // 4 + 1, "completion_tokens": len(answer.encode()) // 4 + 1}


def _error_body(scripted: Scripted) -> bytes:
    return json.dumps({"error": {"message": scripted.error, "type": "scripted", "code": scripted.code}}).encode()


def _retry_after(scripted: Scripted) -> dict[str, str]:
    if scripted.retry_date_s is not None:
        return {"Retry-After": formatdate(time.time() + scripted.retry_date_s, usegmt=True)}
    return {} if scripted.retry_after is None else {"Retry-After": str(scripted.retry_after)}


def _as_list(replies: Any) -> list[dict[str, Any]]:
    return replies if isinstance(replies, list) else [replies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    script = json.loads(arguments.script.read_text()) if arguments.script else {}
    endpoint = ScriptedEndpoint(script, port=arguments.port, log=arguments.log)
    print(endpoint.url, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        endpoint.serve_forever()


if __name__ == "__main__":
    main()
