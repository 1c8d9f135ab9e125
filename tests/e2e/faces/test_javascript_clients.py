"""The vendors' own JavaScript clients, and the AI SDK, hold the tool conversation through the router."""

from __future__ import annotations

import pytest

from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.loop_client.javascript import run_script

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
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_javascript_client_ends_with_the_same_answer(
    stage: Stage, client: str, wire: str, stream: bool
) -> None:
    """HIST-01, STREAM-03: unmodified clients, tool loops and stream helpers included."""
    asked = {
        "client": client,
        "url": stage.url,
        "key": "unused",
        "model": MODELS[wire],
        "stream": stream,
    }
    held = await run_script("hold_conversation.mjs", asked)
    # The AI SDK puts a result for Google into an object of its own.
    assert held["text"].startswith(EXPECTED if client != "ai-google" else "Results: get_weather(")
    assert [call["name"] for call in held["calls"]] == ["get_weather", "get_weather", "convert"]
    assert [call["arguments"] for call in held["calls"][:2]] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len(stage.sent(wire)) == 3


@pytest.mark.needs_node
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("wire", ["responses", "anthropic", "google"])
@pytest.mark.parametrize("client", ["openai", "openai-responses", "anthropic", "google"])
async def test_a_javascript_client_keeps_the_state_of_a_thinking_model(
    stage: Stage, client: str, wire: str, stream: bool
) -> None:
    """REASON-01, REASON-06: the strict fake answers 400 where a signature is missing or altered."""
    asked = {
        "client": client,
        "url": stage.url,
        "key": "unused",
        "model": MODELS[wire],
        "stream": stream,
        "thinking": True,
    }
    held = await run_script("hold_conversation.mjs", asked)
    assert held["text"].startswith(EXPECTED)
    replayed = stage.fakes[wire].requests[-1].body
    assert b"skip_thought_signature_validator" not in replayed
    state = {"responses": b'"encrypted_content"', "anthropic": b'"signature"', "google": b'"thoughtSignature"'}[wire]
    assert replayed.count(state) == 2
