"""Engines and sandboxes for the suite that both must pass. Nothing here is a mock: they really start."""

from collections.abc import Callable, Iterator

import pytest

from termforge.images import HOST
from termforge.images.recipe import recipe
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import Image

PYTHON = "/opt/termforge/grader/python"


def bubblewrap() -> Engine:
    from termforge.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap()


def docker() -> Engine:
    from termforge.sandbox.docker_engine import Docker

    return Docker()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(bubblewrap, id="bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param(docker, id="docker", marks=pytest.mark.docker),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine: Engine = request.param()
    yield engine
    if hasattr(engine, "close"):
        engine.close()


@pytest.fixture(scope="module")
def image(engine: Engine) -> Image:
    """The pseudo-image `host` for bubblewrap, which needs nothing built; a small real one for Docker."""
    return engine.image(HOST if engine.name == "bubblewrap" else recipe("file-operations"))


@pytest.fixture
def start(engine: Engine, image: Image) -> Iterator[Callable[..., Sandbox]]:
    """Start a sandbox that is closed with the test."""
    begun: list[Sandbox] = []

    def begin(**options: object) -> Sandbox:
        begun.append(engine.start(image, **options))  # type: ignore[arg-type]
        return begun[-1]

    yield begin
    for sandbox in begun:
        sandbox.close()


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()
