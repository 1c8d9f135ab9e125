"""``GET /v1/providers``: what it says of a provider is what a request to it meets."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from router.abilities import _PROBES
from tests.e2e.service import client, router_before, router_service
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat

USER = {"role": "user", "content": "x"}
GRAVITY = ("repaired", "mapped", "downgraded", "dropped")


def listed(http: httpx2.Client) -> dict[str, Any]:
    answer = http.get("/v1/providers")
    assert answer.status_code == 200
    return {each["id"]: each for each in answer.json()["data"]}


def explained(http: httpx2.Client, body: dict[str, Any]) -> dict[str, Any]:
    """What the service says it would do with a request."""
    (candidate,) = http.post("/explain/v1/chat/completions", json=body).json()["candidates"]
    assert isinstance(candidate, dict)
    return candidate


def test_every_provider_is_listed_with_its_models_and_wires(tmp_path: Path) -> None:
    toml = '[providers.mine]\ndialect = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\nmodels = ["small"]\n'
    environ = {"OPENAI_API_KEY": "test-key", "ANTHROPIC_API_KEY": "test-key"}
    environ |= {"GOOGLE_CLOUD_PROJECT": "project-1", "GOOGLE_CLOUD_LOCATION": "us-east5"}
    with router_service(tmp_path, toml, environ) as url, client(url) as http:
        found = listed(http)
    assert set(found) == {"openai", "anthropic", "google-vertex", "mine", "scripted"}
    assert found["mine"]["models"] == ["mine/small"]
    assert found["openai"]["wires"] == ["openai-chat", "openai-responses"]
    assert found["anthropic"]["wires"] == ["anthropic-messages"]
    assert found["google-vertex"]["wires"] == ["google-generate-content", "anthropic-messages"]
    assert found["openai"]["tools"]["free_text_tools"] == "as_written"
    assert found["anthropic"]["tools"]["functions"] == "as_written"
    assert found["anthropic"]["tools"]["free_text_tools"] == "mapped"


@pytest.mark.parametrize("ability", _PROBES)
def test_what_is_said_is_what_a_request_meets(tmp_path: Path, ability: str) -> None:
    fakes = {"openai": OpenAIChat(), "anthropic": AnthropicMessages(), "google": Gemini()}
    with router_before(tmp_path, fakes, 'models = ["claude-3"]') as url, client(url) as http:
        found = listed(http)
        for name in fakes:
            body = {**_PROBES[ability], "model": f"{name}/claude-3"}
            candidate, bare = (explained(http, each) for each in (body, {"model": body["model"], "messages": [USER]}))
            actions = [
                each["action"] for each in candidate.get("adjustments", ()) if each not in bare.get("adjustments", ())
            ]
            met = "refused" if "error" in candidate else max(actions, key=GRAVITY.index, default="as_written")
            assert found[name]["tools"][ability] == met, name
