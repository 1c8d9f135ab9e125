"""What callers that speak Anthropic Messages send and read, whoever answers them."""

from __future__ import annotations

import msgspec
import pytest

from providers.dialects.anthropic_messages import DIALECT
from providers.dialects.gemini import DIALECT as GEMINI_DIALECT
from providers.dialects.openai_responses import DIALECT as RESPONSES
from providers.spec.adjustments import Report
from providers.spec.errors import (
    AuthenticationError,
    InternalError,
    InvalidRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderTimeoutError,
    RouterError,
    UnsupportedError,
)
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
    PartEnd,
    PartStart,
    ResponseStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.fold import unfold
from providers.spec.parts import OpaquePart, RefusalPart, TextPart, ToolResultPart
from providers.spec.profile import Target
from providers.spec.response import Finish, FinishReason, Usage
from providers.spec.values import JsonObject
from providers.wire.json import dumps_text
from tests.dialects.anthropic_messages_building import call
from tests.dialects.anthropic_messages_reading import answer, blocks_are_whole, body_of, content_of, streamed
from tests.dialects.anthropic_messages_support import CONTEXT, NAME, encoded, sdk_message

# ---- requests


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]},
            "messages[0].content[0].input",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
            "messages[0].content[0].tool_use_id",
        ),
        ({"system": 7}, "system"),
        ({"max_tokens": "7"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"tools": [{"name": "a", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"stop_sequences": ["a", 7]}, "stop_sequences[1]"),
        ({"thinking": {"budget_tokens": 1}}, "thinking.type"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ],
)
def test_wrong_types_are_refused_with_their_path(change: JsonObject, path: str) -> None:
    body: JsonObject = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}], **change}
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.decode_request(body)
    assert (caught.value.path, caught.value.status) == (path, 400)


def test_unknown_fields_are_carried_everywhere_and_reported_elsewhere() -> None:
    """CACHE-01, CACHE-04: marks stay on the block they stand on."""
    mark: JsonObject = {"type": "ephemeral"}
    text: JsonObject = {"type": "text", "text": "hi", "cache_control": mark, "new": 1}
    use: JsonObject = {"type": "tool_use", "id": "a", "name": "b", "input": {}, "cache_control": mark}
    done: JsonObject = {"type": "tool_result", "tool_use_id": "a", "content": [text], "cache_control": mark}
    body: JsonObject = {
        "model": "m",
        "new": {"x": 1.0},
        "max_tokens": 1,
        "system": [text],
        "messages": [
            {"role": "user", "content": [text], "new": 1},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [done]},
        ],
        "tools": [{"name": "b", "input_schema": {"type": "object"}, "cache_control": mark, "new": 1}],
        "tool_choice": {"type": "auto", "new": 1},
        "thinking": {"type": "disabled", "new": 1},
    }
    target = Target(provider="p", model="m", dialect=NAME)
    assert DIALECT.encode_request(DIALECT.decode_request(body), target, Report()).body == body
    for other in (RESPONSES, GEMINI_DIALECT):
        report = Report()
        other.encode_request(DIALECT.decode_request(body), msgspec.structs.replace(target, dialect=other.name), report)
        dropped = {one.path for one in report.adjustments if one.action == "dropped"}
        assert len([path for path in dropped if path.endswith("cache_control")]) == 6
        assert len([path for path in dropped if path.endswith("new")]) == 8


# ---- answers


