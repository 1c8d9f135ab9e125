"""ID, ARGS, STREAM and REASON: what hosts of the chat dialect send that its book does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.events import CandidateEnd, PartEnd, PartStart, StreamEvent
from providers.spec.fold import fold
from providers.spec.parts import ReasoningPart, ToolCallPart
from tests.catalogue.support import (
    CHAT,
    MESSAGES,
    RESPONSES,
    called,
    chat,
    chunk,
    completion,
    context,
    data_of,
    events_of,
    folded,
    origin,
    read,
    result,
    sent,
    sse,
    target,
    tool,
    typed_sse,
    user,
    written,
)


def fragment(call_id: str | None, arguments: str, name: str | None = None) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": 0, "id": call_id, "type": "function", "function": function}]}


def test_a_new_id_with_every_fragment_is_one_call() -> None:
    """ID-14: joined by index; the first id is the call's."""
    stream = sse(
        chunk(fragment("a", "", "look")),
        chunk(fragment("b", '{"x"')),
        chunk(fragment("c", ":1}")),
        chunk({}, "tool_calls"),
    )
    (call,) = folded(stream).candidates[0].tool_calls
    assert (call.id, call.arguments) == ("a", '{"x":1}')


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "length", "content_filter"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_reason_agrees_with_the_calls(finish: str, stream: bool) -> None:
    """STREAM-13, CHOICE-12: a host's ``stop`` beside text and a call is told as calls; a cut stays a cut."""
    text = {"role": "assistant", "content": "Let me see."}
    if stream:
        answer = folded(sse(chunk(text), chunk(fragment("a", "{}", "look")), chunk({}, finish)))
    else:
        answer = read(completion({**called("a"), **text}, finish))
    reason = answer.candidates[0].finish
    assert reason is not None
    assert reason.reason == ("tool_calls" if finish in {"stop", "tool_calls"} else finish)
    assert reason.raw == finish


PLACEHOLDER = typed_sse(
    {
        "type": "message_start",
        "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hm."}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
)


def test_a_placeholder_is_no_part_of_the_arguments() -> None:
    """ARGS-02: Anthropic opens every call with an empty object."""
    (call,) = folded(PLACEHOLDER, MESSAGES).candidates[0].tool_calls
    assert call.arguments == '{"a":1}'


def test_calls_are_counted_from_zero_whatever_stands_before_them() -> None:
    """STREAM-02, ARGS-02: thinking and text are blocks too, and none of the calls; as the chat caller reads it."""
    deltas = [
        call
        for one in data_of(written(events_of(PLACEHOLDER, MESSAGES), CHAT))
        for choice in one["choices"]
        for call in choice["delta"].get("tool_calls") or []
    ]
    assert {delta["index"] for delta in deltas} == {0}
    assert "".join(delta["function"].get("arguments") or "" for delta in deltas) == '{"a":1}'


def test_a_call_ends_when_it_ends_and_not_when_it_parses() -> None:
    """STREAM-10: an empty object may be a placeholder, and a whole one may be a beginning."""
    decoder = DIALECTS[CHAT].stream_decoder(origin(CHAT))
    seen: list[StreamEvent] = []
    for piece in (fragment("a", "", "look"), fragment(None, "{}")):
        seen += decoder.feed(sse(chunk(piece), done=False))
    assert not any(isinstance(event, PartEnd) for event in seen)
    seen += [*decoder.feed(sse(chunk({}, "tool_calls"))), *decoder.close()]
    ends = [isinstance(event, PartEnd) for event in seen]
    assert ends.count(True) == 1
    assert any(isinstance(event, CandidateEnd) for event in seen[ends.index(True) :])


def test_snapshots_do_not_say_again_what_deltas_said() -> None:
    """STREAM-23, STREAM-21: text comes once, all of it, and so do arguments."""
    text = {"type": "output_text", "text": "Hello.", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    whole = {"id": "resp_1", "object": "response", "status": "completed", "output": [message]}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    stream = typed_sse(
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**text, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": "Hel"},
        {"type": "response.output_text.delta", **at, "delta": "lo."},
        {"type": "response.output_text.done", **at, "text": "Hello."},
        {"type": "response.content_part.done", **at, "part": text},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": whole},
    )
    shown = data_of(written(events_of(stream, RESPONSES), CHAT))
    assert "".join(choice["delta"].get("content") or "" for one in shown for choice in one["choices"]) == "Hello."


# ---- reasoning by many names


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_reasoning_is_read_under_every_name(field: str, stream: bool) -> None:
    """REASON-19: and a caller of Messages reads it as thinking."""
    said = {"role": "assistant", field: "Rome it is."}
    if stream:
        answer = folded(sse(chunk(said), chunk({"content": "Rome."}), chunk({}, "stop")))
    else:
        answer = read(completion({**said, "content": "Rome."}))
    (thought,) = (part for part in answer.candidates[0].parts if isinstance(part, ReasoningPart))
    assert thought.text == "Rome it is."


def test_details_of_one_index_are_one() -> None:
    """REASON-12: streamed in fragments, replayed whole to the host that gave them; another gets none of it."""
    first = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    fragments: list[Any] = [
        {**first, "text": "Rome "},
        {**first, "text": "it is."},
        {**first, "signature": "c2ln"},
        {"type": "reasoning.encrypted", "index": 1, "data": "c2VhbGVk"},
    ]
    stream = sse(
        *(chunk({"reasoning_details": [one]}) for one in fragments),
        chunk(fragment("a", "{}", "look")),
        chunk({}, "tool_calls"),
    )
    decoder = DIALECTS[CHAT].stream_decoder(target("openrouter").origin)
    events = [*decoder.feed(stream), *decoder.close()]
    shown: Any = json.loads(json.dumps(_message(events)))
    host = _replayed(shown, "openrouter")
    assert host["reasoning_details"] == [
        {**first, "text": "Rome it is.", "signature": "c2ln"},
        {"type": "reasoning.encrypted", "index": 1, "data": "c2VhbGVk"},
    ]
    assert "reasoning_details" not in _replayed(shown, "groq")


def _message(events: list[StreamEvent]) -> Any:
    body: Any = DIALECTS[CHAT].encode_response(fold(events), context())
    return body["choices"][0]["message"]


def _replayed(message: Any, provider: str) -> Any:
    body, _ = sent(chat(user(), message, result("a"), tools=[tool()]), provider)
    return body["messages"][1]


def test_an_opener_waits_for_its_name() -> None:
    """STREAM-09: a null, an empty and a late name are no names; the first that is one is kept."""
    pieces = [fragment("a", "", None), fragment(None, "", ""), fragment(None, "", "look"), fragment(None, "{}", "")]
    events = events_of(sse(*(chunk(piece) for piece in pieces), chunk({}, "tool_calls")))
    started = [event.part for event in events if isinstance(event, PartStart)]
    assert [(part.id, part.name) for part in started if isinstance(part, ToolCallPart)] == [("a", "look")]
    assert b'"name":null' not in written(events, CHAT)
