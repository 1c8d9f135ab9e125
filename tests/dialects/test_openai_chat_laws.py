"""The laws of the chat codec, on every recorded exchange."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.openai_chat import DIALECT
from providers.dialects.openai_chat.answer_encode import minted_id
from providers.dialects.openai_chat.grammar import CARRIERS
from providers.dialects.openai_chat.other_carriers import details_text
from providers.spec.adjustments import Report
from providers.spec.errors import ProviderError, RouterError
from providers.spec.events import StreamError, StreamEvent
from providers.spec.fold import fold, unfold
from providers.spec.parts import MediaPart, ReasoningPart, ToolCallPart
from providers.spec.request import Message, Request
from providers.spec.response import Candidate, Response
from providers.spec.values import Value, extended
from providers.wire.json import JsonError, dumps, loads_object
from tests.dialects.openai_chat_support import (
    BODIES,
    BROKEN,
    CONTEXT,
    ERRORS,
    NAME,
    ORIGIN,
    REQUESTS,
    STREAMS,
    decoded,
    encoded,
    request_body,
    sdk_completion,
    target,
)
from tests.dialects.test_anthropic_messages_laws import nodes_below, without_forms
from tests.exact import assert_exact
from tests.traffic import Exchange, exchange_id, needs_traffic
from tests.traffic_plugin import record_count

EXT_ALLOWED: dict[str, tuple[type[Value], ...]] = {
    # Reasoning in fields of hosts and gateways, which go back as they came (REASON-19).
    **dict.fromkeys(CARRIERS, (Message, ToolCallPart)),
    # DeepSeek and Mistral: the model goes on from this text.
    "prefix": (Message,),
    # How closely OpenAI looks at a picture.
    "image_url": (MediaPart,),
}

# ---- requests


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_a_recorded_request_comes_back_as_it_was(exchange: Exchange) -> None:
    body = request_body(exchange)
    report = Report()
    request = DIALECT.decode_request(body)
    out = DIALECT.encode_request(request, target(request.model), report)
    assert_exact(out.body, body)
    assert report.adjustments == []
    assert (out.path, out.headers) == ("/chat/completions", {})
    record_count(f"{NAME}: requests decoded and encoded")


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_nothing_below_messages_and_tools_is_carried_unread_but_named_fields(exchange: Exchange) -> None:
    for node in nodes_below(DIALECT.decode_request(request_body(exchange))):
        assert set(node.ext) <= {NAME}
        for field in extended(node.ext, NAME):
            assert isinstance(node, EXT_ALLOWED[field]), f"{field} on {type(node).__name__}"


# ---- answers


@needs_traffic
@pytest.mark.parametrize("exchange", BODIES, ids=exchange_id)
def test_a_recorded_answer_decodes_and_comes_back_as_it_was(exchange: Exchange) -> None:
    body: Any = loads_object(exchange.response_body)
    response = DIALECT.decode_response(body, ORIGIN)
    ours = without_envelopes(DIALECT.encode_response(response, CONTEXT))
    assert_exact(ours, with_mends(body))
    record_count(f"{NAME}: answers decoded and encoded")


def with_mends(body: Any) -> Any:
    """The answer as a client has to get it: what a host left out or got wrong, put right, and nothing else.

    ID-06, ARGS-01, STREAM-13.
    """
    body["id"] = body["id"] or CONTEXT.response_id
    for choice in body["choices"]:
        message = choice["message"]
        readable = details_text(message.get("reasoning_details") or [])
        if readable and not {"reasoning", "reasoning_content"} & set(message):
            message["reasoning_content"] = readable
        for number, call in enumerate(message.get("tool_calls") or []):
            if not call["id"]:
                call["id"] = minted_id(body["id"], number + bool(message.get("content")))
            call["function"].setdefault("arguments", "{}")
            call.setdefault("type", "function")
        if message.get("tool_calls") and choice["finish_reason"] in {"stop", ""}:
            choice["finish_reason"] = "tool_calls"
        elif choice["finish_reason"] in {"", "eos"}:
            choice["finish_reason"] = "stop"
    return body


def without_envelopes(body: Any) -> Any:
    """The answer without the router's own envelopes."""
    for choice in body["choices"]:
        message = choice["message"]
        for holder in [message, *(message.get("tool_calls") or [])]:
            extra = holder.get("extra_content")
            if isinstance(extra, dict) and extra.pop("router", None) and not extra:
                del holder["extra_content"]
    return body


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_recorded_stream_decodes_to_what_the_sdk_makes_of_it(exchange: Exchange) -> None:
    """STREAM-05, STREAM-19, STREAM-24: text, reasoning, calls, finish reason, usage and ids of the same bytes."""
    response = fold(decoded([exchange.response_body]))
    theirs = sdk_completion(with_indexes(exchange.response_body))
    assert (response.id, response.model) == (theirs["id"], theirs["model"])
    for candidate, choice in zip(response.candidates, theirs["choices"], strict=True):
        assert_same_choice(candidate, choice)
    usage = theirs.get("usage")
    assert (response.usage.raw if response.usage else None) == usage or usage is None
    record_count(f"{NAME}: streams compared with the SDK")


