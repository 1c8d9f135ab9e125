"""The vendors' own JavaScript clients, and the AI SDK, hold the tool conversation through the router."""

from __future__ import annotations

import pytest

from tests.e2e.service import MODELS
from tests.fakes.server import FakeProvider
from tests.loop_client.javascript import run_script

PROVIDERS = sorted(MODELS)
CLIENTS = [
    "openai",
    "openai-responses",
    "anthropic",
    "google",
    "ai-openai-chat",
    "ai-openai-responses",
    "ai-anthropic",
    "ai-google",
]
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = {"celsius":21,"city":"Paris"}; '
    'get_weather({"city":"Rome"}) = {"celsius":28,"city":"Rome"}; '
)


@pytest.mark.needs_node
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_javascript_client_ends_with_the_same_answer(
    router_url: str, fakes: dict[str, FakeProvider], client: str, provider: str, stream: bool
) -> None:
    """HIST-01, STREAM-03: unmodified clients, tool loops and stream helpers included."""
    asked = {
        "client": client,
        "url": router_url,
        "key": "unused",
        "model": f"{provider}/{MODELS[provider]}",
        "stream": stream,
    }
    held = await run_script("hold_conversation.mjs", asked)
    assert held["text"].startswith(EXPECTED)
    assert [call["name"] for call in held["calls"]] == ["get_weather", "get_weather", "convert"]
    assert len(fakes[provider].requests) == 3


@pytest.mark.needs_node
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", ["anthropic", "google"])
@pytest.mark.parametrize("client", ["openai", "openai-responses", "anthropic", "google"])
async def test_a_javascript_client_keeps_the_state_of_a_thinking_model(
    router_url: str, fakes: dict[str, FakeProvider], client: str, provider: str, stream: bool
) -> None:
    """REASON-01, REASON-06: the strict fake answers 400 where a signature is missing or altered."""
    asked = {
        "client": client,
        "url": router_url,
        "key": "unused",
        "model": f"{provider}/{MODELS[provider]}",
        "stream": stream,
        "thinking": True,
    }
    held = await run_script("hold_conversation.mjs", asked)
    assert held["text"].startswith(EXPECTED)
    replayed = fakes[provider].requests[-1].body
    assert b"skip_thought_signature_validator" not in replayed
    assert replayed.count(b'"signature"' if provider == "anthropic" else b'"thoughtSignature"') == 2
