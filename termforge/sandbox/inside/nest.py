"""Process 1 of a nest: a Python of the image with pytest imported, which forks process 1 of each grader's sandbox.

The nest is a sandbox in which nothing of a trial ever is. Its fork makes namespaces and a root of its own before
anything of a trial reaches it, so that nothing done there is seen by the nest or by later forks. What they share is
what a fork shares: addresses, and the seed of hashes. The nest's end is, by its pid namespace, the end of all of them.

Started as `python -I nest.py CONTROL MOUNTED...`: the engine's socket, and what is mounted read-only in each root.
"""

import atexit
import contextlib
import ctypes  # noqa: F401  termforge_grader.py needs it as well
import gc
import os
import signal
import socket
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import NoReturn

import pytest  # noqa: F401
from _pytest.config import default_plugins

for plugin in default_plugins:
    __import__(f"_pytest.{plugin}")
FRESH = frozenset(sys.modules)
"""What a Python has imported by the time its pytest looks for tests. A script finds nothing else imported."""
sys.path.insert(0, str(Path(__file__).parents[3]))

from termforge.sandbox.inside import init  # noqa: E402
from termforge.sandbox.inside.root import enter, keep_capabilities, lift_loopback, unshare  # noqa: E402
from termforge.sandbox.zygote import Request, check, lay_root, libc, serve  # noqa: E402

del sys.path[0]

SCRIPT = [b"/opt/termforge/grader/python", b"-I"]
OOM_SCORE = "200"
"""A fifth of the sandbox's memory."""
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME = 1, 4, 15


def main() -> None:
    engine = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    engine.send(b"ready")
    init.be_quiet()
    gc.freeze()  # collecting would write into pages shared with the forks
    serve(engine, build)


def build(request: Request, control: socket.socket) -> None:
    """A sandbox's namespaces and its process 1, whose end is awaited."""
    unshare()
    folders = lay_root(request)
    if os.fork() == 0:
        rule(folders, control)
    control.close()
    os.wait()


def rule(folders: dict[str, str], control: socket.socket) -> None:
    """As process 1."""
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "die with the nest")
    os.setsid()
    enter(folders, mounted=sys.argv[2:])
    lift_loopback()
    keep_capabilities()
    os.closerange(3, control.fileno())
    os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    init.rule(control, execute)


def execute(argv: list[bytes]) -> None:
    """Become a program; of a script for the grader's Python this process already is the interpreter."""
    # Process 1 is larger here than what tests start: where memory runs out, it shall not be the one to go.
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    if argv[:2] == SCRIPT and len(argv) > 2 and not argv[2].startswith(b"-"):
        run([os.fsdecode(word) for word in argv[2:]])
    os.execvp(argv[0], argv)


def run(argv: list[str]) -> NoReturn:
    """What `python -I` does with a script and its arguments, up to its end."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    libc.prctl(PR_SET_NAME, b"python", 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    for name in sys.modules.keys() - FRESH:
        del sys.modules[name]
    sys.argv = argv
    os._exit(code_of(argv[0]))


def code_of(script: str) -> int:
    """The exit code of a script, after what an interpreter does at its end."""
    code: object = None
    try:
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = script
        exec(compile(Path(script).read_bytes(), script, "exec"), vars(main))
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  the interpreter's own place is here
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # a test may have closed or replaced it
            stream.flush()
    return (code or 0) & 0xFF


if __name__ == "__main__":
    main()