def with_indexes(stream: bytes) -> bytes:
    """The stream with an index on each call: the SDK's accumulator breaks without one."""
    return stream.replace(b'"tool_calls":[{"id"', b'"tool_calls":[{"index":0,"id"')


def assert_same_choice(candidate: Candidate, theirs: dict[str, Any]) -> None:
    """One candidate beside what the SDK accumulated for it."""
    ours: Any = DIALECT.encode_response(Response(candidates=(candidate,)), CONTEXT)["choices"]
    message, their_message = ours[0]["message"], theirs["message"]
    assert (message["content"] or "") == (their_message.get("content") or "")
    assert (message.get("refusal") or "") == (their_message.get("refusal") or "")
    for field in ("reasoning_content", "reasoning"):
        if their_message.get(field):
            told = [part.text for part in candidate.parts if isinstance(part, ReasoningPart)]
            assert "".join(told) == their_message[field]
    empty = "" if theirs.get("finish_reason") == "length" else "{}"
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"] or empty)
        for call in their_message.get("tool_calls") or []
    ]
    assert [(call.id, call.name, call.arguments) for call in candidate.tool_calls] == calls
    assert candidate.finish is not None
    assert (candidate.finish.raw or "") == (theirs.get("finish_reason") or "")


@needs_traffic
@pytest.mark.parametrize("exchange", BROKEN, ids=exchange_id)
def test_a_recorded_error_within_a_stream_is_an_error(exchange: Exchange) -> None:
    """STREAM-14."""
    last = decoded([exchange.response_body])[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderError)
    assert last.error.message
    record_count(f"{NAME}: broken streams decoded")


@needs_traffic
@pytest.mark.parametrize("exchange", ERRORS, ids=exchange_id)
def test_a_recorded_error_keeps_status_and_message(exchange: Exchange) -> None:
    """ERROR-02, ERROR-06."""
    error = DIALECT.decode_error(exchange.status, exchange.response_body)
    inner = loads_object(exchange.response_body)["error"]
    assert isinstance(inner, dict)
    assert isinstance(error, ProviderError)
    assert error.status == exchange.status
    assert str(inner["message"]) in error.message
    record_count(f"{NAME}: errors decoded")


# ---- streams


@needs_traffic
@pytest.mark.parametrize("exchange", [*STREAMS, *BROKEN], ids=exchange_id)
def test_a_stream_read_byte_by_byte_gives_the_same_events(exchange: Exchange) -> None:
    """STREAM-17."""
    data = exchange.response_body
    whole, pieces = decoded([data]), decoded(data[index : index + 1] for index in range(len(data)))
    assert [comparable(event) for event in pieces] == [comparable(event) for event in whole]


