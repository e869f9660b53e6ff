"""Sandboxes without a daemon and without root: user namespaces, a root in a tmpfs of limited size, and bwrap.

zygote.py forks a holder for each sandbox, which becomes bwrap; inside/init.py is process 1 and starts what it is asked
to. A grader's sandbox is, where that works, a fork of a process that has pytest imported: nests.py. A turn leaves no
process on the host, and nothing outlives this process. There is one uid inside, so nothing is offered beyond files,
processes and a terminal.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from termforge.errors import NeedsUnmet, SandboxError, SetupError
from termforge.images import HOST, built, rootfs
from termforge.sandbox import cgroups, host_image
from termforge.sandbox.bubblewrap_sandbox import BubblewrapSandbox, greet
from termforge.sandbox.nests import Nest, Nests, Starter
from termforge.sandbox.watchdog import Watchdog
from termforge.sandbox.zygote import Request
from termforge.sandbox.zygote_client import ZygoteClient
from termforge.schemas import File, Image, ImageRecipe, Limits, Need
from termforge.state import default_state, sandbox_uid

LIBRARY = "/opt/termforge/inside"
INSIDE = f"{LIBRARY}/termforge/sandbox/inside"
PRISTINE = "/mnt"
"""Where a nest has the files that its sandboxes start from."""
PYTHON = "/opt/termforge/grader/python"
_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "KILL",
)  # fmt: skip
"""Docker's default ones less NET_RAW, MKNOD and AUDIT_WRITE, so that `root` can do the same in both."""
_PROGRAMS = ("init.py", "demote.py", "nest.py", "root.py")
_NEST_DISK_MB = 16
"""A nest writes nothing."""


class _Plan(NamedTuple):
    """What the root of an image's sandboxes is made of."""

    lower: str
    skeleton: str
    binds: list[tuple[str, str]]
    """What is mounted read-only: here, inside."""
    path: str


class Bubblewrap:
    """Starts sandboxes below this process; they end with it."""

    name: Literal["docker", "bubblewrap"] = "bubblewrap"
    offers: frozenset[Need] = frozenset()

    def __init__(self, state: Path | None = None) -> None:
        self._state = state or default_state()
        self._lock = threading.Lock()
        self._zygote: ZygoteClient | None = None
        self._control_groups: cgroups.Cgroups | None = None
        self._host: host_image.HostImage | None = None
        self._watchdog = Watchdog()
        self._nests = Nests()
        self._images: dict[ImageRecipe, Image] = {}

    def image(self, recipe: ImageRecipe) -> Image:
        if recipe not in self._images:  # asked for at every grading
            self._images[recipe] = self._found(recipe)
        return self._images[recipe]

    def _found(self, recipe: ImageRecipe) -> Image:
        if recipe == HOST:
            found = host_image.inventory()
            return Image(name="host", recipe="", digest=found.hash, inventory=found.hash)
        image = built(recipe, self._state).image
        rootfs(image, self._state)
        return image

    def start(
        self,
        image: Image,
        *,
        files: Sequence[File] = (),
        limits: Limits = Limits(),
        needs: frozenset[Need] = frozenset(),
        nested: bool = False,
    ) -> BubblewrapSandbox:
        if missing := needs - self.offers:
            raise NeedsUnmet(f"the bubblewrap sandbox does not offer {', '.join(sorted(missing))}; Docker may")
        sandbox = self._hold(image, limits, nested)
        try:
            sandbox.put(files)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def reap(self) -> int:
        """Only control groups can be left behind: processes and mounts end with their holder."""
        found = self._ready()[1]
        return found.reap() if found is not None else 0

    def _hold(self, image: Image, limits: Limits, nested: bool) -> BubblewrapSandbox:
        zygote, control_groups = self._ready()
        rlimits = _rlimits(limits, control_groups is not None)
        nest = self._nests.of(image, lambda: self._nest(zygote, image)) if nested else None
        if nest is not None:
            return self._begin(nest, Request([], PRISTINE, "", limits.disk_mb, rlimits), image, limits, nested)
        plan = self._plan(image)
        bwrap = [*_bwrap(plan.binds, plan.path, nested), PYTHON, "-I", "-S", f"{INSIDE}/init.py", "{control}"]
        request = Request(bwrap, plan.lower, plan.skeleton, limits.disk_mb, rlimits)
        return self._begin(zygote, request, image, limits, nested)

    def _begin(
        self, starter: Starter, request: Request, image: Image, limits: Limits, nested: bool
    ) -> BubblewrapSandbox:
        with contextlib.ExitStack() as undo:
            group = self._control_groups.make(limits) if self._control_groups is not None else None
            if group is not None:
                undo.callback(group.remove)
            control, monitor, init, init_pid = _greeted(starter, request, group, undo)
            if group is None:
                namespace = self._watchdog.add(init_pid, limits.memory_mb << 20)
                undo.callback(self._watchdog.remove, namespace)
            demote = (PYTHON, "-I", "-S", f"{INSIDE}/demote.py") if nested else ()
            return BubblewrapSandbox(image, control, monitor, init, init_pid, limits, group, demote, undo.pop_all())

    def _nest(self, zygote: ZygoteClient, image: Image) -> Nest:
        """One for the image that has shown what it can.

        Raises: SandboxError.
        """
        plan = self._plan(image)
        bwrap = _bwrap([*plan.binds, ("{pristine}", PRISTINE)], plan.path, nested=True)
        mounted = [there for _, there in plan.binds]
        bwrap += ["--remount-ro", "/", PYTHON, "-I", f"{INSIDE}/nest.py", "{control}", *mounted]
        with contextlib.ExitStack() as undo:
            request = Request(bwrap, plan.lower, plan.skeleton, _NEST_DISK_MB, {"RLIMIT_CORE": 0})
            control, _, init, _ = _greeted(zygote, request, None, undo)
            nest = Nest(control, init, undo.pop_all())
        trial = Request([], PRISTINE, "", _NEST_DISK_MB, {})
        with contextlib.closing(self._begin(nest, trial, image, Limits(), nested=True)) as sandbox:
            finished = sandbox.run([PYTHON, "-I", "/dev/null"])
        if finished.exit_code != 0:
            raise SandboxError(f"no script runs there: {finished.stderr[-1000:].decode(errors='replace')}")
        return nest

    def _plan(self, image: Image) -> _Plan:
        if image.name == HOST.name:
            self._host = laid = self._host or host_image.lay(self._state)
            return _Plan("", str(laid.skeleton), [*laid.binds, (str(self._inside), LIBRARY)], host_image.PATH)
        path = host_image.PATH.rpartition(":")[0]
        return _Plan(str(rootfs(image, self._state)), "", [(str(self._inside), LIBRARY)], path)

    def _ready(self) -> tuple[ZygoteClient, cgroups.Cgroups | None]:
        """What is made once an engine, at its first sandbox: the zygote and where control groups can be made."""
        with self._lock:
            if self._zygote is None:
                if shutil.which("bwrap") is None:
                    raise SetupError("bubblewrap is not installed: `apt-get install bubblewrap` (or your system's way)")
                _check_reach(self._state)
                self._inside = _lay_inside(self._state)
                self._control_groups = cgroups.find()
            if self._zygote is None or not self._zygote.alive():
                self._zygote = ZygoteClient(sandbox_uid())
            return self._zygote, self._control_groups


