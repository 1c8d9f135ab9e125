"""What the tests of the chat codec share: recordings as values, the SDK's own accumulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from providers.dialects.openai_chat import DIALECT
from providers.spec.dialect import FaceContext
from providers.spec.events import StreamError, StreamEvent
from providers.spec.parts import Origin
from providers.spec.profile import Profile, Target
from providers.spec.values import JsonObject
from providers.wire.json import loads_object
from tests.traffic import Exchange, exchanges

NAME = "openai-chat"
ORIGIN = Origin(dialect=NAME, provider="openai", model="gpt-x", scope="s1")
CONTEXT = FaceContext(response_id="chatcmpl-router", model="openai/gpt-x", created=1, stream_usage=True)

ALL = exchanges(NAME)
REQUESTS = [exchange for exchange in ALL if exchange.request_body_bytes is not None]
BODIES = [exchange for exchange in ALL if exchange.kind == "body" and exchange.status < 300]
ERRORS = [exchange for exchange in ALL if exchange.status >= 300 and exchange.kind == "body"]
STREAMS = [
    exchange
    for exchange in ALL
    if exchange.kind == "sse" and exchange.status < 300 and "error_in_stream" not in exchange.features
]
BROKEN = [
    exchange
    for exchange in ALL
    if exchange.kind == "sse" and exchange.status < 300 and "error_in_stream" in exchange.features
]


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
        if events and isinstance(events[-1], StreamError):
            return events
    return [*events, *decoder.close()]


def encoded(events: Iterable[StreamEvent], context: FaceContext = CONTEXT) -> bytes:
    """The bytes a caller reads."""
    encoder = DIALECT.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def sdk_chunks(stream: bytes) -> list[ChatCompletionChunk]:
    """The chunks of a stream as the official SDK types them."""
    chunks = []
    for event in SSEDecoder().iter_bytes(iter([stream])):
        if event.data.startswith("[DONE]"):
            break
        if event.data.strip():
            chunks.append(construct_type(type_=ChatCompletionChunk, value=loads_object(event.data)))
    return chunks  # type: ignore[return-value]


def sdk_completion(stream: bytes) -> dict[str, Any]:
    """What the official SDK accumulates from a stream."""
    state: Any = ChatCompletionStreamState()
    for chunk in sdk_chunks(stream):
        state.handle_chunk(chunk)
    snapshot: dict[str, Any] = state.current_completion_snapshot.to_dict()
    return snapshot
