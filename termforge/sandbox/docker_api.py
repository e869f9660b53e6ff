"""The owner of docker-py: a client of the engine, its failures by name, and what several modules do with it.

Any engine that speaks Docker's API. Over TLS or ssh sandboxes start but have no channels: such streams are no plain
sockets.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, NotFound

from termforge.errors import SetupError, TermforgeError

__all__ = ["FAILURES", "APIError", "NotFound", "connect", "remove", "speaking", "text_of"]

_API_TIMEOUT_S = 120
_CONNECTIONS = 512
"""Kept open at most; more threads than that open further ones for a moment."""

FAILURES = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
"""What docker-py and its transport raise."""


def connect() -> Any:
    """A docker-py client of the engine that DOCKER_HOST or the default socket names.

    Raises: SetupError when none answers.
    """
    try:
        return docker.from_env(timeout=_API_TIMEOUT_S, max_pool_size=_CONNECTIONS)
    except docker.errors.DockerException as error:
        raise SetupError(
            f"no Docker engine answers ({error}). On Debian or Ubuntu as root: `sh deployments/engine.sh`; "
            "elsewhere start Docker or Podman, or set DOCKER_HOST to the engine's socket"
        ) from error


@contextlib.contextmanager
def speaking(kind: type[TermforgeError], doing: str = "the Docker engine") -> Iterator[None]:
    """What docker-py and its transport raise inside becomes `kind`, with `doing` in front."""
    try:
        yield
    except FAILURES as error:
        raise kind(f"{doing}: {text_of(error)}") from error


def text_of(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error).strip()


def remove(api: Any, container: str) -> None:
    with contextlib.suppress(NotFound):
        api.remove_container(container, force=True, v=True)