def test_an_answer_of_another_dialect_in_anthropics_words() -> None:
    usage = Usage(input_tokens=30, output_tokens=7, cached_tokens=10, cache_write_tokens=5, reasoning_tokens=3)
    body = body_of(answer(TextPart(text="Yes."), call(arguments='{"a":1}'), reason="tool_calls", usage=usage))
    assert body == {
        "id": "x-1",
        "type": "message",
        "role": "assistant",
        "model": "other/m",
        "content": [
            {"type": "text", "text": "Yes."},
            {"type": "tool_use", "id": "call_1", "name": "look", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 15,
            "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 10,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
        },
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        *(("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("pause", "pause_turn")),
        *(("refusal", "refusal"), ("content_filter", "refusal"), ("malformed_tool_call", "malformed_tool_call")),
        *(("error", "error"), ("other", "other")),
    ],
)
def test_no_reason_passes_for_a_good_end_that_is_none(reason: FinishReason, word: str) -> None:
    """FINISH-01, FINISH-02: what Anthropic has no word for keeps ours."""
    assert body_of(answer(reason=reason))["stop_reason"] == word


def test_unknown_usage_is_nought_because_clients_need_numbers() -> None:
    """USAGE-04."""
    assert body_of(answer())["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_a_call_without_an_id_gets_one_alike_in_both_modes() -> None:
    """ID-05, ID-06."""
    response = answer(TextPart(text="a"), call(""), call(""), reason="tool_calls")
    plain = [block["id"] for block in body_of(response)["content"] if block["type"] == "tool_use"]
    streamed = [block["id"] for block in content_of(unfold(response)) if block["type"] == "tool_use"]
    assert plain == streamed
    assert len(set(plain)) == 2
    assert all(each.startswith("toolu_") and len(each) <= 64 for each in plain)


def test_what_this_dialect_has_no_words_for_is_left_out() -> None:
    """SERVER-03: a call that another provider ran is none of the client's."""
    foreign = OpaquePart(dialect="openai-responses", type="x", value={})
    ran = call(executed_by="provider")
    result = ToolResultPart(call_id="call_1", executed_by="provider")
    response = answer(foreign, ran, result, RefusalPart(text="No."), TextPart(text="Yes."))
    assert body_of(response)["content"] == [{"type": "text", "text": "No."}, {"type": "text", "text": "Yes."}]
    assert content_of(unfold(response)) == body_of(response)["content"]


def test_broken_arguments_are_not_made_empty() -> None:
    """ARGS-08, ARGS-09."""
    assert body_of(answer(call(arguments='{"a": ')))["content"][0]["input"] == {"_raw": '{"a": '}


# ---- streams


def test_interleaved_parts_are_told_one_after_the_other() -> None:
    """STREAM-03, STREAM-04, STREAM-25."""
    events = streamed(
        PartStart(index=0, part=TextPart(text="")),
        PartStart(index=1, part=call("a", "")),
        PartDelta(index=1, text='{"x":'),
        PartDelta(index=0, text="one "),
        PartStart(index=2, part=call("b", "")),
        PartDelta(index=2, text="{}"),
        PartEnd(index=2),
        PartDelta(index=1, text="1}"),
        PartDelta(index=0, text="two"),
        PartEnd(index=0),
        PartEnd(index=1),
    )
    blocks_are_whole(encoded(events))
    assert content_of(events) == [
        {"type": "text", "text": "one two"},
        {"type": "tool_use", "id": "a", "name": "look", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "look", "input": {}},
    ]


def test_parts_that_never_end_are_closed_by_the_end() -> None:
    """STREAM-06, STREAM-21."""
    events = streamed(PartStart(index=0, part=TextPart(text="said")), PartStart(index=1, part=call("a", '{"x":1}')))
    blocks_are_whole(encoded(events))
    assert [block["type"] for block in content_of(events)] == ["text", "tool_use"]


def test_text_arrives_when_it_comes() -> None:
    """STREAM-21: nothing waits for the end."""
    encoder = DIALECT.stream_encoder(CONTEXT)
    encoder.feed(ResponseStart(id="x", model="m"))
    encoder.feed(PartStart(index=0, part=TextPart(text="")))
    assert b'"text_delta","text":"now"' in encoder.feed(PartDelta(index=0, text="now"))
    encoder.feed(PartEnd(index=0))
    encoder.feed(PartStart(index=1, part=call("a", "")))
    assert b'"partial_json":"{"' in encoder.feed(PartDelta(index=1, text="{"))


def test_the_text_of_a_free_text_tool_is_told_as_one_string() -> None:
    """SCHEMA-20."""
    part = call("a", "", kind="custom")
    deltas = [PartDelta(index=0, text=text) for text in ("*** Be", 'gin "x"')]
    events = streamed(PartStart(index=0, part=part), *deltas, PartEnd(index=0))
    assert content_of(events)[0]["input"] == {"input": '*** Begin "x"'}


def test_usage_that_comes_late_is_in_the_last_event() -> None:
    """USAGE-01, USAGE-05."""
    usage = Usage(input_tokens=9, output_tokens=4, cached_tokens=2)
    start: list[StreamEvent] = [ResponseStart(id="x"), PartStart(index=0, part=TextPart(text="a"))]
    events = [*start, UsageUpdate(usage=usage)]
    message = sdk_message(encoded([*events, CandidateEnd(finish=Finish(reason="stop")), StreamEnd()]))
    counted = message["usage"]
    assert isinstance(counted, dict)
    assert [counted[name] for name in ("input_tokens", "cache_read_input_tokens", "output_tokens")] == [7, 2, 4]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequestError("no", path="messages[0]"), "invalid_request_error"),
        (AuthenticationError("no"), "authentication_error"),
        (UnsupportedError("no"), "invalid_request_error"),
        (ProviderError("no", status=429, type="rate_limit_error"), "rate_limit_error"),
        (ProviderError("no", status=529, type="overloaded_error"), "overloaded_error"),
        (ProviderError("no", status=503, type="server_error"), "api_error"),
        (ProviderTimeoutError("no"), "timeout_error"),
        (ProviderConnectionError("no"), "api_error"),
        (InternalError("no"), "api_error"),
    ],
)
def test_an_error_has_anthropics_shape_and_ends_a_stream(error: RouterError, kind: str) -> None:
    """STREAM-14, ERROR-08, LOOP-07."""
    body = DIALECT.encode_error(error)
    assert body["type"] == "error"
    assert isinstance(body["error"], dict)
    assert {**body["error"], "path": None} == {
        "type": kind,
        "message": "no",
        "retryable": error.retryable,
        "path": None,
    }
    assert body["error"].get("path") == error.path
    begun: list[StreamEvent] = [ResponseStart(id="x"), PartStart(index=0, part=TextPart(text="a"))]
    stream = encoded([*begun, StreamError(error=error)])
    assert stream.endswith(f"event: error\ndata: {dumps_text(body)}\n\n".encode())
    assert b"message_stop" not in stream
