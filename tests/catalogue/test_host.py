"""TEXT, USAGE and SERVER: what single hosts want or count differently, kept with the host."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spec.events import UsageUpdate
from providers.spec.profile import Profile
from providers.upstreams.catalog import profile
from providers.wire.usage import counted_answer, counted_event
from tests.catalogue.support import GEMINI, MESSAGES, chat, events_of, read, sent, tool, typed_sse
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_rules import check_chat


def test_a_switch_for_streamed_calls_is_the_hosts_own() -> None:
    """TEXT-04: Z.AI streams calls piece by piece only when told to; nobody else is told."""
    streamed = chat(tools=[tool()], stream=True)
    body, _ = sent(streamed, "zai", model="glm-4.6")
    assert check_chat(body, profile_of("zai"))["tool_stream"] is True
    assert "tool_stream" not in sent(streamed, "groq")[0]
    assert "tool_stream" not in sent(chat(tools=[tool()]), "zai", model="glm-4.6")[0]
    assert "tool_stream" not in sent(chat(stream=True), "zai", model="glm-4.6")[0]
    assert sent({**streamed, "tool_stream": False}, "zai", model="glm-4.6")[0]["tool_stream"] is False


USAGE = {"input_tokens": 100, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 7}


CLONE = Profile(input_includes_cache=True)
"""As `profile = { input_includes_cache = true }` in the row of such a host."""


@pytest.mark.parametrize(("host", "total"), [(profile("anthropic"), 185), (CLONE, 100)])
def test_what_a_clone_counts_is_the_clones_own(host: Profile, total: int) -> None:
    """USAGE-03: Moonshot's front has the cached tokens in its input already; Anthropic has not. Plain and streamed."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE}
    plain = counted_answer(read({**message, "stop_reason": "end_turn"}, MESSAGES), host).usage
    stream = typed_sse(
        {"type": "message_start", "message": {**message, "stop_reason": None}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )
    events = [counted_event(event, host) for event in events_of(stream, MESSAGES)]
    streamed = [event.usage for event in events if isinstance(event, UsageUpdate)][-1]
    for usage in (plain, streamed):
        assert usage is not None
        assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (total, 80, 7)


def test_what_combines_search_and_functions_reaches_gemini_and_comes_back() -> None:
    """SERVER-02: the flag, also where the caller left it out; on replay what the server's tools said, with its ids."""
    server_call = {"toolCall": {"id": "s1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["Rome"]}}}
    server_answer = {"toolResponse": {"id": "s1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"found": "Rome"}}}
    asked: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [server_call, server_answer, {"text": "Rome."}]},
            {"role": "user", "parts": [{"text": "And?"}]},
        ],
        "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "look"}]}],
        "toolConfig": {"includeServerSideToolInvocations": True},
    }
    body, reported = sent(asked, "google", face=GEMINI)
    check_generate(body, "gemini-3-pro-preview", verify_signatures=False)
    assert body == asked
    assert reported == {}
    asked.pop("toolConfig")
    body, reported = sent(asked, "google", face=GEMINI)
    check_generate(body, "gemini-3-pro-preview", verify_signatures=False)
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert reported == {"toolConfig.includeServerSideToolInvocations": "mapped"}
    for provider, model in (("google-vertex", "gemini-3-pro-preview"), ("google", "gemini-2.5-pro")):
        assert "toolConfig" not in sent(asked, provider, face=GEMINI, model=model)[0]
    alone = {**asked, "tools": asked["tools"][:1]}
    assert "toolConfig" not in sent(alone, "google", face=GEMINI)[0]
    answer = read({"candidates": [{"content": asked["contents"][1], "finishReason": "STOP"}]}, GEMINI)
    assert answer.candidates[0].tool_calls == ()
    assert len(answer.candidates[0].parts) == 3
