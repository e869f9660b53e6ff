"""What reaches for a network is found, and what only looks like it is left alone."""

import time

import pytest

from termforge.schemas import Command, File, ImageRecipe, Need, Provenance, Step, TerminalTask, Test, Verifier
from termforge.validate.mutants import DOING
from termforge.validate.offline import offline


def terminal_task(keystrokes: str = "", source: str = "", needs: frozenset[Need] = frozenset()) -> TerminalTask:
    return TerminalTask(
        image=ImageRecipe(name="host", recipe=""),
        instruction="Do it.",
        solution=(Step(analysis="", plan="", commands=(Command(keystrokes=f"{keystrokes}\n"),)),),
        verifier=Verifier(
            files=(File(path="/tests/test_a.py", content=source.encode()),), tests=(Test(id="test_a.py::test_it"),)
        ),
        needs=needs,
        provenance=Provenance(source="forge", generator="test@1"),
    )


@pytest.mark.parametrize(
    "keystrokes",
    [
        "curl -s http://example.org",
        "  curl http://example.org",
        "cd /tmp && wget http://example.org",
        "x=$(curl http://example.org)",
        "`wget http://example.org`",
        "timeout 5 curl http://example.org",
        "TZ=UTC LANG=C curl http://example.org",
        "if curl -s http://example.org; then echo up; fi",
        "cat urls | xargs curl",
        "ssh root@example.org",
        "sudo apt-get install jq",
        "apt-get -y -q install jq",
        "pip install numpy",
        "python3 -m pip install numpy",
        "uv pip install numpy",
        "npm install left-pad",
        "git clone https://example.org/a",
        "cat > x <<'E'\n1\nE\ncurl http://example.org",
    ],
)
def test_solutions_that_fetch(keystrokes: str) -> None:
    assert offline(terminal_task(keystrokes)).startswith("the solution types ")
    assert offline(terminal_task(keystrokes, needs=frozenset({Need.PACKAGES}))) == ""


@pytest.mark.parametrize(
    "keystrokes",
    [
        "ssh-keygen -t ed25519 -N '' -f /app/key",
        "scp-log --help",
        "echo curl",
        "curl http://localhost:8000/health",
        "cat > /app/get.sh <<'E'\n#!/bin/bash\ncurl -s \"$1\"\nE\nchmod +x /app/get.sh",
        "cat > /app/get.sh <<-E\n\tcurl x\n\tE\necho",
        "pip list",
        "git clone /app/origin /app/copy",
        "apt list --installed",
    ],
)
def test_solutions_that_do_not(keystrokes: str) -> None:
    assert offline(terminal_task(keystrokes)) == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import socket\ndef test_it(): assert sorted(['::1'], key=socket.inet_aton)", ""),
        ("import socket\ndef test_it(): assert socket.create_connection(('x', 1))", "/tests/test_a.py imports socket"),
        ("import urllib.request\ndef test_it(): pass", "/tests/test_a.py imports urllib.request"),
        ("from urllib.parse import quote\ndef test_it(): pass", ""),
    ],
)
def test_modules_of_tests(source: str, words: str) -> None:
    assert offline(terminal_task(source=source)) == words


@pytest.mark.parametrize("typed", ["\n" * 50_000, " " * 50_000, "a=1 " * 10_000, "; " * 20_000])
def test_long_solutions_are_read_at_once(typed: str) -> None:
    start = time.process_time()
    offline(terminal_task(f"cat > /app/x\n{typed}\nend"))
    DOING.search(f"{typed}end")
    assert time.process_time() - start < 1
