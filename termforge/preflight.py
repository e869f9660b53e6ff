"""Can this machine run sandboxes? Probed by doing, with cause and remedy where it cannot.

`python -m termforge.preflight [--engine auto|bubblewrap|docker]`. The probes of bubblewrap need the standard
library only, so that they can speak before anything is installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from termforge.errors import SetupError, TermforgeError
from termforge.state import sandbox_uid

if TYPE_CHECKING:
    from termforge.sandbox.protocol import Engine

EngineName = Literal["auto", "bubblewrap", "docker"]

_NAMESPACES = """
mount -t tmpfs -o size=1m tmpfs /dev/shm && mkdir /dev/shm/empty &&
exec bwrap --unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --uid 0 --gid 0 --cap-drop ALL \
    --ro-bind / / --bind /dev/shm/empty /tmp --proc /proc --dev /dev true
"""
_PROBE_S = 20.0


class Finding(NamedTuple):
    """What one probe says; `cause` and `remedy` are empty where all is well."""

    what: str
    cause: str = ""
    remedy: str = ""

    @property
    def fine(self) -> bool:
        return not self.cause

    def __str__(self) -> str:
        return f"ok  {self.what}" if self.fine else f"NO  {self.what}: {self.cause}. {self.remedy}"


def bubblewrap_findings() -> list[Finding]:
    """Everything that `make demo` needs of a machine without a Docker engine."""
    if sys.platform != "linux":
        return [Finding("bubblewrap", f"{sys.platform} has no Linux namespaces", "Start Docker Desktop or Podman.")]
    commands = [_command(name) for name in ("bwrap", "tmux", "unshare", "setpriv", "mount")]
    if not all(finding.fine for finding in commands):
        return commands
    return [*commands, namespaces()]


def namespaces() -> Finding:
    """Whether an ordinary user (for root: the one that sandboxes run as) gets user namespaces, mounts and bwrap."""
    what = "user namespaces"
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _NAMESPACES]
    if os.geteuid() == 0:
        argv = ["setpriv", f"--reuid={sandbox_uid()}", f"--regid={sandbox_uid()}", "--clear-groups", *argv]
    try:
        probe = subprocess.run(argv, cwd="/", capture_output=True, text=True, timeout=_PROBE_S, check=False)
    except subprocess.TimeoutExpired:
        return Finding(what, f"the probe did not end within {_PROBE_S:.0f} s", "See what blocks unshare or bwrap here.")
    if probe.returncode == 0:
        return Finding(what)
    cause, remedy = refusal()
    return Finding(what, f"{cause} ({' '.join(probe.stderr.split())[-300:]})", remedy)


def refusal(proc: Path = Path("/proc")) -> tuple[str, str]:
    """Why the kernel refuses user namespaces, and what helps."""
    if _number(proc / "sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return (
            "AppArmor keeps unprivileged programs from using them",
            "As root: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (keep it in /etc/sysctl.d).",
        )
    if _number(proc / "sys/kernel/unprivileged_userns_clone") == 0:
        return "they are switched off", "As root: `sysctl -w kernel.unprivileged_userns_clone=1`."
    if _number(proc / "sys/user/max_user_namespaces") == 0:
        return "none are allowed", "As root: `sysctl -w user.max_user_namespaces=15000`."
    if _seccomp(proc / "self/status"):
        return (
            "a seccomp filter refuses them, as in a container",
            "Run the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
            " and, for /proc, `--security-opt systempaths=unconfined`; or use a Docker engine.",
        )
    return "the kernel refuses them", "Use a Docker engine, or ask who runs this machine for user namespaces."


def docker_findings(state: Path | None = None) -> list[Finding]:
    """Whether an engine answers and has at least one of our images."""
    from termforge.images import IMAGES, built
    from termforge.images.recipe import recipe
    from termforge.sandbox.docker_api import connect

    try:
        connect().close()
    except SetupError as error:
        return [Finding("Docker engine", str(error), "")]
    for name in IMAGES:
        try:
            built(recipe(name), state)
        except TermforgeError:
            continue
        return [Finding("Docker engine"), Finding(f"image {name}")]
    return [Finding("Docker engine"), Finding("images", "none is built here", "`make images` builds them.")]


def choose_engine(engine: EngineName = "auto", state: Path | None = None) -> "Engine":
    """The engine by name; for `auto` bubblewrap where it works, else Docker with at least one image.

    Docker's trials are graded in bubblewrap where that works too.

    Raises: SetupError with every cause and remedy.
    """
    refused = _refused(bubblewrap_findings())
    if engine != "docker" and not refused:
        return _bubblewrap(state)
    if engine == "bubblewrap":
        raise _unfit(refused)
    if unfit := _refused(docker_findings(state)):
        raise _unfit(unfit if engine == "docker" else refused + unfit)
    from termforge.sandbox.apart import Apart
    from termforge.sandbox.docker_engine import Docker

    return Docker(state) if refused else Apart(Docker(state), _bubblewrap(state))


def _bubblewrap(state: Path | None) -> "Engine":
    from termforge.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap(state)


def _unfit(findings: Sequence[Finding]) -> SetupError:
    return SetupError("no sandbox can be started here:\n" + "\n".join(f"  {finding}" for finding in findings))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m termforge.preflight", description=__doc__)
    parser.add_argument("--engine", choices=("auto", "bubblewrap", "docker"), default="auto")
    wanted = parser.parse_args(argv).engine
    usable = wanted != "docker" and _say(bubblewrap_findings())
    if wanted == "docker" or (wanted == "auto" and not usable):
        usable = _say(docker_findings())
    return 0 if usable else 1


def _say(findings: Sequence[Finding]) -> bool:
    for finding in findings:
        print(finding)
    return not _refused(findings)


def _refused(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.fine]


def _command(name: str) -> Finding:
    if shutil.which(name):
        return Finding(name)
    package = {"bwrap": "bubblewrap", "tmux": "tmux"}.get(name, "util-linux")
    return Finding(name, "not found on PATH", f"On Debian or Ubuntu as root: `apt-get install {package}`.")


def _number(path: Path) -> int | None:
    """None where the kernel has no such setting."""
    return int(path.read_text()) if path.is_file() else None


def _seccomp(status: Path) -> bool:
    lines = status.read_text().splitlines() if status.is_file() else []
    return any(line.split() == ["Seccomp:", "2"] for line in lines)


if __name__ == "__main__":
    sys.exit(main())
