"""Fixtures for every test. `shared` is the only way to the inputs that lie beside a checkout."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path | None:
    """The folder of recorded fixtures and real inputs beside the checkout; None where there is none."""
    folder = ROOT.parent / "shared"
    return folder if folder.is_dir() else None
