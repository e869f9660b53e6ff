"""stub"""
import contextlib
from collections.abc import Iterator
from typing import Any

import docker
import requests
import urllib3

from termforge.errors import SetupError, TermforgeError

def connect() -> Any:
    return docker.from_env(timeout=600)

@contextlib.contextmanager
def speaking(kind: type[TermforgeError]) -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise kind(str(error)) from error
