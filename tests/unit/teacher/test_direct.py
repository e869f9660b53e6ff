"""Which models are asked without litellm; how they answer and fail is tested in test_service.py, for both ways."""

from pathlib import Path

import pytest

from termforge.budget import Budget
from termforge.teacher import ChatMessage, LitellmTeacher, direct
from termforge.teacher.config import TeacherConfig
from tests.scripted_endpoint import ScriptedEndpoint


@pytest.mark.parametrize(
    ("model", "api_base", "served"),
    [
        ("hosted_vllm/qwen3-8b", "http://gpu-1:8000/v1", True),
        ("hosted_vllm/qwen3-8b", None, False),
        ("openai/qwen3-8b", "http://gpu-1:8000/v1", False),
        ("deepseek/deepseek-chat", None, False),
    ],
)
def test_only_own_endpoints_are_asked_directly(model: str, api_base: str | None, served: bool) -> None:
    assert direct.serves(model, api_base) is served


@pytest.mark.parametrize("key", [None, "secret-key"])
def test_the_key_comes_from_the_environment(key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(direct.KEY, raising=False)
    if key:
        monkeypatch.setenv(direct.KEY, key)
    with ScriptedEndpoint() as endpoint:
        config = TeacherConfig(model="hosted_vllm/scripted", api_base=endpoint.url + "/")
        teacher = LitellmTeacher(config, Budget(tmp_path / "budget.sqlite"))
        teacher.reply([ChatMessage(role="user", content="hello")], timeout_s=60)
    [request] = endpoint.requests
    assert request["authorization"] == (f"Bearer {key}" if key else "")
    assert request["body"]["model"] == "scripted"
    assert "api_base" not in request["body"]
