"""Every deployment loads, accepts its own parameters and explains each of them in the form."""

from pathlib import Path

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).parents[2]
SPECS = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())["deployments"]
NAMES = [f"{spec['entrypoint'].rsplit('.', 1)[-1]}-{spec['name']}" for spec in SPECS]


@pytest.mark.parametrize("spec", SPECS, ids=NAMES)
def test_a_deployment_is_runnable(spec: dict) -> None:
    flow = load_flow_from_entrypoint(spec["entrypoint"], use_placeholder_flow=False)
    flow.validate_parameters(spec.get("parameters", {}))


@pytest.mark.parametrize("spec", SPECS, ids=NAMES)
def test_every_parameter_is_described(spec: dict) -> None:
    flow = load_flow_from_entrypoint(spec["entrypoint"], use_placeholder_flow=False)
    properties = flow.parameters.properties
    assert [name for name, schema in properties.items() if not schema.get("description")] == []


def test_a_setting_out_of_range_is_refused_before_anything_starts() -> None:
    flow = load_flow_from_entrypoint("flows.grow_corpus.grow_corpus", use_placeholder_flow=False)
    for wrong in ({"concurrency": 0}, {"night": "a/b"}, {"wait_mode": "soon"}, {"slip_rate": 2}):
        with pytest.raises(Exception, match=next(iter(wrong))):
            flow.validate_parameters(wrong)


def test_every_flow_has_a_deployment() -> None:
    files = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__", "parameters", "shards", "demo"}
    assert {spec["entrypoint"].split(".")[1] for spec in SPECS} == files


def test_only_the_nightly_growth_is_scheduled_and_it_never_overlaps() -> None:
    scheduled = [spec for spec in SPECS if spec.get("schedules")]
    assert [spec["name"] for spec in scheduled] == ["nightly"]
    assert scheduled[0]["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
