"""Streams of hosts that take the dialect lightly, read as what they mean; and broken ones, which are errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.spec.errors import ProviderError, ProviderProtocolError
from providers.spec.events import PartDelta, PartStart, StreamError
from providers.spec.fold import fold
from providers.spec.parts import ReasoningPart, TextPart, ToolCallPart
from providers.spec.response import Response
from tests.dialects.openai_chat_building import ENDS, chunk, error_of, fragment, read, stream_of
from tests.dialects.openai_chat_support import ORIGIN, decoded
from tests.dialects.test_anthropic_messages_laws import without_forms


def calls_of(response: Response) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in response.candidates[0].tool_calls]


F, G = '{"x":1}', '{"x":2}'
OPEN, CLOSE = '{"x"', ":1}"

A, B = ("a", "f", F), ("b", "g", G)

Calls = dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]]

PLACES: Calls = {
    "one index, ids differ": ([fragment(0, *A), fragment(0, "b", "f", G)], [A, ("b", "f", G)]),
    "one index, no arguments": (
        [fragment(0, "a", "f", ""), fragment(0, "b", "f", "")],
        [("a", "f", "{}"), ("b", "f", "{}")],
    ),
    "one index, empty objects": (
        [fragment(0, "a", "f", "{}"), fragment(0, "b", "f", "{}")],
        [("a", "f", "{}"), ("b", "f", "{}")],
    ),
    "one index, in one chunk": (
        [chunk({"tool_calls": [{"index": 0, "id": i, "function": {"name": "f", "arguments": F}} for i in "ab"]})],
        [A, ("b", "f", F)],
    ),
    "one index, no ids": ([fragment(0, None, "f", F), fragment(0, None, "f", G)], [("", "f", F), ("", "f", G)]),
    "no index": ([fragment(None, *A), fragment(None, *B)], [A, B]),
    "no index, pieces by id": ([fragment(None, "a", "f", OPEN), fragment(None, "a", None, CLOSE)], [A]),
    "neither index nor id": (
        [fragment(None, None, "f", F), fragment(None, None, "f", G)],
        [("", "f", F), ("", "f", G)],
    ),
    "neither, the name again": (
        [fragment(None, None, "f", OPEN), fragment(None, None, "f", CLOSE)],
        [("", "f", F)],
    ),
    "an index that is text": ([fragment("0", "a", "f", OPEN), fragment("0", None, None, CLOSE)], [A]),
    "sparse indexes": ([fragment(3, *A), fragment(7, *B)], [A, B]),
    "interleaved": (
        [
            fragment(0, "a", "f", OPEN),
            fragment(1, "b", "g", OPEN),
            fragment(0, None, None, CLOSE),
            fragment(1, None, None, ":2}"),
        ],
        [A, B],
    ),
}

REPEATED: Calls = {
    "ids that change": (
        [fragment(0, "a", "f", ""), fragment(0, "b", None, OPEN), fragment(0, "c", None, CLOSE)],
        [A],
    ),
    "id and name again": ([fragment(0, "a", "f", OPEN), fragment(0, "a", "f", CLOSE)], [A]),
    "a recap of several": ([fragment(0, *A), fragment(1, *B), fragment(0, *A)], [A, B]),
    "a recap of one": ([fragment(0, "a", "f", OPEN), fragment(0, None, None, CLOSE), fragment(0, *A)], [A]),
}

NAMES: Calls = {
    "the name later": ([fragment(0, "a", None, OPEN), fragment(0, None, "f", CLOSE)], [A]),
    "an empty name": ([fragment(0, "a", "", OPEN), fragment(0, None, "f", CLOSE), fragment(0, None, "", "")], [A]),
    "a null name": (
        [
            fragment(0, "a", "f", OPEN),
            chunk({"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": CLOSE}}]}),
        ],
        [A],
    ),
    "a name in pieces": (
        [fragment(0, "a", "get_"), fragment(0, None, "it"), fragment(0, None, None, F)],
        [("a", "get_it", F)],
    ),
    "a name that grows": (
        [fragment(0, "a", "get"), fragment(0, None, "get_it"), fragment(0, None, None, F)],
        [("a", "get_it", F)],
    ),
}

ARGUMENTS: Calls = {
    "no arguments at all": ([fragment(0, "a", "f")], [("a", "f", "{}")]),
    "arguments as an object": ([fragment(0, "a", "f", {"x": 1})], [A]),
    "the legacy field": (
        [chunk({"function_call": {"name": "f", "arguments": OPEN}}), chunk({"function_call": {"arguments": CLOSE}})],
        [("", "f", F)],
    ),
    "empty fields beside": (
        [
            chunk({"tool_calls": [], "function_call": {"name": "", "arguments": ""}}),
            fragment(0, *A, type="function", custom={"name": "", "input": ""}),
        ],
        [A],
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_fragments_are_joined_by_index_or_by_what_tells_calls_apart(case: str) -> None:
    """STREAM-01, STREAM-02, STREAM-04."""
    assert_joined(*PLACES[case])


@pytest.mark.parametrize("case", REPEATED)
def test_what_is_told_again_is_no_other_call(case: str) -> None:
    """ID-14, STREAM-08."""
    assert_joined(*REPEATED[case])


@pytest.mark.parametrize("case", NAMES)
def test_names_may_come_late_empty_or_in_pieces(case: str) -> None:
    """STREAM-09."""
    assert_joined(*NAMES[case])


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_of_every_shape_are_text(case: str) -> None:
    """ARGS-01, ARGS-04, ARGS-05."""
    assert_joined(*ARGUMENTS[case])


def assert_joined(chunks: list[dict[str, Any]], expected: list[tuple[str, str, str]]) -> None:
    response = read(*chunks, ENDS)
    assert calls_of(response) == expected
    assert response.candidates[0].finish is not None
    assert response.candidates[0].finish.reason == "tool_calls"


def test_a_call_is_whole_only_when_it_ends() -> None:
    """STREAM-10: arguments that happen to parse may still grow."""
    response = read(fragment(0, "a", "f", "{}"), fragment(0, None, None, " "), ENDS)
    assert calls_of(response) == [("a", "f", "{} ")]


def test_a_call_with_its_arguments_is_told_at_once() -> None:
    (_, start, delta) = DIALECT.stream_decoder(ORIGIN).feed(stream_of(fragment(0, "a", "f", '{"x'), done=False))
    assert isinstance(start, PartStart)
    assert isinstance(start.part, ToolCallPart)
    assert (start.part.id, start.part.name) == ("a", "f")
    assert isinstance(delta, PartDelta)


def test_a_cut_call_is_not_made_whole() -> None:
    """ARGS-16, FINISH-03."""
    response = read(fragment(0, "a", "f", F), fragment(1, "b", "g", ""), chunk({}, "length"))
    assert calls_of(response) == [("a", "f", F), ("b", "g", "")]
    assert response.candidates[0].finish is not None
    assert response.candidates[0].finish.reason == "length"


# ---- reasons and ends


@pytest.mark.parametrize(
    ("chunks", "reason", "raw"),
    [
        ([fragment(0, "a", "f", F), chunk({}, "stop")], "tool_calls", "stop"),
        ([fragment(0, "a", "f", F), chunk({}, "function_call")], "tool_calls", "function_call"),
        ([chunk({"content": "x"}, "stop"), chunk({"content": "y"}), chunk({}, "stop")], "stop", "stop"),
        ([chunk({"content": "x"}, "STOP")], "stop", "STOP"),
        ([chunk({"content": "x"}, "brand_new")], "other", "brand_new"),
        ([chunk({"content": "x"}, "content_filter")], "content_filter", "content_filter"),
        ([chunk({"content": "x"}, "error")], "error", "error"),
    ],
)
def test_the_reason_agrees_with_what_came(chunks: list[dict[str, Any]], reason: str, raw: str) -> None:
    """STREAM-11, STREAM-13, CHOICE-12."""
    finish = read(*chunks).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw, finish.inferred) == (reason, raw, False)


@pytest.mark.parametrize("delta", [{}, {"content": "x"}])
def test_a_reason_that_says_calls_where_there_are_none_is_a_failure_to_call(delta: dict[str, Any]) -> None:
    """CHOICE-11, FINISH-02, FINISH-07."""
    finish = read(chunk(delta, "tool_calls")).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw) == ("malformed_tool_call", "tool_calls")
    assert finish.message


@pytest.mark.parametrize(
    ("piece", "reason"), [(chunk({"content": "x"}), "stop"), (fragment(0, "a", "f", F), "tool_calls")]
)
def test_a_missing_reason_follows_from_what_came_at_a_clean_end(piece: dict[str, Any], reason: str) -> None:
    """STREAM-12."""
    finish = read(piece).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw, finish.inferred) == (reason, None, True)


def test_a_reason_ends_an_answer_without_the_terminator() -> None:
    """STREAM-06, STREAM-15: several hosts send no [DONE]."""
    assert read(chunk({"content": "x"}, "stop"), done=False).candidates[0].finish is not None


BROKEN: dict[str, tuple[list[Any], bool, type[Exception], str]] = {
    "cut": ([chunk({"content": "x"})], False, ProviderProtocolError, "without a finish reason"),
    "cut within a call": ([fragment(0, "a", "f", '{"x')], False, ProviderProtocolError, "without a finish reason"),
    "nothing": ([], False, ProviderProtocolError, "without an answer"),
    "only the terminator": ([], True, ProviderProtocolError, "without an answer"),
    "nothing said": ([chunk({"role": "assistant", "content": ""})], True, ProviderProtocolError, "empty answer"),
    "no JSON": ([chunk({"content": "x"}), b"{oops"], True, ProviderProtocolError, "not JSON"),
    "no object": ([b"[1]"], True, ProviderProtocolError, "object"),
    "an error": ([chunk({"content": "x"}), {"error": {"message": "boom", "code": 429}}], True, ProviderError, "boom"),
    "an error as text": ([{"error": "boom"}], True, ProviderError, "boom"),
    "an error in a list": ([chunk({"content": "x"}), b'[{"error": {"message": "boom", "code": 503}}]'], False,
                           ProviderError, "boom"),
    "an error in a choice": (
        [{"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "boom"}}]}],
        True, ProviderError, "boom",
    ),
    "an error spread out": ([{"object": "error", "message": "boom", "code": 400}], True, ProviderError, "boom"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_stream_is_an_error_and_never_a_quiet_end(case: str) -> None:
    """STREAM-14, STREAM-15, STREAM-16."""
    chunks, done, kind, words = BROKEN[case]
    error = error_of(*chunks, done=done).error
    assert isinstance(error, kind)
    assert words in error.message


def test_nothing_is_told_after_an_error() -> None:
    """STREAM-14: also where a host goes on with [DONE]."""
    events = decoded([stream_of({"error": {"message": "boom"}}, chunk({"content": "x"}, "stop"))])
    assert [type(event) for event in events] == [StreamError]


@pytest.mark.parametrize("status", [429, 500, 502])
def test_an_error_in_a_stream_keeps_its_status(status: int) -> None:
    error = error_of({"error": {"message": "boom", "code": status}}).error
    assert (error.status, error.retryable) == (status, True)


def test_a_body_that_is_no_stream_is_read_all_the_same() -> None:
    """STREAM-16: an error in a 200, or the whole answer of a host that does not stream."""
    last = decoded([b'{"error": {"message": ', b'"boom", "code": 401}}'])[-1]
    assert isinstance(last, StreamError)
    assert (last.error.message, last.error.status) == ("boom", 401)
    message = {"role": "assistant", "content": "x"}
    body: Any = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    pieces = [bytes([byte]) for byte in json.dumps(body).encode()]
    assert without_forms(fold(decoded(pieces))) == without_forms(DIALECT.decode_response(body, ORIGIN))


# ---- details of events


def test_events_of_every_kind_are_read() -> None:
    """STREAM-18, STREAM-19: comments, CRLF, no space, several lines, empty lines, choices that are null."""
    stream = (
        b": OPENROUTER PROCESSING\r\n\r\n"
        b"event: ping\r\ndata: \r\n\r\n"
        b'id: 7\r\ndata:{"id":"","choices":null}\r\n\r\n'
        b'data: {"id":"c1","model":"m",\r\ndata: "choices":[{"index":0,"delta":{"content":"x"}}]}\r\n\r\n'
        b'data: {"id":"c1","choices":[{"index":0,"finish_reason":"stop"}]}\r\n\r\n'
        b"data: [DONE]\r\n\r\n"
    )
    response = fold(decoded([stream]))
    assert (response.id, response.model) == ("c1", "m")
    assert [part.text for part in response.candidates[0].parts if isinstance(part, TextPart)] == ["x"]


def test_usage_comes_in_a_last_chunk_without_choices() -> None:
    """USAGE-04, USAGE-05."""
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    read_usage = read(chunk({"content": "x"}, "stop"), {"id": "c1", "choices": [], "usage": usage}).usage
    assert read_usage is not None
    assert (read_usage.input_tokens, read_usage.output_tokens, read_usage.total_tokens) == (9, 5, 14)
    assert (read_usage.cached_tokens, read_usage.reasoning_tokens, read_usage.raw) == (4, 2, usage)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_each_of_its_names(field: str) -> None:
    """REASON-19: once, where a host says it under both."""
    both = {"reasoning": "r", "reasoning_content": "r"}
    for delta in ({field: "r"}, both):
        (thought, text) = read(chunk(delta), chunk({"content": "x"}, "stop")).candidates[0].parts
        assert isinstance(thought, ReasoningPart)
        assert (thought.text, isinstance(text, TextPart)) == ("r", True)


def test_details_of_reasoning_are_joined_by_index_and_type() -> None:
    """REASON-12: the signature comes in a last fragment without text."""
    details = [
        {"type": "reasoning.text", "index": 0, "text": "a", "format": "f"},
        {"type": "reasoning.text", "index": 0, "text": "b"},
        {"type": "reasoning.text", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "index": 0, "data": "d"},
        {"type": "reasoning.text", "index": 1, "text": "c"},
    ]
    (thought, _) = (
        read(*(chunk({"reasoning_details": [one]}) for one in details), fragment(0, "a", "f", F), ENDS)
        .candidates[0]
        .parts
    )
    assert isinstance(thought, ReasoningPart)
    assert thought.state is not None
    assert json.loads(thought.state.value) == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "format": "f", "signature": "s"},
        {"type": "reasoning.encrypted", "index": 0, "data": "d"},
        {"type": "reasoning.text", "index": 1, "text": "c"},
    ]  # fmt: skip


@pytest.mark.parametrize("late", [False, True])
def test_a_signature_of_googles_front_belongs_to_its_call(late: bool) -> None:
    """REASON-02: also where it comes in a later fragment."""
    extra: Any = {"extra_content": {"google": {"thought_signature": "sig"}}}
    chunks = [fragment(0, "a", "f", F), fragment(0, **extra)] if late else [fragment(0, "a", "f", F, **extra)]
    (call,) = read(*chunks, ENDS).candidates[0].tool_calls
    assert call.state is not None
    assert (call.state.kind, call.state.value, call.state.origin) == ("thought_signature", "sig", ORIGIN)


def test_a_signature_of_a_text_stands_on_the_delta() -> None:
    """REASON-04."""
    extra = {"extra_content": {"google": {"thought_signature": "sig"}}}
    (text,) = read(chunk({"content": "x"}), chunk({"content": "", **extra}, "stop")).candidates[0].parts
    assert isinstance(text, TextPart)
    assert (text.text, text.state and text.state.value) == ("x", "sig")


def test_fields_of_a_call_that_are_not_modelled_are_carried() -> None:
    more: Any = {"provider_specific_fields": {"thought_signature": "s"}}
    (call,) = read(fragment(0, "a", "f", F, **more), fragment(0, cache="hit"), ENDS).candidates[0].tool_calls
    assert call.ext == {"openai-chat": {**more, "cache": "hit"}}


def test_sound_and_annotations_are_gathered() -> None:
    response = read(
        chunk({"audio": {"id": "x", "data": "AA"}, "annotations": [1]}),
        chunk({"audio": {"data": "BB", "transcript": "h"}, "annotations": [2]}),
        chunk({"audio": {"transcript": "i"}}, "stop"),
    )
    message = response.candidates[0].ext["openai-chat"]["message"]
    assert message == {"audio": {"id": "x", "data": "AABB", "transcript": "hi"}, "annotations": [1, 2]}


def test_a_whole_message_in_place_of_a_delta_is_read_once() -> None:
    """STREAM-23: after deltas it is a recap."""
    whole = {
        "id": "c1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    }
    for chunks in ([whole], [chunk({"content": "x"}), whole]):
        candidate = read(*chunks).candidates[0]
        assert [part.text for part in candidate.parts if isinstance(part, TextPart)] == ["x"]
        assert candidate.ext == {}
