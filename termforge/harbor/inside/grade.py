"""Runs an exported task's tests in Harbor's container and writes the weighted share of passed ones as the reward.

Standard library only: this file lies beside run.py in tests/.grader. The ids and weights are known beforehand, in
tests/weights.json; a test that did not report did not pass.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

TESTS = Path("/tests")
LOGS = Path("/logs/verifier")


def main() -> None:
    wanted = json.loads((TESTS / "weights.json").read_text())
    LOGS.mkdir(parents=True, exist_ok=True)
    lines = LOGS / "results.jsonl"
    argv = [sys.executable, "-I", str(TESTS / ".grader/run.py"), str(TESTS)]
    with lines.open("wb") as out, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(argv, stdout=out, timeout=wanted["timeout_s"], check=False)
    weights: dict[str, float] = wanted["weights"]
    passed = _passed(lines.read_text())
    score = sum(weight for name, weight in weights.items() if name in passed) / sum(weights.values())
    (LOGS / "reward.txt").write_text(f"{score}\n")


def _passed(lines: str) -> set[str]:
    """Ids of passed tests; a torn last line is left out."""
    passed: set[str] = set()
    for line in lines.splitlines():
        with contextlib.suppress(ValueError):
            result = json.loads(line)
            if result.get("passed") is True:
                passed.add(result["id"])
    return passed


if __name__ == "__main__":
    main()
