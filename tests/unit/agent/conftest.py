"""What several tests of the agent need."""

from pathlib import Path

import pytest

from termforge.agent import template


@pytest.fixture(scope="session")
def harbor_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that holds both harbor wheels, fetched once from the package index."""
    folder = tmp_path_factory.mktemp("state")
    for version in ("0.25.0", "0.1.1"):
        template.fetch_harbor_wheel(version, template.wheels_in(folder))
    return folder
