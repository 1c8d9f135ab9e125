"""``POST /v1/ai/run``: the envelope, its answer, and its errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conversation import TOOLS, run_tool
from tests.e2e.service import MODELS, client, router_before
from tests.fakes.server import FakeProvider, HttpError

USER = {"role": "user", "content": "How warm is it in Paris and Rome?"}


@pytest.mark.parametrize("provider", sorted(MODELS))
def test_a_tool_loop_through_the_envelope(router_url: str, fakes: dict[str, FakeProvider], provider: str) -> None:
    messages: list[dict[str, Any]] = [USER]
    answer: dict[str, Any] = {}
    with client(router_url) as http:
        for _ in range(6):
            envelope = {
                "intent": "chat",
                "provider": provider,
                "model": MODELS[provider],
                "input": {"messages": messages, "tools": TOOLS, "tool_choice": "auto"},
            }
            answer = http.post("/v1/ai/run", json=envelope).json()
            assert answer["ok"] is True
            assert answer["providerId"] == provider
            assert answer["modelId"] == MODELS[provider]
            (message,) = answer["output"]["messages"]
            messages.append(message)
            if not message.get("tool_calls"):
                break
            messages += [
                {
                    "role": "tool",
                    "tool_call_id": call["id"],
                    "content": run_tool(call["function"]["name"], json.loads(call["function"]["arguments"])),
                }
                for call in message["tool_calls"]
            ]
    assert messages[-1]["content"].startswith("Results: get_weather(")
    assert answer["usage"]["prompt_tokens"] > 0
    assert _is_own_answer(provider, answer["output"]["raw"])


def _is_own_answer(provider: str, raw: dict[str, Any]) -> bool:
    own = {"openai": "choices", "anthropic": "stop_reason", "google": "candidates"}
    return own[provider] in raw


@pytest.mark.parametrize(
    ("envelope", "param"),
    [
        ({}, "model"),
        ({"model": "openai/m"}, "input"),
        ({"provider": "openai", "input": {}}, "model"),
        ({"intent": "summarise", "input": {}}, "model"),
        ({"model": "openai/m", "input": {"messages": [USER], "stream": True}}, "input.stream"),
        ({"model": "openai/m", "input": {"messages": [USER], "model": "x"}}, "input.model"),
        ({"model": "openai/m", "input": {"messages": [USER]}, "tools": []}, "tools"),
        ({"model": "openai/m", "input": {"messages": 1}}, "messages"),
    ],
)
def test_a_wrong_envelope_says_what_to_do(router_url: str, envelope: dict[str, Any], param: str) -> None:
    with client(router_url) as http:
        answer = http.post("/v1/ai/run", json=envelope)
    assert answer.status_code == 400
    assert answer.json()["ok"] is False
    assert answer.json()["error"]["param"].endswith(param)
    assert len(answer.json()["error"]["message"]) > 10


def test_a_providers_error_keeps_its_status(router_url: str, fakes: dict[str, FakeProvider]) -> None:
    fakes["anthropic"].fail(HttpError(529, retry_after="3"))
    envelope = {"model": f"anthropic/{MODELS['anthropic']}", "input": {"messages": [USER]}}
    with client(router_url) as http:
        answer = http.post("/v1/ai/run", json=envelope)
    assert (answer.status_code, answer.headers["retry-after"]) == (529, "3")
    assert answer.json()["ok"] is False
    assert answer.json()["error"]["provider"] == "anthropic"


@pytest.mark.parametrize("envelope", [{"intent": "chat"}, {"intent": "anything"}, {}, {"model": "fast"}])
def test_aliases_stand_for_intents(tmp_path: Path, fakes: dict[str, FakeProvider], envelope: dict[str, Any]) -> None:
    target = f'"openai/{MODELS["openai"]}"'
    aliases = f"[aliases]\nchat = {target}\ndefault = {target}\nfast = {target}\n"
    with router_before(tmp_path, fakes, tail=aliases) as url, client(url) as http:
        answer = http.post("/v1/ai/run", json={**envelope, "input": {"messages": [USER]}})
    assert answer.json()["modelId"] == MODELS["openai"]
