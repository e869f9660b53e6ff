"""What a task's tests may import: a way to run the agent's code without trusting it.

Stdlib only; laid into the grader's sandbox beside run.py.
"""

import contextlib
import os
import signal
import subprocess
import tempfile

DEMOTE: list[str] = []
"""Argv prefix that drops to another uid; run.py's caller fills it in."""


def run_agent(argv: list[str], stdin: str = "", timeout_s: float = 10) -> "subprocess.CompletedProcess[str]":
    """Run a program that the agent wrote, as another user in an empty folder, and return its output as text.

    After `timeout_s` seconds it is ended with everything it started, and the return code is -9.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # noqa: PTH101
        process = subprocess.Popen(
            [*DEMOTE, *argv],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            stdout, stderr = process.communicate()
        finally:
            _end(process)
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def _end(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
