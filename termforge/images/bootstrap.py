"""The Debian below the base image: pulled where a registry answers, else made from Debian's archive by mmdebstrap.

A bootstrapped one has its own name, BOOTSTRAPPED, is given to the Dockerfile as its `BASE`, and the record of every
image above it says so.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rich.console import Console

from termforge.errors import SandboxError, SetupError
from termforge.sandbox.docker_api import speaking

DEBIAN = "debian:bookworm-slim"
BOOTSTRAPPED = "termforge/bootstrap:bookworm"
SUITE = "bookworm"

# What Debian's own slim images leave out; host names and resolvers come from mmdebstrap's own network set-up.
_OPTIONS = (
    "--variant=minbase",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname',
)


class Ground(NamedTuple):
    """The image that the base is built on."""

    name: str
    kind: Literal["pulled", "bootstrapped", "local"]


def ground(client: Any, console: Console) -> Ground:
    """The engine's DEBIAN, pulled if need be, else the bootstrapped one, made if need be.

    Raises: SetupError with the remedy when neither can be had.
    """
    if client.images.list(name=DEBIAN):
        return Ground(DEBIAN, "local")
    if client.images.list(name=BOOTSTRAPPED):
        console.print(f"base: {BOOTSTRAPPED}, bootstrapped earlier")
        return Ground(BOOTSTRAPPED, "bootstrapped")
    console.print(f"base: pulling {DEBIAN} ...")
    try:
        with speaking(SandboxError):
            client.images.pull(DEBIAN)
        return Ground(DEBIAN, "pulled")
    except SandboxError as error:
        console.print(f"base: no registry answers ({str(error)[:160]})", markup=False)
        return bootstrap(client, console)


def bootstrap(client: Any, console: Console) -> Ground:
    console.print(f"base: making {BOOTSTRAPPED} from Debian's archive with mmdebstrap, about a minute ...")
    tool = _mmdebstrap(console)
    with tempfile.TemporaryDirectory(prefix="termforge-") as folder:
        tar = Path(folder) / "debian.tar"
        made = subprocess.run([tool, *_OPTIONS, SUITE, str(tar)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise SetupError(f"mmdebstrap failed, so there is no base image:\n{made.stderr[-1500:]}")
        repository, tag = BOOTSTRAPPED.split(":")
        with speaking(SetupError):
            client.api.import_image_from_file(str(tar), repository=repository, tag=tag, changes=['CMD ["bash"]'])
    return Ground(BOOTSTRAPPED, "bootstrapped")


def _mmdebstrap(console: Console) -> str:
    found = shutil.which("mmdebstrap")
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        console.print("base: installing mmdebstrap ...")
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"]):
            subprocess.run(command, capture_output=True, check=False)
    found = shutil.which("mmdebstrap")
    if not found:
        raise SetupError(
            f"{DEBIAN} cannot be pulled and mmdebstrap is not installed: "
            "give the engine a registry, or install mmdebstrap (apt-get install mmdebstrap) and run this again"
        )
    return found
