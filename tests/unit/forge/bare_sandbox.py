"""The least sandbox that plays a forged task: bwrap on this machine's /usr, bash reading keystrokes, then pytest."""

import subprocess
import sys
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

from termforge.schemas import TerminalTask

SYSTEM = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-all"]
SYSTEM += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]  # where Debian's awk leads
SETTINGS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}


def lay(terminal_task: TerminalTask, root: Path) -> Path:
    """The task's files below `root`/app."""
    (root / "app").mkdir()
    for file in terminal_task.files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)
    return root


def play(root: Path, keystrokes: Iterable[str]) -> str:
    """What bash prints while the keystrokes reach it, history expansion on as at a prompt."""
    typed = "set -o history -o histexpand\n" + "".join(keystrokes) + "\n"
    argv = [*_bwrap(root), "--chdir", "/app", "bash", "--norc"]
    finished = subprocess.run(
        argv, input=typed, env=SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    return finished.stdout


def grade(terminal_task: TerminalTask, root: Path) -> dict[str, str]:
    """Per test id why it failed; empty for a passed one."""
    tests, results = root / "tests", root / "results"
    for folder in (tests, results, root / "grader"):
        folder.mkdir(exist_ok=True)
    for file in terminal_task.verifier.files:
        (root / file.path.lstrip("/")).write_bytes(file.content)
    run_agent = resources.files("termforge").joinpath("grader/termforge_grader.py").read_text()
    (root / "grader" / "termforge_grader.py").write_text(run_agent)
    argv = [
        *_bwrap(root, "tests", "grader"),
        *("--bind", str(results), "/results"),
        *(part for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)) for part in ("--ro-bind", prefix, prefix)),
        *(
            sys.executable,
            "-B",
            "-m",
            "pytest",
            "/tests",
            "-q",
            "-p",
            "no:cacheprovider",
            "--junitxml=/results/out.xml",
        ),
    ]
    subprocess.run(argv, env={**SETTINGS, "PYTHONPATH": "/grader"}, capture_output=True, timeout=120, check=False)
    cases = ElementTree.parse(results / "out.xml").iter("testcase")
    return {f"test_outputs.py::{case.get('name')}": _reason(case) for case in cases}


def _reason(case: ElementTree.Element) -> str:
    return next((child.get("message", child.tag) for child in case if child.tag in ("failure", "error")), "")


def _bwrap(root: Path, *read_only: str) -> list[str]:
    links = [
        part
        for name in ("bin", "lib", "lib64", "sbin")
        if Path(f"/{name}").is_symlink()
        for part in ("--symlink", f"usr/{name}", f"/{name}")
    ]
    bound = [part for name in read_only for part in ("--ro-bind", str(root / name), f"/{name}")]
    return ["bwrap", *SYSTEM, *links, "--bind", str(root / "app"), "/app", *bound]
