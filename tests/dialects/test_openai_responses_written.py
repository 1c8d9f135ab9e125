"""Answers and streams as callers of OpenAI Responses read them."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.openai_responses import DIALECT
from providers.spec.errors import ProviderTimeoutError
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
from tests.dialects.openai_responses_support import (
    CONTEXT,
    decoded,
    encoded,
    sdk_events,
    sdk_response,
    wire_events,
)

GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")
SIGNATURE = State(kind="thought_signature", value="SIG", origin=GEMINI)


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


@pytest.mark.parametrize("part", [TextPart(text=""), CALLED], ids=["text", "call"])
@pytest.mark.parametrize("closed", [False, True], ids=["within its item", "behind it"])
def test_state_that_comes_when_its_item_has_begun_follows_it(part: Part, closed: bool) -> None:
    """REASON-04, STREAM-21: in an item of its own; the last event has the items that the stream had."""
    update = PartUpdate(index=0, state=SIGNATURE)
    events: list[StreamEvent] = [ResponseStart(id="r"), PartStart(index=0, part=part)]
    events += [PartDelta(index=0, text="{}"), *([] if closed else [update]), PartEnd(index=0)]
    after = ReasoningPart(text="Well.")
    events += [update] if closed else [PartStart(index=1, part=after), PartEnd(index=1)]
    events += [CandidateEnd(finish=Finish(reason="stop")), StreamEnd()]
    stream = encoded(events)
    (again, *_) = echoed(sdk_response(stream))
    assert again.state == SIGNATURE
    done = [event["item"] for event in wire_events(stream) if event["type"] == "response.output_item.done"]
    last = wire_events(stream)[-1]["response"]
    assert isinstance(last, dict)
    assert last["output"] == done
    attached = DIALECT.decode_request({"model": "m", "input": done}).messages[0].parts
    assert attached[0].state == SIGNATURE


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
