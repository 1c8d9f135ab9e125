"""Streams of OpenAI Responses as hosts send them, what they get wrong included."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.openai_responses import DIALECT
from providers.spec.errors import ProviderError, ProviderProtocolError
from providers.spec.events import (
    StreamEnd,
    StreamError,
)
from providers.spec.fold import fold, unfold
from providers.spec.parts import (
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from providers.wire.sse import encode_event
from tests.dialects.openai_responses_support import (
    CONTEXT,
    decoded,
    encoded,
)

CALL: JsonObject = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
DONE: JsonObject = {"response": {"id": "resp_1", "model": "m", "status": "completed", "output": []}}


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
        wire(added({"type": "reasoning", "id": "rs_1"}), delta("reasoning_summary_text", "a", summary_index=2**80)),
        wire(added({"type": "reasoning", "id": "rs_1"}), delta("reasoning_text", "a", content_index=10**6)),
    ],
    ids=[
        "no terminator",
        "nothing",
        "no JSON",
        "no item",
        "no index",
        "twice",
        "no name",
        "no number",
        "a large number",
    ],
)
def test_broken_streams_are_errors(stream: bytes) -> None:
    """STREAM-15."""
    *_, last = decoded([stream])
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderProtocolError)


@pytest.mark.parametrize("odd", [[], {}, ["completed"], 1])
def test_a_wrong_type_where_a_word_belongs_raises_nothing(odd: Any) -> None:
    for field in ("type", "status"):
        *_, last = decoded([wire(added({**CALL, field: odd}), done({**CALL, field: odd}))])
        assert isinstance(last, StreamEnd)
    response = fold(decoded([wire(("response.completed", {"response": {"status": odd}}), end=False)]))
    assert encoded(unfold(response)).rstrip().rpartition(b"event: ")[2].startswith(b"response.incomplete")


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
