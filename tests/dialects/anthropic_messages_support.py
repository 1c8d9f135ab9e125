"""What the tests of the Anthropic Messages codec share: recordings as values, the SDK's own accumulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from anthropic._streaming import SSEDecoder
from anthropic.lib.streaming._beta_messages import accumulate_event

from providers.dialects.anthropic_messages import DIALECT
from providers.spec.dialect import FaceContext
from providers.spec.events import StreamEvent
from providers.spec.parts import Origin
from providers.spec.profile import Profile, Target
from providers.spec.values import JsonObject
from providers.wire.json import loads_object
from tests.traffic import Exchange, exchanges

NAME = "anthropic-messages"
ORIGIN = Origin(dialect=NAME, provider="anthropic", model="claude-x", scope="s1")
CONTEXT = FaceContext(response_id="msg_router", model="anthropic/claude-x", created=1)

ALL = exchanges(NAME)
REQUESTS = [exchange for exchange in ALL if exchange.request_body_bytes is not None]
BODIES = [exchange for exchange in ALL if exchange.kind == "body" and exchange.status < 300]
ERRORS = [exchange for exchange in ALL if exchange.status >= 300]
STREAMS = [exchange for exchange in ALL if exchange.kind == "sse" and exchange.status < 300]


def target(model: str = "claude-x", profile: Profile | None = None) -> Target:
    """The row the origin above stands for."""
    return Target(provider="anthropic", model=model, dialect=NAME, scope="s1", profile=profile or Profile())


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


def sdk_message(stream: bytes) -> JsonObject:
    """What the official SDK accumulates from a stream (its beta accumulator knows everything the stable one does)."""
    snapshot = None
    buffers: dict[int, bytes] = {}
    for event in SSEDecoder().iter_bytes(iter([stream])):
        value = loads_object(event.data)
        if value.get("type") == "ping":
            continue
        snapshot = accumulate_event(
            event=cast("object", value),  # type: ignore[arg-type]
            current_snapshot=snapshot,
            json_bufs=buffers,
            request_headers=cast("object", {}),  # type: ignore[arg-type]
        )
    assert snapshot is not None
    return cast("JsonObject", snapshot.to_dict(mode="json"))
