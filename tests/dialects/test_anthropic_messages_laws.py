"""The laws of the Anthropic Messages codec, on every recorded exchange."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.anthropic_messages import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import ProviderError
from providers.spec.events import UsageUpdate
from providers.spec.fold import fold, unfold
from providers.spec.parts import ToolResultPart
from providers.spec.request import FunctionTool, Request
from providers.spec.response import Response
from providers.spec.values import Json, JsonObject, Value, extended
from providers.wire.json import loads_object
from tests.dialects.anthropic_messages_support import (
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
    sdk_message,
    target,
)
from tests.exact import assert_exact
from tests.traffic import Exchange, exchange_id, needs_traffic
from tests.traffic_plugin import record_count

EXT_ALLOWED = {
    # A mark for Anthropic's prompt cache: it has no meaning for another provider.
    "cache_control": (FunctionTool, Value),
    # Anthropic's tool search: the tool is kept out of the prompt until it is found.
    "defer_loading": (FunctionTool,),
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


# ---- L1: requests


@needs_traffic
@pytest.mark.parametrize("exchange", REQUESTS, ids=exchange_id)
def test_a_recorded_request_comes_back_as_it_was(exchange: Exchange) -> None:
    body = request_body(exchange)
    report = Report()
    request = DIALECT.decode_request(body)
    out = DIALECT.encode_request(request, target(request.model), report)
    assert_exact(out.body, body)
    assert report.adjustments == []
    assert (out.path, out.headers) == ("/v1/messages", {"anthropic-version": "2023-06-01"})
    record_count(f"{NAME}: requests decoded and encoded")


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


def comparable(value: Json) -> Json:
    """A message without what is spelled differently at no loss: absent or ``null``, ``1.0`` or ``1``."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in sorted(value.items()) if item is not None}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return value


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_recorded_stream_decodes_to_what_the_sdk_makes_of_it(exchange: Exchange) -> None:
    """STREAM-24, USAGE-01, REASON-07: text, reasoning, calls, finish reason, usage and ids of the same bytes."""
    theirs = sdk_message(exchange.response_body)
    response = fold(decoded([exchange.response_body]))
    ours = DIALECT.encode_response(response, CONTEXT)
    assert comparable(ours) == comparable(theirs)
    record_count(f"{NAME}: streams compared with the SDK")


@needs_traffic
@pytest.mark.parametrize("exchange", ERRORS, ids=exchange_id)
def test_a_recorded_error_keeps_status_type_and_message(exchange: Exchange) -> None:
    error = DIALECT.decode_error(exchange.status, exchange.response_body)
    inner = loads_object(exchange.response_body)["error"]
    assert isinstance(inner, dict)
    assert isinstance(error, ProviderError)
    assert (error.status, error.type, error.code) == (exchange.status, inner["type"], inner["type"])
    assert error.message == inner["message"]
    assert error.retryable is False
    record_count(f"{NAME}: errors decoded")


# ---- L3: streams


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_read_byte_by_byte_gives_the_same_events(exchange: Exchange) -> None:
    """STREAM-17."""
    data = exchange.response_body
    whole = decoded([data])
    assert decoded(data[index : index + 1] for index in range(len(data))) == whole


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


# ---- L5: the face


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_written_again_folds_to_the_same_answer(exchange: Exchange) -> None:
    response = fold(decoded([exchange.response_body]))
    again = fold(decoded([encoded(decoded([exchange.response_body]))]))
    assert without_forms(again) == without_forms(response)


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_the_sdk_accumulates_the_written_stream_to_the_same_answer(exchange: Exchange) -> None:
    """STREAM-03: a stock client reads what we write. Usage comes first, as Anthropic tells it."""
    response = decoded_answer(exchange)
    start, *rest = unfold(response)
    usage = [event for event in rest if isinstance(event, UsageUpdate)]
    others = [event for event in rest if not isinstance(event, UsageUpdate)]
    expected = DIALECT.encode_response(response, CONTEXT)
    assert comparable(sdk_message(encoded([start, *usage, *others]))) == comparable(expected)


def decoded_answer(exchange: Exchange) -> Response:
    if exchange.kind == "sse":
        return fold(decoded([exchange.response_body]))
    body: JsonObject = loads_object(exchange.response_body)
    return DIALECT.decode_response(body, ORIGIN)