def comparable(event: StreamEvent) -> object:
    """The event; of an error what it says, for errors are compared by identity."""
    return (event.error.message, event.error.status) if isinstance(event, StreamError) else event


@needs_traffic
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_cut_of_a_stream_gives_the_same_events(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(STREAMS)).response_body
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(pieces) == decoded([stream])


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_unfolded_answers_fold_to_themselves(exchange: Exchange) -> None:
    response = decoded_answer(exchange)
    assert without_forms(fold(unfold(response))) == without_forms(response)


def decoded_answer(exchange: Exchange) -> Response:
    if exchange.kind == "sse":
        return fold(decoded([exchange.response_body]))
    return DIALECT.decode_response(loads_object(exchange.response_body), ORIGIN)


# ---- the face


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_written_again_folds_to_the_same_answer(exchange: Exchange) -> None:
    response = fold(decoded([exchange.response_body]))
    again = fold(decoded([encoded(decoded([exchange.response_body]))]))
    assert said_by(again) == said_by(response)


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_the_sdk_accumulates_the_written_stream_to_the_same_answer(exchange: Exchange) -> None:
    """STREAM-01, STREAM-02, STREAM-08: a stock client reads what we write."""
    response = decoded_answer(exchange)
    if any(part.kind == "custom" for candidate in response.candidates for part in candidate.tool_calls):
        return
    theirs = sdk_completion(encoded(unfold(response)))
    ours: Any = DIALECT.encode_response(response, CONTEXT)
    for choice, mine in zip(theirs["choices"], ours["choices"], strict=True):
        assert (choice["message"].get("content") or "") == text_of(mine["message"].get("content"))
        calls = [call["function"]["arguments"] for call in mine["message"].get("tool_calls") or []]
        assert [call["function"]["arguments"] for call in choice["message"].get("tool_calls") or []] == calls
        assert choice["finish_reason"] == mine["finish_reason"]


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(item.get("text", "") for item in content if item.get("type") == "text")
    return content or ""


def said_by(response: Response) -> Any:
    """What an answer says, its carried fields aside."""
    return [
        (
            candidate.finish and candidate.finish.reason,
            [
                (type(part).__name__, getattr(part, "text", None) or getattr(part, "arguments", None))
                for part in candidate.parts
            ],
            [(call.id, call.name) for call in candidate.tool_calls],
        )
        for candidate in response.candidates
    ], response.usage and response.usage.raw


# ---- bytes of any kind


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_in_a_stream_give_our_error_and_no_exception(chunks: list[bytes]) -> None:
    events = decoded(chunks)
    assert isinstance(events[-1], StreamError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "choices", "delta", "message", "tool_calls", "function", "index", "id", "name", "arguments", "content",
                "role", "finish_reason", "usage", "error", "reasoning_details", "extra_content", "google", "type",
                "text", "messages", "tools", "tool_choice", "thinking", "router", "custom", "function_call",
                "logprobs",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=14,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_in_any_place_gives_our_error_and_no_exception(value: Any) -> None:
    decoded([b"data: " + dumps(value) + b"\n\n", b"data: [DONE]\n\n"])
    body = value if isinstance(value, dict) else {"choices": value, "messages": value}
    for decode in (
        lambda: DIALECT.decode_response(body, ORIGIN),
        lambda: DIALECT.encode_request(DIALECT.decode_request(body), target(), Report()),
    ):
        with contextlib.suppress(RouterError):
            decode()
    assert DIALECT.decode_error(500, dumps(value)).status == 500


def test_requests_are_typed() -> None:
    with pytest.raises(RouterError):
        DIALECT.decode_request({"messages": "x"})
    assert isinstance(DIALECT.decode_request({"messages": []}), Request)
    with pytest.raises(JsonError):
        loads_object("[]")
