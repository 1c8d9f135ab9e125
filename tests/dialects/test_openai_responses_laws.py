"""The laws of the OpenAI Responses codec, on every recorded exchange."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from providers.dialects.openai_responses import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import ProviderError, RouterError
from providers.spec.events import StreamError
from providers.spec.fold import fold, unfold
from providers.spec.response import Response
from providers.spec.values import Json, JsonObject
from providers.wire.json import loads_object
from tests.dialects.openai_responses_support import (
    BODIES,
    CONTEXT,
    ERRORS,
    FAILED,
    NAME,
    NOT_THE_PROTOCOL,
    ORIGIN,
    REQUESTS,
    SSE,
    STREAMS,
    decoded,
    encoded,
    request_body,
    sdk_response,
    target,
    wire_events,
)
from tests.exact import assert_exact
from tests.traffic import Exchange, exchange_id, needs_traffic
from tests.traffic_plugin import record_count


def without_forms(value: object) -> object:
    """The same canonical value, spelling aside."""
    if isinstance(value, msgspec.Struct):
        fields = {name: without_forms(getattr(value, name)) for name in value.__struct_fields__ if name != "form"}
        return type(value).__name__, fields
    if isinstance(value, tuple):
        return tuple(without_forms(item) for item in value)
    return value


def comparable(value: Json) -> Json:
    """An answer without what is spelled differently at no loss: absent or ``null``, ``1.0`` or ``1``."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in sorted(value.items()) if item is not None}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return value


def with_sealed_of_items(response: JsonObject, stream: bytes) -> JsonObject:
    """The answer with each item as its own end told it.

    OpenAI seals the same reasoning anew for the last event; one host leaves the output out there.
    """
    done = [event for event in wire_events(stream) if event.get("type") == "response.output_item.done"]
    ordered = sorted(done, key=lambda event: str(event["output_index"]).zfill(6))
    return {**response, "output": [event["item"] for event in ordered]}


def decoded_answer(exchange: Exchange) -> Response:
    if exchange.kind == "sse":
        return fold(decoded([exchange.response_body]))
    return DIALECT.decode_response(loads_object(exchange.response_body), ORIGIN)


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
    assert (out.path, out.headers) == ("/responses", {})
    record_count(f"{NAME}: requests decoded and encoded")


# ---- answers


@needs_traffic
@pytest.mark.parametrize("exchange", BODIES, ids=exchange_id)
def test_a_recorded_answer_decodes_and_comes_back_as_it_was(exchange: Exchange) -> None:
    body = loads_object(exchange.response_body)
    response = DIALECT.decode_response(body, ORIGIN)
    assert_exact(DIALECT.encode_response(response, CONTEXT), body)
    record_count(f"{NAME}: answers decoded and encoded")


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_recorded_stream_decodes_to_what_the_sdk_makes_of_it(exchange: Exchange) -> None:
    """STREAM-24, REASON-14: texts, reasoning, calls, finish, usage and ids of the same bytes."""
    theirs = with_sealed_of_items(sdk_response(exchange.response_body), exchange.response_body)
    response = fold(decoded([exchange.response_body]))
    assert comparable(DIALECT.encode_response(response, CONTEXT)) == comparable(theirs)
    record_count(f"{NAME}: streams compared with the SDK")


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_folds_to_what_its_last_event_says_plainly(exchange: Exchange) -> None:
    """Promise: stream equals plain. Parts, finish, usage and carried fields, whatever came by deltas."""
    last = wire_events(exchange.response_body)[-1]["response"]
    assert isinstance(last, dict)
    plain = DIALECT.decode_response(with_sealed_of_items(last, exchange.response_body), ORIGIN)
    folded = fold(decoded([exchange.response_body]))
    assert without_forms(folded.candidates) == without_forms(plain.candidates)
    assert without_forms(folded.usage) == without_forms(plain.usage)


@needs_traffic
@pytest.mark.parametrize("exchange", ERRORS, ids=exchange_id)
def test_a_recorded_error_keeps_status_code_and_message(exchange: Exchange) -> None:
    error = DIALECT.decode_error(exchange.status, exchange.response_body)
    inner = loads_object(exchange.response_body)["error"]
    assert isinstance(inner, dict)
    assert isinstance(error, ProviderError)
    assert (error.status, error.code) == (exchange.status, inner["code"] or inner["type"])
    assert error.message == inner["message"]
    assert error.retryable is False
    record_count(f"{NAME}: errors decoded")


@needs_traffic
@pytest.mark.parametrize("exchange", FAILED, ids=exchange_id)
def test_a_stream_that_failed_ends_in_the_providers_error(exchange: Exchange) -> None:
    """STREAM-14: an error after a 200 is no empty answer."""
    *_, last = decoded([exchange.response_body])
    assert isinstance(last, StreamError)
    told = next(event for event in wire_events(exchange.response_body) if event["type"] == "error")["error"]
    assert isinstance(told, dict)
    assert (last.error.code, last.error.message) == (told["code"], told["message"])
    record_count(f"{NAME}: failed streams decoded")


@needs_traffic
@pytest.mark.parametrize("exchange", [one for one in SSE if one.id in NOT_THE_PROTOCOL], ids=exchange_id)
def test_a_stream_of_another_grammar_is_an_error(exchange: Exchange) -> None:
    """STREAM-15: without a terminal event nothing is whole."""
    *_, last = decoded([exchange.response_body])
    assert isinstance(last, StreamError)


# ---- streams


@needs_traffic
@pytest.mark.parametrize("exchange", SSE, ids=exchange_id)
def test_a_stream_read_byte_by_byte_gives_the_same_events(exchange: Exchange) -> None:
    """STREAM-17."""
    data = exchange.response_body
    whole = [event for event in decoded([data]) if not isinstance(event, StreamError)]
    pieces = decoded(data[index : index + 1] for index in range(len(data)))
    assert [event for event in pieces if not isinstance(event, StreamError)] == whole


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


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
@example(data=b"\x00-0")
def test_arbitrary_bytes_give_only_our_errors(data: bytes) -> None:
    for chunk in (data, b'data: {"type":"response.output_item.added","output_index":0,"item":' + data + b"}\n\n"):
        *_, last = decoded([chunk])
        assert isinstance(last, StreamError)
        assert isinstance(last.error, RouterError)
    assert isinstance(DIALECT.decode_error(500, data), RouterError)


# ---- the face


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_a_stream_written_again_folds_to_the_same_answer(exchange: Exchange) -> None:
    response = fold(decoded([exchange.response_body]))
    again = fold(decoded([encoded(decoded([exchange.response_body]))]))
    assert without_forms(again) == without_forms(response)


FINISHED = [one for one in [*BODIES, *STREAMS] if b'"status":"queued"' not in one.response_body.replace(b": ", b":")]


@needs_traffic
@pytest.mark.parametrize("exchange", FINISHED, ids=exchange_id)
def test_the_sdk_accumulates_the_written_stream_to_the_same_answer(exchange: Exchange) -> None:
    """STREAM-03: a stock client reads what we write, live or from an answer that came whole."""
    response = decoded_answer(exchange)
    expected = DIALECT.encode_response(response, CONTEXT)
    events = decoded([exchange.response_body]) if exchange.kind == "sse" else unfold(response)
    assert comparable(sdk_response(encoded(events))) == comparable(expected)
    record_count(f"{NAME}: written streams read by the SDK")
