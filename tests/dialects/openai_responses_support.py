"""What the tests of the OpenAI Responses codec share: recordings as values, the SDK's own accumulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import httpx2
import openai
from openai.lib.streaming.responses import ResponseStream

from providers.dialects.openai_responses import DIALECT
from providers.spec.dialect import FaceContext
from providers.spec.events import StreamEvent
from providers.spec.parts import Origin
from providers.spec.profile import Profile, Target
from providers.spec.values import JsonObject
from providers.wire.json import loads_object
from tests.traffic import Exchange, exchanges

NAME = "openai-responses"
ORIGIN = Origin(dialect=NAME, provider="openai", model="gpt-x", scope="s1")
CONTEXT = FaceContext(response_id="resp_router", model="openai/gpt-x", created=1)

NOT_THE_PROTOCOL = {
    # Written by hand: events of a kind `response.delta`, which the provider never sent.
    "openai--responses-followup-response-streaming--49d7a49a-0",
}

ALL = exchanges(NAME)
REQUESTS = [exchange for exchange in ALL if exchange.request_body_bytes is not None]
BODIES = [exchange for exchange in ALL if exchange.kind == "body" and exchange.status < 300]
ERRORS = [exchange for exchange in ALL if exchange.status >= 300]
SSE = [exchange for exchange in ALL if exchange.kind == "sse" and exchange.status < 300]
FAILED = [exchange for exchange in SSE if '"type":"response.failed"' in exchange.sse]
STREAMS = [exchange for exchange in SSE if exchange not in FAILED and exchange.id not in NOT_THE_PROTOCOL]


def target(model: str = "gpt-x", profile: Profile | None = None) -> Target:
    """The row the origin above stands for."""
    return Target(provider="openai", model=model, dialect=NAME, scope="s1", profile=profile or Profile())


def request_body(exchange: Exchange) -> JsonObject:
    """The recorded request with its literals and its key order."""
    assert exchange.request_body_bytes is not None
    return loads_object(exchange.request_body_bytes)


def decoded(chunks: Iterable[bytes], origin: Origin = ORIGIN) -> list[StreamEvent]:
    """The events of a whole stream."""
    decoder = DIALECT.stream_decoder(origin)
    events: list[StreamEvent] = []
    for chunk in chunks:
        events += decoder.feed(chunk)
    return [*events, *decoder.close()]


def encoded(events: Iterable[StreamEvent], context: FaceContext = CONTEXT) -> bytes:
    """The bytes a caller reads."""
    encoder = DIALECT.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def wire_events(stream: bytes) -> list[JsonObject]:
    """The events of a stream as JSON, in order."""
    lines = [line.removeprefix(b"data:").strip() for line in stream.splitlines() if line.startswith(b"data:")]
    return [loads_object(line) for line in lines if line != b"[DONE]"]


def sdk_events(stream: bytes) -> list[Any]:
    """What the official client's stream helper makes of a stream, over its own transport. Raises as it does."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = openai.OpenAI(api_key="k", base_url="http://provider.test/v1", http_client=http, max_retries=0)
        with client.responses.stream(model="gpt-x", input="hi") as events:
            return list(cast("ResponseStream[Any]", events))


def sdk_response(stream: bytes) -> JsonObject:
    """The final answer the official client accumulates, from the event that ended the stream."""
    last = [event for event in sdk_events(stream) if event.type in {"response.completed", "response.incomplete"}][-1]
    dumped = last.response.to_dict(mode="json")
    for item in dumped["output"]:
        for part in [item, *(item.get("content") or ())]:
            # The helper's own additions.
            part.pop("parsed", None)
            part.pop("parsed_arguments", None)
    return cast("JsonObject", dumped)
