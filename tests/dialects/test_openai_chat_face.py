"""What a chat client reads: whole answers, streams by the rules its accumulators need, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.spec.dialect import FaceContext
from providers.spec.errors import (
    InvalidRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderProtocolError,
    RouterError,
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
from providers.spec.parts import MediaPart, Origin, Part, ReasoningPart, RefusalPart, State, TextPart, ToolCallPart
from providers.spec.response import Candidate, Finish, FinishReason, Response, Usage
from providers.spec.values import JsonObject
from tests.dialects.openai_chat_support import encoded, sdk_completion

ROUTER: JsonObject = {"provider": "anthropic", "adjustments": []}
CONTEXT = FaceContext(response_id="chatcmpl-1", model="anthropic/c", created=7, router=ROUTER, stream_usage=True)
ORIGIN = Origin(dialect="anthropic-messages", provider="anthropic", model="c", scope="s")
SEAL = State(kind="signature", value="SEAL", origin=ORIGIN)


def answer(*parts: Part, reason: FinishReason = "stop", **fields: Any) -> Response:
    candidate = Candidate(parts=parts, finish=Finish(reason=reason))
    return Response(**{"candidates": (candidate,), "usage": Usage(input_tokens=3, output_tokens=2), **fields})


def call(call_id: str, **fields: Any) -> ToolCallPart:
    return ToolCallPart(**{"id": call_id, "name": "look", "arguments": '{"city":"Rome"}', **fields})


LOOP = answer(
    ReasoningPart(text="hm", state=SEAL),
    TextPart(text="two"),
    call("a", state=SEAL),
    call("b"),
    reason="tool_calls",
    id="msg_1",
    model="claude",
)


def chunks_of(response: Response, context: FaceContext = CONTEXT) -> list[dict[str, Any]]:
    """The JSON of every event; the last has to be the terminator."""
    lines = [line[6:] for line in encoded(unfold(response), context).decode().split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def deltas_of(response: Response) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks_of(response) for choice in chunk["choices"]]


# ---- whole answers


def test_a_whole_answer_in_openais_words() -> None:
    body: Any = DIALECT.encode_response(LOOP, CONTEXT)
    (choice,) = body.pop("choices")
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "claude",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        "router": ROUTER,
    }
    message = choice.pop("message")
    assert choice == {"index": 0, "finish_reason": "tool_calls", "logprobs": None}
    assert (message["role"], message["content"], message["reasoning_content"]) == ("assistant", "two", "hm")
    assert [(one["id"], one["type"], one["function"]) for one in message["tool_calls"]] == [
        ("a", "function", {"name": "look", "arguments": '{"city":"Rome"}'}),
        ("b", "function", {"name": "look", "arguments": '{"city":"Rome"}'}),
    ]


def test_an_answer_of_calls_alone_has_null_content() -> None:
    body: Any = DIALECT.encode_response(answer(call("a"), reason="tool_calls"), CONTEXT)
    message = body["choices"][0]["message"]
    assert (message["content"], message["refusal"], body["id"], body["model"]) == (
        None,
        None,
        "chatcmpl-1",
        "anthropic/c",
    )


def test_what_the_provider_ran_is_no_call_of_the_clients() -> None:
    """SERVER-03: it goes back in the envelope."""
    body: Any = DIALECT.encode_response(answer(call("srv", executed_by="provider"), TextPart(text="x")), CONTEXT)
    message = body["choices"][0]["message"]
    assert "tool_calls" not in message
    assert message["extra_content"]["router"].startswith("v1.")


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "pause"),
        ("malformed_tool_call", "malformed_tool_call"),
        ("error", "error"),
        ("other", "other"),
    ],
)
def test_no_reason_is_made_a_stop(reason: FinishReason, word: str) -> None:
    """FINISH-01, FINISH-02, FINISH-05: in both modes."""
    response = answer(TextPart(text="x"), reason=reason)
    body: Any = DIALECT.encode_response(response, CONTEXT)
    assert body["choices"][0]["finish_reason"] == word
    reasons = [choice["finish_reason"] for chunk in chunks_of(response) for choice in chunk["choices"]]
    assert [one for one in reasons if one is not None] == [word]


def test_usage_of_another_provider_is_told_with_its_details() -> None:
    """USAGE-02, USAGE-05."""
    usage = Usage(input_tokens=10, output_tokens=5, cached_tokens=4, cache_write_tokens=2, reasoning_tokens=3)
    body: Any = DIALECT.encode_response(answer(TextPart(text="x"), usage=usage), CONTEXT)
    assert body["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }


# ---- streams


def test_a_stream_has_one_id_model_and_time() -> None:
    """STREAM-22."""
    chunks = chunks_of(LOOP)
    assert {(one["id"], one["model"], one["created"], one["object"]) for one in chunks} == {
        ("msg_1", "claude", 7, "chat.completion.chunk")
    }


def test_each_call_is_opened_once_with_everything_it_has() -> None:
    """STREAM-02, STREAM-07, STREAM-08: dense indexes, id and name and extras in the first fragment only."""
    fragments = [one for delta in deltas_of(LOOP) for one in delta.get("tool_calls", [])]
    openers = [one for one in fragments if "id" in one]
    assert [(one["index"], one["id"], one["function"]["name"], one["type"]) for one in openers] == [
        (0, "a", "look", "function"),
        (1, "b", "look", "function"),
    ]
    assert [one["index"] for one in openers if "extra_content" in one] == [0]
    for one in fragments:
        assert one is openers[0] or one is openers[1] or set(one) == {"index", "function"}
        assert set(one["function"]) <= {"name", "arguments"}
        assert None not in one["function"].values()


def test_the_role_comes_first_and_the_reason_last() -> None:
    """STREAM-05, STREAM-11."""
    choices = [choice for chunk in chunks_of(LOOP) for choice in chunk["choices"]]
    assert [choice["delta"].get("role") for choice in choices] == ["assistant", *[None] * (len(choices) - 1)]
    assert [choice["finish_reason"] for choice in choices] == [*[None] * (len(choices) - 1), "tool_calls"]


def test_what_the_router_says_and_usage_stand_in_the_last_chunk() -> None:
    """USAGE-04."""
    chunks = chunks_of(LOOP)
    assert (chunks[-1]["choices"], chunks[-1]["router"]) == ([], ROUTER)
    assert chunks[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert not any("router" in chunk or "usage" in chunk for chunk in chunks[:-1])


def test_without_usage_the_router_speaks_with_the_reason() -> None:
    chunks = chunks_of(LOOP, FaceContext(response_id="c", model="m", created=1, router=ROUTER))
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert (chunks[-1]["router"], "usage" in chunks[-1]) == (ROUTER, False)


def test_an_answer_that_says_nothing_still_has_a_role_and_a_reason() -> None:
    (delta,) = deltas_of(answer(reason="stop"))
    assert delta == {"role": "assistant", "content": ""}


def test_a_call_without_an_id_gets_the_same_in_both_modes() -> None:
    """ID-06, ID-09."""
    response = answer(TextPart(text="x"), call(""), call(""), reason="tool_calls", id="msg_1")
    body: Any = DIALECT.encode_response(response, CONTEXT)
    plain = [one["id"] for one in body["choices"][0]["message"]["tool_calls"]]
    streamed = [one["id"] for one in sdk_completion(encoded(unfold(response)))["choices"][0]["message"]["tool_calls"]]
    assert plain == streamed
    assert len({*plain, ""}) == 3
    other: Any = DIALECT.encode_response(answer(call(""), reason="tool_calls", id="msg_2"), CONTEXT)
    assert other["choices"][0]["message"]["tool_calls"][0]["id"] not in plain


def test_calls_that_grow_side_by_side_stay_apart() -> None:
    """STREAM-04."""
    events: list[StreamEvent] = [ResponseStart(id="c")]
    events += [PartStart(index=n, part=call(str(n), arguments="")) for n in range(2)]
    events += [PartDelta(index=n % 2, text=text) for n, text in enumerate(('{"a"', '{"b"', ":1}", ":2}"))]
    events += [PartEnd(index=1), PartEnd(index=0), CandidateEnd(finish=Finish(reason="tool_calls")), StreamEnd()]
    calls = sdk_completion(encoded(events))["choices"][0]["message"]["tool_calls"]
    assert [one["function"]["arguments"] for one in calls] == ['{"a":1}', '{"b":2}']


def test_several_answers_are_told_apart() -> None:
    candidates = tuple(
        Candidate(index=n, parts=(TextPart(text=f"answer {n}"),), finish=Finish(reason="stop")) for n in range(3)
    )
    response = Response(candidates=candidates)
    body: Any = DIALECT.encode_response(response, CONTEXT)
    streamed = sdk_completion(encoded(unfold(response)))
    for choices in (body["choices"], streamed["choices"]):
        assert [(one["index"], one["message"]["content"]) for one in choices] == [(n, f"answer {n}") for n in range(3)]


def test_refusals_and_pictures_have_fields_of_their_own() -> None:
    picture = MediaPart(kind="image", media_type="image/png", data="AA==")
    response = answer(TextPart(text="x"), picture, RefusalPart(text="no"), reason="refusal")
    body: Any = DIALECT.encode_response(response, CONTEXT)
    streamed = sdk_completion(encoded(unfold(response)))["choices"][0]["message"]
    for message in (body["choices"][0]["message"], streamed):
        assert (message["content"], message["refusal"]) == ("x", "no")
        assert message["images"][0]["image_url"] == {"url": "data:image/png;base64,AA=="}


def test_usage_that_comes_before_the_end_waits_for_it() -> None:
    """USAGE-01: only the last snapshot counts."""
    events: list[StreamEvent] = [
        ResponseStart(id="c"),
        UsageUpdate(usage=Usage(input_tokens=3, output_tokens=0)),
        PartStart(index=0, part=TextPart(text="x")),
        PartEnd(index=0),
        UsageUpdate(usage=Usage(input_tokens=3, output_tokens=9)),
        CandidateEnd(finish=Finish(reason="stop")),
        StreamEnd(),
    ]
    assert sdk_completion(encoded(events, CONTEXT))["usage"]["completion_tokens"] == 9


# ---- errors


@pytest.mark.parametrize("begun", [False, True])
def test_a_broken_stream_ends_with_an_error_event_and_nothing_else(begun: bool) -> None:
    """STREAM-14, STREAM-26: no reason, no terminator."""
    said: list[StreamEvent] = [ResponseStart(id="c"), PartStart(index=0, part=TextPart(text="x"))] if begun else []
    error = ProviderProtocolError("cut", provider="anthropic")
    lines = encoded([*said, StreamError(error=error)]).decode().split("\n\n")
    told = json.loads(lines[-2].removeprefix("data: "))["error"]
    assert (told["message"], told["type"], told["provider"]) == ("cut", "provider_protocol_error", "anthropic")
    assert told["retryable"] is True
    assert "[DONE]" not in "".join(lines)
    assert '"finish_reason":"' not in "".join(lines)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InvalidRequestError("tools[0]: wrong", path="tools[0]"),
            {"message": "tools[0]: wrong", "type": "invalid_request_error", "param": "tools[0]", "retryable": False},
        ),
        (
            ProviderError(
                "slow down", status=429, type="rate_limit_error", code="tokens", retryable=True, provider="p"
            ),
            {"message": "slow down", "type": "rate_limit_error", "code": "tokens", "provider": "p", "retryable": True},
        ),
        (ProviderConnectionError(""), {"message": "connection_error", "type": "connection_error", "param": None}),
    ],
)
def test_an_error_in_openais_shape(error: RouterError, expected: dict[str, Any]) -> None:
    """ERROR-08, LOOP-07: with a message, always."""
    told: Any = DIALECT.encode_error(error)["error"]
    assert {"message", "type", "param", "code", "retryable"} <= set(told)
    assert {key: told[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("status", "body", "message", "type_"),
    [
        (429, b'{"error":{"message":"slow","type":"tokens","code":"rate_limit_exceeded"}}', "slow", "rate_limit_error"),
        (400, b'{"error":{"message":"bad","param":"messages","code":null}}', "bad", "invalid_request_error"),
        (
            422,
            b'{"detail":[{"loc":["body"],"msg":"x"}]}',
            'HTTP 422: {"detail":[{"loc":["body"],"msg":"x"}]}',
            "invalid_request_error",
        ),
        (503, b"<html><title>Busy</title></html>", "Busy", "api_error"),
        (500, b"", "HTTP 500", "api_error"),
        (400, b'[{"error":{"message":"front","status":"INVALID_ARGUMENT"}}]', "front", "invalid_request_error"),
        (
            502,
            b'{"error":{"message":"Provider returned error","metadata":{"raw":"real cause","provider_name":"X"}}}',
            "real cause",
            "api_error",
        ),
    ],
)
def test_an_error_of_a_host_keeps_its_status_and_words(status: int, body: bytes, message: str, type_: str) -> None:
    """ERROR-02, ERROR-06."""
    error = DIALECT.decode_error(status, body)
    assert (error.status, error.type) == (status, type_)
    assert message in error.message


def test_a_failed_generation_is_the_models_mistake() -> None:
    """ERROR-07."""
    body = b'{"error":{"message":"Failed","code":"tool_use_failed","failed_generation":"<f>"}}'
    error = DIALECT.decode_error(400, body)
    assert (error.status, error.code, error.retryable) == (400, "tool_use_failed", True)
    assert isinstance(error.raw, dict)
