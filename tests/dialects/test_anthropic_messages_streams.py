"""Streams of Anthropic Messages read: what is told in pieces, what breaks off, what makes no sense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.anthropic_messages import DIALECT
from providers.spec.errors import ProviderError, ProviderProtocolError, RouterError
from providers.spec.events import CandidateEnd, PartDelta, StreamEnd, StreamError, StreamEvent, UsageUpdate
from providers.spec.fold import fold
from providers.spec.parts import OpaquePart, ReasoningPart, TextPart, ToolCallPart
from tests.dialects.anthropic_messages_support import ORIGIN, decoded

Event = dict[str, Any]

START: Event = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1},
    },
}
STOP: Event = {"type": "message_stop"}


def begun(index: int, **block: Any) -> Event:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(index: int, kind: str, **fields: Any) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def ended(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def closing(reason: str | None = "end_turn", **usage: int) -> Event:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7, **usage}}


def tool(index: int, *pieces: str, call_id: str = "toolu_1", whole: bool = True) -> list[Event]:
    """A call, its arguments in these pieces."""
    events = [begun(index, type="tool_use", id=call_id, name="look", input={})]
    events += [grown(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [*events, ended(index)] if whole else events


def written(*events: Event | str) -> bytes:
    """The stream as the provider writes it; text is put in as it is."""
    lines = [
        each if isinstance(each, str) else f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events
    ]
    return "".join(lines).encode()


def events_of(*events: Event | str) -> list[StreamEvent]:
    return decoded([written(*events)])


def error_of(*events: Event | str) -> RouterError:
    """The error this stream ends in; nothing follows it."""
    found = events_of(*events)
    errors = [event for event in found if isinstance(event, StreamError)]
    assert len(errors) == 1
    assert found[-1] is errors[0]
    assert not [event for event in found if isinstance(event, CandidateEnd | StreamEnd)]
    return errors[0].error


def arguments(*events: Event | str) -> list[str]:
    return [call.arguments for call in fold(events_of(*events)).candidates[0].tool_calls]


# ---- arguments


@pytest.mark.parametrize("pieces", [(), ("",), ("", "")])
def test_a_finished_call_without_arguments_is_one_of_an_empty_object(pieces: tuple[str, ...]) -> None:
    """ARGS-01, ARGS-04."""
    assert arguments(START, *tool(0, *pieces), closing("tool_use"), STOP) == ["{}"]


def test_the_placeholder_of_the_start_is_no_part_of_the_arguments() -> None:
    """ARGS-02."""
    events = events_of(START, *tool(0, "", '{"a"', ": 1.0}"), closing("tool_use"), STOP)
    assert [event.text for event in events if isinstance(event, PartDelta)] == ['{"a"', ": 1.0}"]


def test_arguments_told_whole_at_the_start_are_kept_where_no_delta_comes() -> None:
    """ARGS-14: some hosts that imitate this dialect do so."""
    start = begun(0, type="tool_use", id="t", name="look", input={"n": 12345678901234567890})
    assert arguments(START, start, ended(0), closing("tool_use"), STOP) == ['{"n":12345678901234567890}']


def test_arguments_are_kept_byte_for_byte() -> None:
    """ARGS-10, ARGS-12."""
    text = '{ "b":1.50,\n"a":  12345678901234567890, "u":"\\u00fc\\/"}'
    assert arguments(START, *tool(0, *text), closing("tool_use"), STOP) == [text]


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_a_call_that_was_cut_is_not_one_of_an_empty_object(reason: str) -> None:
    """ARGS-16, FINISH-03: complete siblings stay complete."""
    calls = [*tool(0, call_id="a"), *tool(1, '{"x"', call_id="b"), *tool(2, call_id="c")]
    assert arguments(START, *calls, closing(reason), STOP) == ["{}", '{"x"', ""]
    finish = fold(events_of(START, *calls, closing(reason), STOP)).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw) == ("length", reason)


# ---- blocks


def test_blocks_become_parts_counted_densely() -> None:
    """STREAM-01, STREAM-02, STREAM-24: whatever else stands between them."""
    events = events_of(
        START,
        begun(0, type="thinking", thinking="", signature=""),
        grown(0, "thinking_delta", thinking="Hm."),
        grown(0, "signature_delta", signature="c2ln+/=="),
        ended(0),
        begun(1, type="redacted_thinking", data="c2VhbGVk"),
        ended(1),
        begun(5, type="text", text=""),
        grown(5, "text_delta", text="a"),
        ended(5),
        begun(6, type="new_kind", value=1),
        grown(6, "new_delta", value=2),
        ended(6),
        *tool(7, "{}"),
        closing("tool_use"),
        STOP,
    )
    parts = fold(events).candidates[0].parts
    assert [type(part) for part in parts] == [ReasoningPart, ReasoningPart, TextPart, OpaquePart, ToolCallPart]
    assert [part.state and (part.state.value, part.state.origin) for part in parts[:3]] == [
        *(("c2ln+/==", ORIGIN), ("c2VhbGVk", ORIGIN), None)
    ]
    assert isinstance(parts[3], OpaquePart)
    assert parts[3].value == {"type": "new_kind", "value": 2}
    assert [event.index for event in events if isinstance(event, PartDelta)] == [0, 2, 4]


def test_thinking_that_is_withheld_keeps_its_signature() -> None:
    """REASON-08."""
    block = begun(0, type="thinking", thinking="", signature="")
    events = events_of(START, block, grown(0, "signature_delta", signature="c2ln"), ended(0), closing(), STOP)
    (part,) = fold(events).candidates[0].parts
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.state and part.state.value) == ("", "c2ln")


def test_interleaved_blocks_are_told_apart_by_their_index() -> None:
    """STREAM-04."""
    first, second = tool(0, call_id="a", whole=False), tool(1, call_id="b", whole=False)
    pieces = [(0, '{"a'), (1, '{"b'), (0, '":1}'), (1, '":2}')]
    deltas = [grown(index, "input_json_delta", partial_json=piece) for index, piece in pieces]
    assert arguments(START, *first, *second, *deltas, ended(1), ended(0), closing("tool_use"), STOP) == [
        *('{"a":1}', '{"b":2}')
    ]


def test_calls_of_the_provider_stay_apart_from_the_clients() -> None:
    """SERVER-03."""
    search = begun(0, type="server_tool_use", id="s", name="web_search", input={})
    delta = grown(0, "input_json_delta", partial_json='{"query": "x"}')
    response = fold(events_of(START, search, delta, ended(0), closing("pause_turn"), STOP))
    (part,) = response.candidates[0].parts
    assert isinstance(part, ToolCallPart)
    assert (part.executed_by, part.arguments) == ("provider", '{"query": "x"}')
    assert response.candidates[0].tool_calls == ()


# ---- the end


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        *(("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls")),
        *(("pause_turn", "pause"), ("refusal", "refusal"), ("model_context_window_exceeded", "length")),
        ("something_new", "other"),
    ],
)
def test_every_reason_has_its_word(raw: str, reason: str) -> None:
    """FINISH-02, FINISH-04, FINISH-05."""
    finish = fold(events_of(START, closing(raw), STOP)).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw, finish.inferred) == (reason, raw, False)


def test_end_turn_with_calls_is_told_as_calls() -> None:
    """STREAM-13."""
    finish = fold(events_of(START, *tool(0, "{}"), closing("end_turn"), STOP)).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw) == ("tool_calls", "end_turn")


def test_a_missing_reason_is_inferred_at_a_clean_end() -> None:
    """STREAM-12."""
    for events, reason in (((START, STOP), "stop"), ((START, *tool(0, "{}"), STOP), "tool_calls")):
        finish = fold(events_of(*events)).candidates[0].finish
        assert finish is not None
        assert (finish.reason, finish.raw, finish.inferred) == (reason, None, True)


def test_snapshots_of_usage_are_merged_and_not_added() -> None:
    """USAGE-01, USAGE-02, USAGE-05."""
    last = closing(cache_creation_input_tokens=2)
    last["usage"]["output_tokens_details"] = {"thinking_tokens": 3}
    last["usage"]["input_tokens"] = None
    events = events_of(START, {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}}, last, STOP)
    usage = [event.usage for event in events if isinstance(event, UsageUpdate)][-1]
    assert (usage.input_tokens, usage.output_tokens) == (10 + 5 + 2, 7)
    assert (usage.cached_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (5, 2, 3)


def test_a_stream_without_usage_ends_all_the_same() -> None:
    """STREAM-06, USAGE-04."""
    start = {"type": "message_start", "message": {"id": "m", "content": []}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    response = fold(events_of(start, end, STOP))
    assert response.usage is None


# ---- faults


@pytest.mark.parametrize(
    "events",
    [
        (),
        (START,),
        (START, begun(0, type="text", text="half")),
        (START, *tool(0, '{"a": 1}')),
        (START, *tool(0, "{}"), closing("tool_use")),
        ("data: [DONE]\n\n",),
    ],
)
def test_a_stream_without_its_terminator_was_cut(events: tuple[Event | str, ...]) -> None:
    """STREAM-15: even where everything that came was whole."""
    error = error_of(*events)
    assert isinstance(error, ProviderProtocolError)
    assert error.message == "the stream ended without message_stop"
    assert error.retryable is True


@pytest.mark.parametrize(
    ("body", "status", "kind", "retryable"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, 529, "overloaded_error", True),
        ({"type": "rate_limit_error", "message": "Slow down"}, 429, "rate_limit_error", True),
        ({"type": "invalid_request_error", "message": "No"}, 400, "invalid_request_error", False),
        ({"type": "strange_error", "message": "Odd"}, 502, "api_error", True),
        ({"message": "Only words"}, 502, "api_error", True),
    ],
)
def test_an_error_in_the_stream_ends_it(body: Event, status: int, kind: str, retryable: bool) -> None:
    """STREAM-14, ERROR-03, ERROR-08."""
    error = error_of(START, *tool(0, "{}"), {"type": "error", "error": body}, closing("tool_use"), STOP)
    assert isinstance(error, ProviderError)
    assert (error.status, error.type, error.message, error.retryable) == (status, kind, body["message"], retryable)
    assert error_of({"type": "error", "error": body}).message == body["message"]


@pytest.mark.parametrize(
    "event",
    [
        "data: {\n\n",
        "data: [1]\n\n",
        "data: \ufffd\n\n",
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": True, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "x", "input": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        {"type": "message_start"},
        {"type": "message_start", "message": "hello"},
    ],
)
def test_what_breaks_the_grammar_is_the_providers_fault(event: Event | str) -> None:
    """ERROR-01."""
    error = error_of(START, event, closing(), STOP)
    assert isinstance(error, ProviderProtocolError)
    assert (error.status, error.path) == (502, None)


@pytest.mark.parametrize(
    "noise",
    [
        ": comment\n\n",
        "id: 7\nretry: 10\n\n",
        "event: ping\ndata: {}\n\n",
        'data: {"type": "ping"}\r\n\r\n',
        'event: keepalive\ndata: {"type": "something_new", "x": 1}\n\n',
        'data:{"type":"content_block_delta",\ndata:"index":0,"delta":{"type":"unheard_of"}}\n\n',
        'event: content_block_stop\ndata: {"type": "content_block_stop", "index": 9}\n\n',
    ],
)
def test_what_means_nothing_changes_nothing(noise: str) -> None:
    """STREAM-18: comments, pings, unknown events and deltas, other line ends."""
    text = (begun(0, type="text", text=""), grown(0, "text_delta", text="a"), ended(0))
    stream: list[Event | str] = [START, *text, closing(), STOP]
    # What speaks of a block comes after one has begun.
    before = [] if "index" in noise else [noise]
    noisy = [*before, *stream[:2], noise, *stream[2:]]
    assert events_of(*noisy) == events_of(*stream)


def test_what_comes_after_the_end_is_not_read() -> None:
    """STREAM-11: there is one end."""
    stream = (START, *tool(0, "{}"), closing("tool_use"), STOP)
    assert events_of(*stream, START, *tool(0, "{}"), STOP, {"type": "error", "error": {}}) == events_of(*stream)


def test_blocks_that_nobody_closed_are_closed_by_the_end() -> None:
    """ARGS-04, STREAM-21."""
    response = fold(
        events_of(START, begun(0, type="text", text="said"), *tool(1, '{"a": 1}', whole=False), closing(), STOP)
    )
    assert [type(part) for part in response.candidates[0].parts] == [TextPart, ToolCallPart]
    assert response.candidates[0].tool_calls[0].arguments == '{"a": 1}'


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_give_events_and_one_error_at_the_end(chunks: list[bytes]) -> None:
    events = decoded(chunks)
    assert isinstance(events[-1], StreamError)
    assert not [event for event in events[:-1] if isinstance(event, StreamError | StreamEnd)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "index", "delta", "text", "id", "name", "input", "usage"]), inner)
    ),
    max_leaves=8,
)
KINDS = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from([*KINDS, "message_stop"]) | JSON},
            optional={
                "index": JSON,
                "message": JSON,
                "content_block": JSON,
                "delta": JSON,
                "usage": JSON,
                "error": JSON,
            },
        ),
        max_size=6,
    )
)
def test_any_json_gives_events_and_one_end(events: list[Event]) -> None:
    found = decoded([b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)])
    assert isinstance(found[-1], StreamError | StreamEnd)
    assert len([event for event in found if isinstance(event, StreamError | StreamEnd)]) == 1
    if isinstance(found[-1], StreamEnd):
        fold(found)
    else:
        assert isinstance(found[-1].error, ProviderError | ProviderProtocolError)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from([200, 400, 500]))
def test_any_json_is_an_answer_or_an_error_of_ours(value: Any, status: int) -> None:
    assert isinstance(DIALECT.decode_error(status, json.dumps(value).encode()), ProviderError)
    body = value if isinstance(value, dict) else {"content": value}
    try:
        DIALECT.decode_response(body, ORIGIN)
    except RouterError as error:
        assert isinstance(error, ProviderError | ProviderProtocolError)  # noqa: PT017 - either outcome is right
