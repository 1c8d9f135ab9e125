"""Streams of OpenAI Responses: what hosts get wrong, and what our own callers read."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.openai_responses import DIALECT
from providers.spec.errors import ProviderError, ProviderProtocolError, ProviderTimeoutError
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
    PartEnd,
    PartStart,
    PartUpdate,
    ResponseStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.fold import fold, unfold
from providers.spec.parts import (
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
)
from providers.spec.response import Candidate, Finish, Response, Usage
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from providers.wire.sse import encode_event
from tests.dialects.openai_responses_support import (
    CONTEXT,
    decoded,
    encoded,
    sdk_events,
    sdk_response,
    wire_events,
)

CALL: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
DONE: JsonObject = {"response": {"id": "resp_1", "model": "m", "status": "completed", "output": []}}
GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")
SIGNATURE = State(kind="thought_signature", value="SIG", origin=GEMINI)


def wire(*events: tuple[str, JsonObject], end: bool = True) -> bytes:
    """A stream of these events, and its good end."""
    last = [("response.completed", DONE)] if end else []
    return b"".join(encode_event(dumps({"type": kind, **fields}), kind) for kind, fields in [*events, *last])


def added(item: JsonObject, index: int = 0) -> tuple[str, JsonObject]:
    return "response.output_item.added", {"output_index": index, "item": item}


def done(item: JsonObject, index: int = 0) -> tuple[str, JsonObject]:
    return "response.output_item.done", {"output_index": index, "item": item}


def delta(kind: str, text: str, index: int = 0, **fields: Any) -> tuple[str, JsonObject]:
    return f"response.{kind}.delta", {"output_index": index, "delta": text, **fields}


def parts_of(*events: tuple[str, JsonObject]) -> tuple[Part, ...]:
    return fold(decoded([wire(*events)])).candidates[0].parts


# ---- read from hosts


@pytest.mark.parametrize("deltas", [[], ['{"a"'], ['{"a"', ":1}"]])
def test_arguments_are_whole_however_much_of_them_came_by_deltas(deltas: list[str]) -> None:
    """ARGS-14, STREAM-23."""
    told = [delta("function_call_arguments", piece) for piece in deltas]
    whole: JsonObject = {"output_index": 0, "arguments": '{"a":1}'}
    snapshot = ("response.function_call_arguments.done", whole)
    (part,) = parts_of(added(CALL), *told, snapshot, done({**CALL, "arguments": '{"a":1}'}))
    assert isinstance(part, ToolCallPart)
    assert (part.id, part.name, part.arguments) == ("c1", "f", '{"a":1}')


def test_items_that_are_told_only_at_their_end_or_only_by_the_last_event_are_there() -> None:
    """ARGS-14."""
    whole = {**CALL, "arguments": "{}"}
    for events in ([done(whole)], [added(CALL), done(whole)]):
        (part,) = parts_of(*events)
        assert isinstance(part, ToolCallPart)
        assert (part.id, part.arguments) == ("c1", "{}")
    last: JsonObject = {"response": {"status": "completed", "output": [whole]}}
    stream = wire(("response.completed", last), end=False)
    assert fold(decoded([stream])).candidates[0].tool_calls[0].arguments == "{}"


def test_a_finished_call_without_arguments_is_one_of_an_empty_object() -> None:
    """ARGS-01."""
    (part,) = parts_of(added(CALL), done({**CALL, "status": "completed"}))
    assert isinstance(part, ToolCallPart)
    assert part.arguments == "{}"


def test_a_call_that_was_cut_before_its_arguments_has_none() -> None:
    """ARGS-16."""
    (part,) = parts_of(added(CALL), done({**CALL, "status": "incomplete"}))
    assert isinstance(part, ToolCallPart)
    assert part.arguments == ""


def test_parallel_calls_that_grow_at_once_stay_apart() -> None:
    """STREAM-01, STREAM-03."""
    second = {**CALL, "id": "fc_2", "call_id": "c2"}
    stream = [
        added(CALL),
        added(second, 1),
        delta("function_call_arguments", '{"b":', 1),
        delta("function_call_arguments", '{"a":1}'),
        delta("function_call_arguments", "2}", 1),
        done({**second, "arguments": '{"b":2}'}, 1),
        done({**CALL, "arguments": '{"a":1}'}),
    ]
    calls = fold(decoded([wire(*stream)])).candidates[0].tool_calls
    assert [(one.id, one.arguments) for one in calls] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]


def test_free_text_calls_grow_as_text() -> None:
    """SCHEMA-20."""
    item: JsonObject = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "note", "input": ""}
    (part,) = parts_of(added(item), delta("custom_tool_call_input", "free "), done({**item, "input": "free text"}))
    assert isinstance(part, ToolCallPart)
    assert (part.kind, part.arguments) == ("custom", "free text")


def test_segments_of_reasoning_are_kept_apart_and_sealed_text_is_taken_from_the_end() -> None:
    """REASON-14."""
    item: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "half"}
    summary: list[Any] = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    final: JsonObject = {**item, "summary": summary, "encrypted_content": "whole"}
    stream = [
        added(item),
        delta("reasoning_summary_text", "a", summary_index=0),
        delta("reasoning_summary_text", "b", summary_index=1),
        done(final),
    ]
    (part,) = parts_of(*stream)
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.kind, part.state.value if part.state else None) == ("a\n\nb", "summary", "whole")
    output = DIALECT.encode_response(fold(decoded([wire(*stream)])), CONTEXT)["output"]
    assert output == [final]


def test_annotations_come_once_whether_by_event_or_at_the_end() -> None:
    cited: JsonObject = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 1}
    other: JsonObject = {**cited, "start_index": 1}
    empty: JsonObject = {"type": "output_text", "text": "", "annotations": []}
    item: JsonObject = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    final: JsonObject = {**item, "content": [{**empty, "text": "ab", "annotations": [cited, other]}]}
    (part,) = parts_of(
        added(item),
        ("response.content_part.added", {"output_index": 0, "content_index": 0, "part": empty}),
        delta("output_text", "ab", content_index=0),
        ("response.output_text.annotation.added", {"output_index": 0, "content_index": 0, "annotation": cited}),
        done(final),
    )
    assert isinstance(part, TextPart)
    assert (part.text, part.annotations) == ("ab", (cited, other))


def test_tools_that_the_provider_runs_are_carried_whole_and_apart() -> None:
    """SERVER-03."""
    item: JsonObject = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    final: JsonObject = {**item, "status": "completed", "action": {"type": "search"}}
    stream = wire(added(item), ("response.web_search_call.searching", {"output_index": 0}), done(final))
    candidate = fold(decoded([stream])).candidates[0]
    assert (candidate.tool_calls, candidate.finish and candidate.finish.reason) == ((), "stop")
    assert [part.value for part in candidate.parts if isinstance(part, OpaquePart)] == [final]


def test_what_is_not_known_is_passed_over() -> None:
    events = decoded([b": ping\n\n" + wire(("keepalive", {}), ("response.new.delta", {"x": 1})) + b"data: [DONE]\n\n"])
    assert isinstance(events[-1], StreamEnd)


@pytest.mark.parametrize(
    ("event", "status", "retryable"),
    [
        (("error", {"code": "server_error", "message": "boom", "param": None}), 500, True),
        (("error", {"error": {"code": "rate_limit_exceeded", "message": "boom"}}), 429, True),
        (("error", {"error": {"code": "insufficient_quota", "message": "boom"}}), 429, False),
        (("response.failed", {"response": {"error": {"code": "invalid_prompt", "message": "boom"}}}), 502, True),
    ],
)
def test_errors_after_a_200_end_the_stream(event: tuple[str, JsonObject], status: int, retryable: bool) -> None:
    """STREAM-14."""
    *_, last = decoded([wire(added(CALL), event)])
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderError)
    if event[0] == "response.failed":
        status, retryable = 400, False
    assert (last.error.message, last.error.status, last.error.retryable) == ("boom", status, retryable)


def test_an_error_in_a_200_body_is_an_error() -> None:
    """STREAM-16."""
    failed: list[JsonObject] = [
        {"error": {"message": "boom", "code": "server_error"}},
        {"status": "failed", "output": []},
    ]
    for body in failed:
        with pytest.raises(ProviderError):
            DIALECT.decode_response(body, Origin(dialect="openai-responses"))
    with pytest.raises(ProviderProtocolError):
        DIALECT.decode_response({"object": "chat.completion", "choices": []}, Origin(dialect="openai-responses"))


@pytest.mark.parametrize(
    "stream",
    [
        wire(added(CALL), end=False),
        b"",
        b"data: {\n\n",
        wire(delta("output_text", "a", content_index=0)),
        wire(("response.output_item.added", {"item": CALL})),
        wire(added(CALL), added(CALL)),
        wire(done({"type": "function_call", "call_id": "c"})),
    ],
    ids=["no terminator", "nothing", "no JSON", "no item", "no index", "twice", "no name"],
)
def test_broken_streams_are_errors(stream: bytes) -> None:
    """STREAM-15."""
    *_, last = decoded([stream])
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderProtocolError)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "new"}}, "other"),
        ({"status": "new"}, "other"),
    ],
)
def test_every_status_has_one_reason_in_both_modes(response: JsonObject, reason: str) -> None:
    """FINISH-01: a word that is not known is never taken for a stop."""
    finish = fold(decoded([wire(("response.completed", {"response": response}), end=False)])).candidates[0].finish
    plain = DIALECT.decode_response({**response, "output": []}, Origin(dialect="openai-responses"))
    assert finish is not None
    assert finish.reason == reason
    assert plain.candidates[0].finish == finish


# ---- written for callers


def written(*parts: Part, reason: Any = "stop") -> Response:
    """An answer of another dialect."""
    candidate = Candidate(parts=parts, finish=Finish(reason=reason, raw="x"))
    usage = Usage(input_tokens=3, output_tokens=4, cached_tokens=1)
    return Response(id="msg_9", model="claude-x", candidates=(candidate,), usage=usage)


CALLED = ToolCallPart(id="toolu_1", name="f", arguments='{"a":1}')
NOTE = ToolCallPart(id="toolu_2", name="note", arguments="free", kind="custom")


def test_events_are_numbered_and_every_item_is_added_and_done() -> None:
    response = written(ReasoningPart(text="so"), TextPart(text="a"), CALLED, NOTE, reason="tool_calls")
    events = wire_events(encoded(unfold(response)))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    for moment in ("added", "done"):
        told = [event for event in events if event["type"] == f"response.output_item.{moment}"]
        assert [event["output_index"] for event in told] == [0, 1, 2, 3]
    final = events[-1]["response"]
    assert isinstance(final, dict)
    assert final["output"] == [event["item"] for event in events if event["type"] == "response.output_item.done"]


def test_the_whole_answer_has_what_clients_expect() -> None:
    body = DIALECT.encode_response(written(TextPart(text="a"), CALLED, reason="tool_calls"), CONTEXT)
    assert (body["status"], body["error"], body["incomplete_details"]) == ("completed", None, None)
    assert (body["id"], body["object"], body["created_at"], body["model"]) == ("msg_9", "response", 1, "claude-x")
    assert body["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }
    parsed = openai.types.responses.Response.model_validate(body)
    assert parsed.output_text == "a"
    assert [item.type for item in parsed.output] == ["message", "function_call"]


def test_a_cut_answer_is_incomplete_to_the_last_item() -> None:
    """FINISH-03."""
    response = written(TextPart(text="a"), ToolCallPart(id="t", name="f", arguments='{"a"'), reason="length")
    body = sdk_response(encoded(unfold(response)))
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["status"] for item in body["output"]] == ["completed", "incomplete"]  # type: ignore[index,union-attr,call-overload]


@pytest.mark.parametrize(
    ("reason", "parts", "status", "detail"),
    [
        ("refusal", (RefusalPart(text="no"),), "completed", None),
        ("refusal", (TextPart(text="no"),), "incomplete", "content_filter"),
        ("content_filter", (), "incomplete", "content_filter"),
        ("pause", (), "incomplete", "pause"),
        ("malformed_tool_call", (), "incomplete", "malformed_tool_call"),
        ("other", (), "incomplete", "other"),
        ("error", (), "failed", None),
    ],
)
def test_reasons_of_other_dialects_are_never_taken_for_completed(
    reason: Any, parts: tuple[Part, ...], status: str, detail: str | None
) -> None:
    """FINISH-01."""
    body = DIALECT.encode_response(written(*parts, reason=reason), CONTEXT)
    assert body["status"] == status
    assert body["incomplete_details"] == (None if detail is None else {"reason": detail})


def echoed(body: JsonObject) -> tuple[Part, ...]:
    """The parts of an answer as a client sends it back."""
    output = body["output"]
    assert isinstance(output, list)
    answered: list[Any] = [
        {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": "x"}
        for item in output
        if isinstance(item, dict) and "call_id" in item
    ]
    return DIALECT.decode_request({"input": [*output, *answered]}).messages[0].parts


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_state_of_other_providers_comes_back_through_the_client(stream: bool) -> None:
    """REASON-01: on the part that it belonged to, byte for byte, with its stamp."""
    signed = ToolCallPart(id="g1", name="f", arguments="{}", state=SIGNATURE)
    thought = ReasoningPart(text="so", state=State(kind="signature", value="THOUGHT", origin=GEMINI))
    sealed = ReasoningPart(redacted=True, state=State(kind="redacted", value="SEALED", origin=GEMINI))
    response = written(thought, sealed, TextPart(text="a", state=SIGNATURE), signed, CALLED, reason="tool_calls")
    body = DIALECT.encode_response(response, CONTEXT)
    parts = echoed(sdk_response(encoded(unfold(response))) if stream else body)
    states = [part.state for part in parts]
    assert states == [thought.state, sealed.state, SIGNATURE, SIGNATURE, None]
    assert [type(part) for part in parts] == [ReasoningPart, ReasoningPart, TextPart, ToolCallPart, ToolCallPart]


def test_state_that_comes_late_still_seals_its_reasoning() -> None:
    """REASON-07."""
    events: list[StreamEvent] = [
        ResponseStart(id="r"),
        PartStart(index=0, part=ReasoningPart()),
        PartDelta(index=0, text="so"),
        PartEnd(index=0),
        PartUpdate(index=0, state=SIGNATURE),
        PartStart(index=1, part=CALLED),
        PartEnd(index=1),
        CandidateEnd(finish=Finish(reason="tool_calls")),
        StreamEnd(),
    ]
    stream = encoded(events)
    assert echoed(sdk_response(stream))[0].state == SIGNATURE
    item = next(event["item"] for event in wire_events(stream) if event["type"] == "response.output_item.done")
    assert isinstance(item, dict)
    assert str(item["encrypted_content"]).startswith("router.")


def test_a_damaged_envelope_goes_nowhere() -> None:
    """REASON-05."""
    item: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "router.v1.???"}
    (part,) = DIALECT.decode_request({"input": [item]}).messages[0].parts
    assert part.state is not None
    assert part.state.origin.dialect == "router"


def test_a_stream_that_breaks_raises_in_the_client_and_is_never_completed() -> None:
    """STREAM-14: an error that can be retried says so."""
    events = [*list(unfold(written(TextPart(text="a"))))[:3], StreamError(error=ProviderTimeoutError("too slow"))]
    stream = encoded(events)
    told = wire_events(stream)
    assert [event["type"] for event in told[-2:]] == ["error", "response.failed"]
    assert told[-2]["error"] == {
        "message": "too slow",
        "type": "timeout_error",
        "param": None,
        "code": None,
        "retryable": True,
    }
    with pytest.raises(openai.APIError, match="too slow"):
        sdk_events(stream)
    *_, last = decoded([stream])
    assert isinstance(last, StreamError)


TEXTS = st.text(min_size=1, max_size=12)
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS),
    st.builds(RefusalPart, text=TEXTS),
    st.builds(
        ReasoningPart, text=TEXTS, kind=st.sampled_from(["text", "summary"]), state=st.none() | st.just(SIGNATURE)
    ),
    st.builds(ToolCallPart, id=st.uuids().map(str), name=st.just("f"), arguments=st.just('{"a":1}')),
    st.builds(ToolCallPart, id=st.uuids().map(str), name=st.just("n"), arguments=TEXTS, kind=st.just("custom")),
)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(PARTS, max_size=6), reason=st.sampled_from(["stop", "length", "content_filter"]))
def test_any_answer_streamed_is_the_answer_plain(parts: list[Part], reason: Any) -> None:
    """Promise: stream equals plain, as the official client accumulates it."""
    response = written(*parts, reason=reason)
    expected = DIALECT.encode_response(response, CONTEXT)
    assert sdk_response(encoded(unfold(response)))["output"] == expected["output"]
    again = fold(decoded([encoded(unfold(response))]))
    assert DIALECT.encode_response(again, CONTEXT)["output"] == expected["output"]


def test_usage_is_told_with_the_end() -> None:
    """USAGE-01."""
    updates = [event for event in decoded([encoded(unfold(written(CALLED)))]) if isinstance(event, UsageUpdate)]
    assert [(one.usage.input_tokens, one.usage.output_tokens, one.usage.cached_tokens) for one in updates] == [
        (3, 4, 1)
    ]
