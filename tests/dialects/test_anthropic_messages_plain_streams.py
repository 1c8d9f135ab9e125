"""Events read by the compiled reader give what the codec gives, in any order and mixture, and for every recording."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bodies
from providers.dialects.anthropic_messages.stream_decode import MessagesStreamDecoder
from providers.spec.events import StreamEvent
from tests.dialects.anthropic_messages_support import ORIGIN, STREAMS
from tests.dialects.plain_streams import decoded_by, told, unspelled
from tests.traffic import Exchange, exchange_id, needs_traffic

TEXTS = st.sampled_from(["a", "é", "", '{"x":', "1}", "2026-01-05", "\ud83d"])
INDEXES = st.sampled_from([0, 0, 1, 1, 2])
DELTAS = st.one_of(
    st.builds(lambda text: {"type": "text_delta", "text": text}, TEXTS),
    st.builds(lambda text: {"type": "input_json_delta", "partial_json": text}, TEXTS),
    st.builds(lambda text: {"type": "thinking_delta", "thinking": text}, TEXTS),
    st.builds(lambda text: {"type": "signature_delta", "signature": text}, TEXTS),
    st.builds(lambda text: {"text": text, "type": "text_delta"}, TEXTS),
    st.builds(lambda text: {"type": "text_delta", "text": text, "more": 1}, TEXTS),
    st.sampled_from([
        {"type": "text_delta"}, {"type": "citations_delta", "citation": {"type": "page_location"}}, {"text": "a"},
        {"type": "text_delta", "text": 5}, {"type": "new_delta", "text": "a"}, None,
    ]),
)  # fmt: skip
BLOCKS = st.sampled_from([
    {"type": "text", "text": ""}, {"type": "text", "text": "b"}, {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "tool_use", "id": "t", "name": "look", "input": {}}, {"type": "new", "input": {}, "text": "x"},
    {"type": "server_tool_use", "id": "s", "name": "find", "input": {"y": 1.0}},
    {"type": "tool_use", "id": "t", "name": "look", "input": {"y": 1.50}}, {"type": "tool_use", "id": "t", "input": {}},
    {"type": "tool_use", "id": "t", "name": "look", "input": "{}"}, {"type": "text", "text": "", "citations": []},
])  # fmt: skip
EVENTS = st.one_of(
    *[st.builds(lambda index, delta: {"type": "content_block_delta", "index": index, "delta": delta}, INDEXES, DELTAS)]
    * 4,
    st.builds(lambda index, block: {"type": "content_block_start", "index": index, "content_block": block}, INDEXES,
              BLOCKS),
    st.builds(lambda index: {"type": "content_block_stop", "index": index}, INDEXES),
    st.sampled_from([
        {"type": "ping"}, {"type": "ping", "error": {"type": "overloaded_error", "message": "m"}}, {"type": "new"},
        {"type": "content_block_stop", "index": True}, {"type": "content_block_stop"}, {"index": 0},
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}},
        {"type": "message_start", "message": {"id": "m", "content": [], "stop_reason": None, "usage": None}},
        {"type": "message_start", "message": {"type": "message", "role": "assistant", "model": "c", "content": []}},
        {"type": "message_start", "message": {"content": [], "usage": {"output_tokens": 1}, "service_tier": "s"}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 2}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"é": 1.50}},
        {"type": "message_delta", "delta": {"stop_reason": None, "stop_sequence": "x"}}, {"type": "message_delta"},
        {"type": "message_delta", "delta": {"stop_reason": 5}, "usage": None}, {"type": "message_stop", "more": 1},
        {"type": "message_delta", "delta": {}, "usage": {}},
        {"type": "error", "error": {"type": "api_error", "message": "m"}}, {"type": "message_stop"},
    ]),
)  # fmt: skip
HUGE = '{"type":"message_delta","delta":{},"usage":{"output_tokens":' + "9" * 5000 + "}}"
LITERALS = st.sampled_from(['{"type":"content_block_stop","index":-0}', '{"type":"ping","type":5}', "[DONE]", "[]",
                            HUGE, '{"type":"content_block_stop","index":0,"index":1}', '{"type":"ping"'])  # fmt: skip
OPENED = [{"type": "content_block_start", "index": number, "content_block": block}
          for number, block in enumerate([{"type": "text", "text": ""},
                                          {"type": "tool_use", "id": "t", "name": "look", "input": {}},
                                          {"type": "thinking", "thinking": ""}])]  # fmt: skip


def decoded(data: bytes, sizes: list[int], *, spelling: bool = True) -> list[StreamEvent]:
    return decoded_by(MessagesStreamDecoder(ORIGIN, spelling=spelling), data, sizes)


def expected_of(data: bytes) -> list[StreamEvent]:
    with mock.patch.object(MessagesStreamDecoder, "_is_more", return_value=False):
        return decoded(data, [])


@given(
    st.lists(st.one_of(EVENTS, EVENTS, EVENTS, LITERALS), max_size=16),
    st.lists(st.integers(1, 300), max_size=6),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_plain_events_are_read_as_the_codec_reads_them(
    events: list[Any], sizes: list[int], opened: bool, end: str
) -> None:
    frames = []
    for event in [*(OPENED if opened else ()), *events]:
        name = event.get("type", "content_block_stop") if isinstance(event, dict) else "content_block_stop"
        text = event if isinstance(event, str) else json.dumps(event)
        frames.append(f"event: {name}{end}data: {text}{end}{end}")
    data = "".join(frames).encode()
    expected = expected_of(data)
    assert told(decoded(data, sizes)) == told(expected)
    assert told(unspelled(decoded(data, sizes, spelling=False))) == told(unspelled(expected))


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_recorded_streams_are_read_alike(exchange: Exchange) -> None:
    data = exchange.sse.encode()
    expected = expected_of(data)
    assert told(decoded(data, [7, 100, 1000])) == told(expected)
    assert told(unspelled(decoded(data, [7, 100, 1000], spelling=False))) == told(unspelled(expected))


def events_taken_apart(data: bytes, *, spelling: bool) -> list[str]:
    """The events that the compiled reader left to the codec."""
    read: list[str] = []
    general = MessagesStreamDecoder._event

    def noted(self: MessagesStreamDecoder, event: Any, events: list[StreamEvent]) -> None:
        read.append(event.event)
        general(self, event, events)

    with mock.patch.object(MessagesStreamDecoder, "_event", noted):
        MessagesStreamDecoder(ORIGIN, spelling=spelling).feed(data)
    return read


def test_nearly_all_of_a_stream_is_plain() -> None:
    """A law that nothing reaches would hold as well."""
    deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
              for text in "abcdef"]  # fmt: skip
    stream: list[dict[str, Any]] = [OPENED[0], {"type": "ping"}, *deltas, {"type": "content_block_stop", "index": 0}]
    stream += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}]
    stream += [{"type": "message_stop"}]
    data = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in stream)
    assert events_taken_apart(data.encode(), spelling=True) == ["content_block_start"]


def test_of_a_stream_for_another_dialect_all_is_plain() -> None:
    events = bodies.anthropic_events()
    data = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    assert events_taken_apart(data.encode(), spelling=False) == []
