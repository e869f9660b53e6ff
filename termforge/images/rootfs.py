"""An image as a plain folder: the root file system below a bubblewrap sandbox's overlay. Unpacked once per digest.

Everything in it belongs to the uid that the sandbox runs as, since an overlay in a user namespace copies up only
files that its owner could change. Device nodes, setuid bits and foreign owners are dropped.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from termforge.errors import SandboxError, SetupError
from termforge.schemas import Image
from termforge.state import default_state, sandbox_uid


def rootfs(image: Image, state: Path | None = None) -> Path:
    """The folder with the image's files; exported from the Docker engine the first time, which takes about ten seconds.

    Raises: SetupError when the engine or the image is not there, or the disk is full.
    """
    folder = (state or default_state()) / "rootfs"
    final = folder / f"{image.name}-{image.digest.removeprefix('sha256:')[:16]}"
    if final.is_dir():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{final.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may want it at once
        if not final.is_dir():
            _unpack(image, final)
    return final


def _unpack(image: Image, final: Path) -> None:
    from termforge.sandbox.docker_api import speaking  # as below: nobody else who names an image needs docker

    fresh = final.with_name(f".{final.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    owner = sandbox_uid() if os.geteuid() == 0 else None
    fresh.mkdir(mode=0o755)
    if owner is not None:
        os.chown(fresh, owner, owner)
    with speaking(SetupError, f"the image {image.name!r} cannot be exported; run `make images`"):
        _extract(image, fresh, owner)
    fresh.rename(final)


def _extract(image: Image, target: Path, owner: int | None) -> None:
    """Stream the engine's export into `tar`, run as the future owner: it can make no device and give nothing away."""
    from termforge.sandbox.docker_api import connect

    client = connect()
    container = client.api.create_container(image.digest, ["true"])["Id"]
    command = (
        "tar",
        "--extract",
        "--no-same-owner",
        "--delay-directory-restore",
        "--exclude=dev/*",
        "--exclude=.dockerenv",
    )
    try:
        with subprocess.Popen(
            command,
            cwd=target,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            umask=0,
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
        ) as tar:
            assert tar.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # tar says below why it stopped
                for chunk in client.api.export(container, chunk_size=1 << 20):
                    tar.stdin.write(chunk)
            _, complaint = tar.communicate()
        if tar.returncode != 0:
            raise SandboxError(complaint.decode(errors="replace")[-800:])
    finally:
        client.api.remove_container(container, force=True, v=True)
        client.close()
