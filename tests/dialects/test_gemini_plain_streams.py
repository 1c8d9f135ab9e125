"""Chunks read by the compiled reader give the events that the codec gives, in any order and mixture."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bodies
from providers.dialects.gemini.stream_decode import GeminiStreamDecoder
from providers.spec.events import StreamEvent
from providers.spec.parts import Origin
from tests.dialects.gemini_support import STREAMS, stream_bytes
from tests.dialects.plain_streams import decoded_by, told, unspelled
from tests.traffic import Exchange, exchange_id, needs_traffic

ORIGIN = Origin(dialect="google-generate-content", provider="p", model="m")

TEXTS = st.sampled_from(["a", "é", "", "b c"])
PARTS = st.one_of(
    st.builds(lambda text: [{"text": text}], TEXTS),
    st.builds(lambda text: [{"text": text}], TEXTS),
    st.builds(lambda text: [{"text": text}], TEXTS),
    st.builds(lambda text: [{"text": text, "thought": True}], TEXTS),
    st.builds(lambda text: [{"text": text, "thoughtSignature": "s"}], TEXTS),
    st.builds(lambda text: [{"text": text}, {"text": text}], TEXTS),
    st.sampled_from(
        [
            [{"functionCall": {"name": "look", "args": {"x": 1.50, "y": [-0.0, None]}}}],
            [{"functionCall": {"name": "look", "id": "i"}}],
            [{"functionCall": {"name": "look", "args": None, "id": ""}}],
            [{"functionCall": {"name": "", "args": {}}}],
            [{"functionCall": {"args": {}}}],
            [{"functionCall": {"name": "look", "args": "{}"}}],
            [{"functionCall": {"name": "look"}, "text": "a"}],
            [{"functionCall": {"name": "look"}, "thoughtSignature": "s"}],
            [{"thoughtSignature": "s"}],
        ]
    ),
    st.just([{"functionCall": {"name": "look", "partialArgs": [], "willContinue": True}}]),
    st.just([]),
)
USAGE = st.sampled_from(
    [{"promptTokenCount": 3}, {"promptTokenCount": 3, "candidatesTokenCount": 2}, {"prompt_token_count": 4}, None,
     {"promptTokenCount": "5"}, {"é": 1}, {"totalTokenCount": 9.0, "thoughtsTokenCount": None}]
)  # fmt: skip
CHUNKS = st.builds(
    lambda parts, candidate, beside, usage: {
        "candidates": [{"content": {"parts": parts, "role": "model"}, **candidate}], **beside,
        **({} if usage is ... else {"usageMetadata": usage}),
    },
    PARTS,
    st.sampled_from([{}, {}, {"index": 0}, {"index": 0}, {"index": 1}, {"finishReason": "STOP"}, {"avgLogprobs": 1}]),
    st.sampled_from([{"responseId": "r", "modelVersion": "m"}] * 5 + [{}, {"responseId": "q"}, {"more": 1}]),
    st.just(...) | USAGE,
)  # fmt: skip

LITERALS = st.sampled_from([
    '{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":-0}]}',
    '{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":' + "9" * 5000 + "}}",
])  # fmt: skip


def decoded(data: bytes, sizes: list[int], *, spelling: bool = True) -> list[StreamEvent]:
    return decoded_by(GeminiStreamDecoder(ORIGIN, spelling=spelling), data, sizes)


def expected_of(data: bytes) -> list[StreamEvent]:
    with mock.patch.object(GeminiStreamDecoder, "_is_more", return_value=False):
        return decoded(data, [])


@given(
    st.lists(CHUNKS | CHUNKS | LITERALS, max_size=12),
    st.lists(st.integers(1, 400), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)
def test_plain_chunks_are_read_as_the_codec_reads_them(chunks: list[Any], sizes: list[int], end: str) -> None:
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk, separators=(",", ":")) for chunk in chunks]
    data = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    expected = expected_of(data)
    assert told(decoded(data, sizes)) == told(expected)
    assert told(unspelled(decoded(data, sizes, spelling=False))) == told(unspelled(expected))


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_recorded_streams_are_read_alike(exchange: Exchange) -> None:
    data = stream_bytes(exchange)
    expected = expected_of(data)
    assert told(decoded(data, [7, 100, 1000])) == told(expected)
    assert told(unspelled(decoded(data, [7, 100, 1000], spelling=False))) == told(unspelled(expected))


def chunks_taken_apart(data: bytes, *, spelling: bool) -> int:
    """How many chunks the compiled reader left to the codec."""
    read = 0
    general = GeminiStreamDecoder._chunk

    def counted(self: GeminiStreamDecoder, text: str, events: list[StreamEvent]) -> None:
        nonlocal read
        read += 1
        general(self, text, events)

    with mock.patch.object(GeminiStreamDecoder, "_chunk", counted):
        GeminiStreamDecoder(ORIGIN, spelling=spelling).feed(data)
    return read


def test_nearly_all_of_a_stream_is_plain() -> None:
    """A law that nothing reaches would hold as well."""
    chunks = [
        {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
         "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": count}, "responseId": "r"}
        for count, text in enumerate("abcdef")
    ]  # fmt: skip
    data = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks).encode()
    assert chunks_taken_apart(data, spelling=True) == 1


def test_of_a_stream_for_another_dialect_all_is_plain() -> None:
    data = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in bodies.gemini_events()).encode()
    assert chunks_taken_apart(data, spelling=False) == 0