def _greeted(
    starter: Starter, request: Request, group: cgroups.Group | None, undo: contextlib.ExitStack
) -> tuple[socket.socket, int, int, int]:
    """Have a sandbox started: its control socket, pidfds of its monitor and of its process 1, the latter's pid."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    undo.callback(near.close)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with far:
        starter.ask(request, far)
    holder = greet(near, b"hello")
    monitor = os.pidfd_open(holder)
    undo.callback(os.close, monitor)
    if group is not None:
        group.add(holder)
    near.send(b"go")
    init_pid = greet(near, b"ready")
    init = os.pidfd_open(init_pid)
    undo.callback(os.close, init)
    return near, monitor, init, init_pid


def _bwrap(binds: Sequence[tuple[str, str]], path: str, nested: bool) -> list[str]:
    environment = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": path, "SHELL": "/bin/bash"}
    alone = [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts", "cgroup-try")]
    argv = ["bwrap", *alone, *([] if nested else ["--disable-userns"]), "--die-with-parent", "--as-pid-1"]
    argv += ["--uid", "0", "--gid", "0", "--hostname", "termforge", "--clearenv", "--cap-drop", "ALL"]
    argv += [word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
    argv += [word for name, value in environment.items() for word in ("--setenv", name, value)]
    argv += ["--bind", "{root}", "/", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    argv += ["--bind", "{shm}", "/dev/shm"]
    argv += [word for here, there in binds for word in ("--ro-bind", here, there)]
    return [*argv, "--chdir", "/app"]


def _rlimits(limits: Limits, controlled: bool) -> dict[str, int]:
    if controlled:
        return {"RLIMIT_CORE": 0}
    per_namespace = tuple(int(part) for part in platform.release().split(".")[:2] if part.isdigit()) >= (5, 14)
    # Older kernels count a user's processes over the whole machine: the limit would hit neighbours.
    processes = {"RLIMIT_NPROC": limits.pids} if per_namespace else {}
    return {"RLIMIT_CORE": 0, "RLIMIT_DATA": limits.memory_mb << 20, **processes}


def _lay_inside(state: Path) -> Path:
    """The programs for inside, where the sandboxes' user can read them: a checkout below /root is out of its reach."""
    here = Path(__file__).parent
    programs = [here / "zygote.py", *(here / "inside" / name for name in _PROGRAMS)]
    key = hashlib.sha256(b"".join(program.read_bytes() for program in programs)).hexdigest()[:16]

    def fill(folder: Path) -> None:
        for program in programs:
            laid = folder / program.relative_to(here.parents[1])
            laid.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(program, laid)
            laid.chmod(0o644)

    return host_image.lay_once(state / "inside" / key, fill)


def _check_reach(state: Path) -> None:
    """Root's sandboxes run as another uid, which must get to the state folder."""
    state.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for folder in (state, *state.parents):
            if not folder.stat().st_mode & 0o001:
                raise SetupError(f"sandboxes run as uid {sandbox_uid()}, which cannot pass {folder}: `chmod o+x` it")
