"""USAGE: one count for all providers."""

from __future__ import annotations

import json
from typing import Any

from providers.dialects import DIALECTS
from tests.catalogue.support import (
    CHAT,
    MESSAGES,
    called,
    chat,
    chunk,
    completion,
    context,
    data_of,
    events_of,
    folded,
    read,
    result,
    sent,
    sse,
    tool,
    typed_sse,
    user,
    written,
)

COUNTED = {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 7}
ANSWER: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}


def _on_chat(usage: dict[str, int]) -> Any:
    answer = read({**ANSWER, "stop_reason": "end_turn", "usage": usage}, MESSAGES)
    return json.loads(json.dumps(DIALECTS[CHAT].encode_response(answer, context())))["usage"]


def test_cached_tokens_are_in_the_total_once() -> None:
    """USAGE-01, USAGE-02: plain; the prompt's total has them, and beside it stands how many were cached."""
    usage = _on_chat(COUNTED)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (95, 7, 102)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 80


def test_snapshots_of_a_stream_are_not_added_up() -> None:
    """USAGE-01: start and delta both tell the whole; the last word counts, field by field."""
    stream = typed_sse(
        {"type": "message_start", "message": {**ANSWER, "stop_reason": None, "usage": {**COUNTED, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": COUNTED},
        {"type": "message_stop"},
    )
    usage = folded(stream, MESSAGES).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens) == (95, 80, 5, 7)


def test_no_usage_is_none() -> None:
    """USAGE-04: it is asked for where it has to be, and not invented where it did not come."""
    asked, _ = sent(chat(stream=True, stream_options={"include_usage": True}), "openai")
    assert asked["stream_options"] == {"include_usage": True}
    assert read(completion({"role": "assistant", "content": "Hi."})).usage is None
    events = events_of(sse(chunk({"content": "Hi."}), chunk({}, "stop")))
    assert not any(one.get("usage") for one in data_of(written(events, CHAT)))


def test_what_was_sent_once_is_sent_alike_again() -> None:
    """USAGE-06, ARGS-12: the second round begins with the very bytes of the first, or no cache knows it."""
    arguments = '{ "b": 1.50,  "a": "\\u00e9\\/" }'
    tools = [tool("b_tool"), tool("a_tool")]
    first = [user(), called("call one/1", arguments=arguments), result("call one/1", '{"z": 1, "a": 2}')]
    for provider in ("openai", "mistral", "deepseek", "anthropic", "google"):
        early, _ = sent(chat(*first, tools=tools), provider)
        later, _ = sent(chat(*first, called("call two/1"), result("call two/1"), tools=tools), provider)
        key = "contents" if provider == "google" else "messages"
        assert json.dumps(later["tools"]) == json.dumps(early["tools"])
        assert json.dumps(later[key][: len(early[key])]) == json.dumps(early[key])
    assert (
        sent(chat(*first, tools=tools), "openai")[0]["messages"][1]["tool_calls"][0]["function"]["arguments"]
        == arguments
    )
