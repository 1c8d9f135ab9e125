"""Chunks read by the compiled reader give the events that the codec gives, in any order and mixture."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bodies
from providers.dialects.openai_chat.stream_decode import ChatStreamDecoder
from providers.dialects.openai_chat.stream_encode import ChatStreamEncoder
from providers.spec.dialect import FaceContext
from providers.spec.events import StreamEvent
from providers.spec.parts import Origin
from tests.dialects.plain_streams import decoded_by, told

ORIGIN = Origin(dialect="openai-chat", provider="p", model="m")

TEXTS = st.sampled_from(["a", "é", "", "{", '{"x":1}', "}", "<", " "])


def piece(**members: Any) -> st.SearchStrategy[Any]:
    """An object of these members, each a value or a strategy for one."""
    return st.fixed_dictionaries(
        {key: item if isinstance(item, st.SearchStrategy) else st.just(item) for key, item in members.items()}
    )


FRAGMENTS = st.lists(
    st.one_of(
        piece(index=st.integers(0, 2), function=piece(arguments=TEXTS)),
        piece(index=st.integers(0, 2), function=piece(arguments=TEXTS)),
        piece(index=st.integers(0, 2), id=st.sampled_from(["c1", "c2"]), type="function",
              function=piece(name=st.sampled_from(["look", "find"]), arguments=TEXTS)),
        piece(index=st.integers(0, 2), id=None, type=None, function=piece(name=st.sampled_from(["lo", "ok"]),
              arguments=TEXTS)),
        piece(index=0, function=piece(name="look")),
        piece(function=piece(arguments=TEXTS)),
        piece(index=1, type="custom", custom=piece(name="note", input=TEXTS)),
    ),
    min_size=1,
    max_size=2,
)  # fmt: skip
DELTAS = st.one_of(
    piece(content=TEXTS),
    piece(content=TEXTS),
    piece(tool_calls=FRAGMENTS),
    piece(tool_calls=FRAGMENTS),
    piece(role="assistant", content=TEXTS, refusal=None),
    piece(content=None, reasoning_content=TEXTS),
    piece(content=TEXTS, reasoning_content=TEXTS),
    piece(reasoning=TEXTS),
    piece(content=TEXTS, tool_calls=FRAGMENTS),
    piece(content=None, tool_calls=None, function_call=None),
    piece(refusal=TEXTS),
    piece(reasoning_details=st.lists(piece(type="reasoning.text", text=TEXTS, index=0), max_size=1), content=TEXTS),
    piece(extra_content=st.just({"google": {"thought_signature": "s"}}), content=TEXTS),
    st.just({}),
)
CHUNKS = st.one_of(
    *[
        st.builds(
            lambda delta, index, beside, choice: {
                "id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": index, "delta": delta, **choice}], **beside,
            },
            DELTAS,
            st.sampled_from([0, 0, 0, 0, 1]),
            st.sampled_from([
                {}, {}, {}, {"usage": None, "obfuscation": "x"}, {"service_tier": "t", "system_fingerprint": "f"},
                {"service_tier": None}, {"system_fingerprint": "g"}, {"usage": {"prompt_tokens": 1}}, {"more": 1},
                {"usage": {}}, {"usage": []}, {"usage": {"é": 1, "total_tokens": 5}},
            ]),
            st.sampled_from([{}, {}, {}, {"finish_reason": None, "logprobs": None}, {"finish_reason": "stop"}]),
        )
    ] * 3,
    st.just({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
    st.just({"error": {"message": "m"}}),
)  # fmt: skip

LITERALS = st.sampled_from([
    '{"choices":[{"index":-0,"delta":{"content":"x"}}]}', '{"choices":[{"index":0,"delta":{"content":"-0"}}]}',
    '{"choices":[],"usage":{"prompt_tokens":' + "9" * 5000 + "}}",
])  # fmt: skip


def decoded(data: bytes, sizes: list[int], *, spelling: bool = True) -> list[StreamEvent]:
    return decoded_by(ChatStreamDecoder(ORIGIN, spelling=spelling), data, sizes)


@given(
    st.lists(CHUNKS | CHUNKS | LITERALS, max_size=14),
    st.lists(st.integers(1, 400), max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_plain_chunks_are_read_as_the_codec_reads_them(
    chunks: list[Any], sizes: list[int], ends: bool, ascii: bool
) -> None:
    """STREAM-01 to STREAM-09 hold whichever of the two has read a chunk."""
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=ascii) for chunk in chunks]
    texts += ["[DONE]"] if ends else []
    data = "".join(f"data: {text}\n\n" for text in texts).encode()
    with mock.patch.object(ChatStreamDecoder, "_is_more", return_value=False):
        expected = decoded(data, [])
    assert told(decoded(data, sizes)) == told(expected)
    assert told(decoded(data, sizes, spelling=False)) == told(expected)


def events_taken_apart(data: bytes, *, spelling: bool) -> list[str]:
    """The events that the compiled reader left to the codec."""
    read: list[str] = []
    general = ChatStreamDecoder._event

    def counted(self: ChatStreamDecoder, event: Any) -> Any:
        read.append(event.data)
        return general(self, event)

    with mock.patch.object(ChatStreamDecoder, "_event", counted):
        ChatStreamDecoder(ORIGIN, spelling=spelling).feed(data)
    return read


def test_nearly_all_of_a_stream_is_plain() -> None:
    """A law that nothing reaches would hold as well."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": ""}}
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"content": text} for text in "abcdef")]
    deltas += [{"tool_calls": [call]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": text}}]} for text in "{ }"]
    chunks: list[Any] = [{"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
    chunks += [{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}]
    data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    assert len(events_taken_apart(data.encode(), spelling=True)) == 1


def test_of_a_stream_whose_spelling_nobody_asks_for_all_is_plain() -> None:
    data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in bodies.openai_events()) + "data: [DONE]\n\n"
    assert events_taken_apart(data.encode(), spelling=False) == ["[DONE]"]


@given(st.lists(CHUNKS, max_size=14), st.booleans())
def test_framed_pieces_are_written_as_all_others(chunks: list[Any], usage: bool) -> None:
    data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    events = decoded(data, [])
    context = FaceContext(response_id="r", model="m", created=1, stream_usage=usage)
    framed = ChatStreamEncoder(context)
    written = [framed.feed(event) for event in events]
    with mock.patch.object(ChatStreamEncoder, "_frame", return_value=None):
        whole = ChatStreamEncoder(context)
        assert written == [whole.feed(event) for event in events]
