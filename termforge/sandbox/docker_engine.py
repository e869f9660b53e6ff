"""The Docker engine: starts containers with limits and labels, and removes those whose holder is dead.

PID 1 of a container is a shell that waits in a builtin. Nothing inside can end it, so an agent's `kill -9 -1` costs it
its own processes and no more; with `--init` it would cost the sandbox.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from termforge.errors import NeedsUnmet, SandboxError, SetupError
from termforge.images.record import built
from termforge.sandbox import holder
from termforge.sandbox.disk_watch import DiskWatch, layer_of, takes_more
from termforge.sandbox.docker_api import FAILURES, APIError, connect, remove, speaking, text_of
from termforge.sandbox.docker_sandbox import OFFERS, DockerSandbox
from termforge.sandbox.frames import Channels
from termforge.sandbox.holder import Holder
from termforge.sandbox.protocol import Sandbox
from termforge.schemas import File, Image, ImageRecipe, Limits, Need
from termforge.state import default_state

_log = logging.getLogger(__name__)

# Bash reaps what is orphaned to it while `read` waits; the pipe has no writer but itself.
_INIT = ("/bin/bash", "-c", "exec 3<> <(:); while :; do read -r -u 3; done", "init")
_DROPPED_CAPABILITIES = ("NET_RAW", "MKNOD")
_HOSTNAME = "termforge"
_OWNER, _HOLDER = "termforge.owner", "termforge.lease"


class Docker:
    """Engine of Docker sandboxes. One object serves any number of threads."""

    name: Literal["docker", "bubblewrap"] = "docker"
    offers = OFFERS

    def __init__(self, state: Path | None = None) -> None:
        """Raises: SetupError when no engine answers."""
        self._state = state or default_state()
        self._leases = self._state / "leases/docker"
        self._client = connect()
        self._owner, self._holder = holder.owner(self._leases), Holder(self._leases)
        self._channels = Channels()
        self._images: dict[ImageRecipe, Image] = {}
        self._living: dict[str, DockerSandbox] = {}
        self._unremoved: set[str] = set()
        with speaking(SetupError):
            info = self._client.info()
        self._quota, self._limits_by = _may_have_quota(info), _limits_by(info)
        self._watch = DiskWatch(self._takes_more, self._end_full)

    def image(self, recipe: ImageRecipe) -> Image:
        if recipe not in self._images:  # asked once: an engine that restarts has not lost its images
            image = built(recipe, self._state).image
            with speaking(
                SetupError, f"the image {image.name!r} was built, but this engine does not have it; run `make images`"
            ):
                self._client.images.get(image.digest)
            self._images[recipe] = image
        return self._images[recipe]

    def start(
        self,
        image: Image,
        *,
        files: Sequence[File] = (),
        limits: Limits = Limits(),
        needs: frozenset[Need] = frozenset(),
        nested: bool = False,
    ) -> Sandbox:
        unmet = sorted(needs - self.offers)
        if unmet:
            raise NeedsUnmet(f"the Docker sandbox does not offer {', '.join(unmet)}")
        with speaking(SandboxError, f"no sandbox of {image.name!r}"):
            container = self._create(image, limits, needs)
        sandbox = DockerSandbox(self._client, container, image, self._limits(), self._channels, self._forget)
        self._living[container] = sandbox
        try:
            sandbox.put(files)
            with speaking(SandboxError, f"no sandbox of {image.name!r}"):
                sandbox.boot()
                if not self._quota:
                    self._watch.add(container, layer_of(self._client.api, container), limits.disk_mb << 20)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def reap(self) -> int:
        """Also removes what an own sandbox could not remove when it was closed."""
        with speaking(SandboxError, "orphaned sandboxes cannot be listed"):
            found = self._client.api.containers(all=True, filters={"label": f"{_OWNER}={self._owner}"})
            orphans = [one for one in found if self._is_orphan(one["Id"], one["Labels"][_HOLDER])]
            for one in orphans:
                remove(self._client.api, one["Id"])
                self._unremoved.discard(one["Id"])
        for path in self._leases.iterdir():
            if len(path.name) == len(self._holder.id) and holder.is_dead(self._leases, path.name):
                holder.forget(self._leases, path.name)
        return len(orphans)

    def close(self) -> None:
        """End every sandbox of this object and give its lease up. May be called twice."""
        for sandbox in list(self._living.values()):
            sandbox.close()
        self._watch.close()
        self._channels.close()
        self._client.close()
        if not self._unremoved:
            self._holder.release()

    def _is_orphan(self, container: str, holding: str) -> bool:
        if holding == self._holder.id:
            return container in self._unremoved
        return holder.is_dead(self._leases, holding)

    def _create(self, image: Image, limits: Limits, needs: frozenset[Need]) -> str:
        try:
            return self._create_container(image, limits, needs)
        except APIError as error:
            if not self._quota or "storage-opt" not in text_of(error):
                raise
            self._quota = False  # XFS without pquota: watch instead
            return self._create_container(image, limits, needs)

    def _create_container(self, image: Image, limits: Limits, needs: frozenset[Need]) -> str:
        api = self._client.api
        memory, disk = limits.memory_mb << 20, limits.disk_mb << 20
        host = api.create_host_config(
            network_mode="none",
            extra_hosts={_HOSTNAME: "127.0.0.1"},  # sudo and servers look their own name up
            mem_limit=memory,
            memswap_limit=memory,
            pids_limit=limits.pids,
            nano_cpus=int(limits.cpus * 1e9),
            cap_drop=list(_DROPPED_CAPABILITIES),
            # A task that needs users needs su and sudo, whose setuid bit this would switch off.
            security_opt=[] if Need.USERS in needs else ["no-new-privileges"],
            storage_opt={"size": str(disk)} if self._quota else None,
            # Without a quota the watch counts; sparse files may be longer than the limit, none may be without end.
            ulimits=[] if self._quota else [{"Name": "fsize", "Soft": 8 * disk, "Hard": 8 * disk}],
            log_config={"Type": "none"},
        )
        created = api.create_container(
            image.digest,
            list(_INIT),
            hostname=_HOSTNAME,
            working_dir="/app",
            labels={_OWNER: self._owner, _HOLDER: self._holder.id},
            host_config=host,
        )
        return str(created["Id"])

    def _limits(self) -> str:
        return f"{self._limits_by}, disk {'quota' if self._quota else 'watch'}"

    def _forget(self, container: str, removed: bool) -> None:
        self._watch.remove(container)
        self._living.pop(container, None)
        if not removed:
            self._unremoved.add(container)

    def _takes_more(self, container: str, layer: Path | None, limit_bytes: int) -> bool:
        try:
            return takes_more(self._client.api, container, layer, limit_bytes)
        except FAILURES as error:
            _log.warning("disk use of a sandbox is unknown: %s", text_of(error))
            return False

    def _end_full(self, container: str) -> None:
        sandbox = self._living.get(container)
        if sandbox is not None:
            sandbox.end_full()


def _may_have_quota(info: Mapping[str, Any]) -> bool:
    """Whether storage may take a size; overlay2 on XFS does so only when mounted with pquota, which creation tells."""
    status = dict(info.get("DriverStatus") or ())
    return info["Driver"] in ("btrfs", "zfs") or (
        info["Driver"] == "overlay2" and status.get("Backing Filesystem") == "xfs"
    )


def _limits_by(info: Mapping[str, Any]) -> str:
    names = {"MemoryLimit": "memory", "PidsLimit": "pids", "CpuCfsQuota": "cpu"}
    missing = [name for key, name in names.items() if not info.get(key)]
    return "cgroup" if not missing else f"cgroup without {', '.join(missing)}"
