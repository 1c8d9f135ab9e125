"""The laws of the Gemini codec, on every recorded exchange."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.gemini import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import ProviderError, RouterError
from providers.spec.events import StreamEnd, StreamError
from providers.spec.fold import fold, unfold
from providers.spec.parts import ReasoningPart, TextPart, ToolResultPart
from providers.spec.profile import Profile
from providers.spec.request import FunctionTool, Request
from providers.spec.response import Response
from providers.spec.values import Value, extended
from providers.wire.json import JsonError, loads, loads_object
from tests.dialects.gemini_support import (
    BODIES,
    CONTEXT,
    ERRORS,
    NAME,
    ORIGIN,
    REQUESTS,
    STREAMS,
    decoded,
    encoded,
    request_body,
    sdk_answer,
    signature_bytes,
    stream_bytes,
    target,
)
from tests.exact import assert_exact
from tests.traffic import Exchange, exchange_id, needs_traffic
from tests.traffic_plugin import record_count

EXT_ALLOWED = {
    # What a function gives back, and whether it blocks: no other dialect has words for these.
    "response": (FunctionTool,),
    "responseJsonSchema": (FunctionTool,),
    "behavior": (FunctionTool,),
}


def without_forms(value: object) -> object:
    """The same canonical value, spelling aside."""
    if isinstance(value, msgspec.Struct):
        fields = {name: without_forms(getattr(value, name)) for name in value.__struct_fields__ if name != "form"}
        return type(value).__name__, fields
    if isinstance(value, tuple):
        return tuple(without_forms(item) for item in value)
    return value


def nodes_below(request: Request) -> list[Value]:
    """Every node of messages and tools."""
    found: list[Value] = list(request.tools or ())
    for message in request.messages:
        found.append(message)
        for part in message.parts:
            found.append(part)
            if isinstance(part, ToolResultPart):
                found += part.content
    return found


def decoded_answer(exchange: Exchange) -> Response:
    if exchange.stream:
        return fold(decoded([stream_bytes(exchange)]))
    return DIALECT.decode_response(loads_object(exchange.response_body), ORIGIN)


# ---- L1: requests


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_a_recorded_request_comes_back_as_it_was(exchange: Exchange) -> None:
    """REASON-01: its signatures too, each on its own part."""
    body = request_body(exchange)
    report = Report()
    request = DIALECT.decode_request(body)
    out = DIALECT.encode_request(request, target(exchange.model, Profile()), report)
    assert_exact(out.body, body)
    assert report.adjustments == []
    assert out.path == f"/v1beta/models/{exchange.model}:generateContent"
    record_count(f"{NAME}: requests decoded and encoded")


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_what_google_took_needs_no_placeholder(exchange: Exchange) -> None:
    """REASON-03: the rule that puts placeholders in says of no accepted request that a signature is missing."""
    body = request_body(exchange)
    report = Report()
    out = DIALECT.encode_request(DIALECT.decode_request(body), target(exchange.model), report)
    if exchange.status == 200:
        assert_exact(out.body, body)
        assert report.adjustments == []


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_nothing_below_messages_and_tools_is_carried_unread_but_named_fields(exchange: Exchange) -> None:
    for node in nodes_below(DIALECT.decode_request(request_body(exchange))):
        assert set(node.ext) <= {NAME}
        for field in extended(node.ext, NAME):
            assert isinstance(node, EXT_ALLOWED[field]), f"{field} on {type(node).__name__}"


# ---- L2: answers


@needs_traffic
@pytest.mark.parametrize("exchange", BODIES, ids=exchange_id)
def test_a_recorded_answer_decodes_and_comes_back_as_it_was(exchange: Exchange) -> None:
    body = loads_object(exchange.response_body)
    response = DIALECT.decode_response(body, ORIGIN)
    assert_exact(DIALECT.encode_response(response, CONTEXT), body)
    record_count(f"{NAME}: answers decoded and encoded")


def our_answer(response: Response) -> dict[str, Any]:
    """An answer in the words of ``sdk_answer``."""
    answer: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "signatures": [], "finish": None}
    for candidate in response.candidates:
        answer["finish"] = candidate.finish.raw if candidate.finish else None
        for part in candidate.parts:
            if part.state is not None:
                answer["signatures"].append(signature_bytes(part.state.value))
            if isinstance(part, TextPart | ReasoningPart):
                answer["thoughts" if isinstance(part, ReasoningPart) else "text"] += part.text
        answer["calls"] += [(call.name, call.id, loads(call.arguments)) for call in candidate.tool_calls]
    return answer


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_recorded_stream_decodes_to_what_the_sdk_makes_of_it(exchange: Exchange) -> None:
    """STREAM-24, USAGE-01, REASON-04: text, reasoning, calls, signatures, finish reason and usage of the same bytes."""
    genuine = exchange.fidelity != "scrubbed"
    response = decoded_answer(exchange)
    theirs, ours = sdk_answer(with_genuine_signatures(exchange)), our_answer(response)
    usage = theirs.pop("usage")
    if not genuine:
        ours["signatures"], theirs["signatures"] = len(ours["signatures"]), len(theirs["signatures"])
    # Calls that came without an id have one of ours.
    ours["calls"] = [
        (name, call_id if given else None, args)
        for (name, call_id, args), (_, given, _) in zip(ours["calls"], theirs["calls"], strict=True)
    ]
    assert ours == theirs
    assert response.usage is not None
    assert response.usage.total_tokens == usage.total_token_count
    assert response.usage.input_tokens == usage.prompt_token_count
    assert response.usage.reasoning_tokens == usage.thoughts_token_count
    assert response.usage.output_tokens == (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    record_count(f"{NAME}: streams compared with the SDK")


def with_genuine_signatures(exchange: Exchange) -> bytes:
    """The SDK wants base64, which the placeholders of scrubbed recordings are not."""
    return stream_bytes(exchange).replace(b"signature_REDACTED_", b"c2lnbmF0dXJl0000000")


@needs_traffic
@pytest.mark.parametrize("exchange", ERRORS, ids=exchange_id)
def test_a_recorded_error_keeps_status_code_and_message(exchange: Exchange) -> None:
    """ERROR-02."""
    error = DIALECT.decode_error(exchange.status, exchange.response_body)
    inner = loads_object(exchange.response_body)["error"]
    assert isinstance(inner, dict)
    assert isinstance(error, ProviderError)
    assert (error.status, error.message) == (exchange.status, inner["message"])
    assert error.code in {inner["status"], "API_KEY_INVALID"}
    assert error.retryable is (exchange.status == 429)
    record_count(f"{NAME}: errors decoded")


# ---- L3: streams


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_read_byte_by_byte_gives_the_same_events(exchange: Exchange) -> None:
    """STREAM-17."""
    data = stream_bytes(exchange)
    whole = decoded([data])
    assert isinstance(whole[-1], StreamEnd)
    assert decoded(data[index : index + 1] for index in range(len(data))) == whole


@needs_traffic
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_cut_of_a_stream_gives_the_same_events(data: st.DataObject) -> None:
    stream = stream_bytes(data.draw(st.sampled_from(STREAMS)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(pieces) == decoded([stream])


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_unfolded_answers_fold_to_themselves(exchange: Exchange) -> None:
    response = decoded_answer(exchange)
    assert without_forms(fold(unfold(response))) == without_forms(response)


@needs_traffic
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stream_cut_short_ends_in_an_error_unless_its_reason_had_come(data: st.DataObject) -> None:
    """STREAM-15: there is no terminator; without a reason the end is a cut."""
    stream = stream_bytes(data.draw(st.sampled_from(STREAMS)))
    cut = stream[: data.draw(st.integers(0, len(stream) - 1))]
    last = decoded([cut])[-1]
    assert isinstance(last, StreamError) or b"finishReason" in cut
    assert isinstance(last, StreamError | StreamEnd)


# ---- L4: arbitrary input


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"data: ", b"[", b'data: {"candidates":[', b"{"]))
def test_any_bytes_end_in_our_error_or_in_an_end(data: bytes, head: bytes) -> None:
    events = decoded([head + data])
    assert isinstance(events[-1], StreamError | StreamEnd)


KEYS = [
    "candidates",
    "content",
    "parts",
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "function_call",
    "name",
    "args",
    "id",
    "partialArgs",
    "jsonPath",
    "stringValue",
    "willContinue",
    "finishReason",
    "index",
    "usageMetadata",
    "promptTokenCount",
    "error",
    "code",
    "message",
    "status",
    "details",
    "functionResponse",
    "response",
    "inlineData",
    "data",
    "mimeType",
    "fileData",
    "fileUri",
    "contents",
    "role",
    "tools",
    "functionDeclarations",
    "parameters",
    "toolConfig",
    "functionCallingConfig",
    "mode",
    "allowedFunctionNames",
    "generationConfig",
    "thinkingConfig",
    "topK",
    "systemInstruction",
    "promptFeedback",
    "blockReason",
    "responseId",
    "createTime",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)


@settings(max_examples=300, deadline=None)
@given(body=OBJECTS)
def test_any_object_is_an_answer_a_request_or_our_error(body: dict[str, Any]) -> None:
    for read in (DIALECT.decode_request, lambda value: DIALECT.decode_response(value, ORIGIN)):
        with contextlib.suppress(RouterError):
            read(body)


@settings(max_examples=100, deadline=None)
@given(status=st.integers(400, 599), body=st.binary(max_size=200))
def test_any_error_page_is_our_error(status: int, body: bytes) -> None:
    error = DIALECT.decode_error(status, body)
    assert error.status == status
    assert error.message


# ---- L5: the face


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_written_again_folds_to_the_same_answer(exchange: Exchange) -> None:
    response = decoded_answer(exchange)
    again = fold(decoded([encoded(decoded([stream_bytes(exchange)]))]))
    if not response.id:
        # The router gives an answer without an id its own, and minted call ids hang on it.
        again = msgspec.structs.replace(again, id="", candidates=(), usage=None)
        response = msgspec.structs.replace(response, candidates=(), usage=None)
    assert without_forms(again) == without_forms(response)


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_the_sdk_reads_the_written_stream_as_the_same_answer(exchange: Exchange) -> None:
    """STREAM-21: a stock client reads what we write; usage and reason come last."""
    if exchange.fidelity == "scrubbed":
        data = with_genuine_signatures(exchange)
        response = fold(decoded([data])) if exchange.stream else decoded_answer(exchange)
    else:
        response = decoded_answer(exchange)
    theirs = sdk_answer(encoded(unfold(response)))
    usage = theirs.pop("usage")
    expected = our_answer(response)
    expected["calls"] = [
        (name, None if call_id.startswith("call_gemini_") else call_id, args)
        for name, call_id, args in expected["calls"]
    ]
    assert theirs == (expected if theirs["finish"] else {**expected, "finish": None})
    assert response.usage is None or usage.total_token_count == response.usage.total_tokens


def test_a_chunk_that_is_no_json_is_an_error() -> None:
    with pytest.raises(JsonError):
        loads(b"{")
    last = decoded([b"data: {\n\n"])[-1]
    assert isinstance(last, StreamError)
    assert last.error.type == "provider_protocol_error"
