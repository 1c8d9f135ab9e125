"""What the tests of the Gemini codec share: recordings as values, and what the official SDK makes of a stream."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.genai import types
from google.genai.models import _GenerateContentResponse_from_mldev

from providers.dialects.gemini import DIALECT
from providers.dialects.gemini.chunks import ChunkParser
from providers.spec.dialect import FaceContext
from providers.spec.errors import RouterError
from providers.spec.events import StreamError, StreamEvent
from providers.spec.parts import Origin
from providers.spec.profile import Profile, Target
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads, loads_object
from providers.wire.sse import event_of
from tests.traffic import Exchange, exchanges

NAME = "google-generate-content"
MODEL = "gemini-3-pro-preview"
ORIGIN = Origin(dialect=NAME, provider="google", model=MODEL, scope="s1")
CONTEXT = FaceContext(response_id="router-response", model=f"google/{MODEL}", created=1)

GENERATIONS = r"^(?:models/)?gemini-(?:[3-9]|\d\d)"
PROFILE = Profile(
    name="google",
    tool_name=r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
    signature_models=GENERATIONS,
    media_result_models=GENERATIONS,
    thinking_level_models=GENERATIONS,
    always_thinking_models=r"^(?:models/)?gemini-(?:[\d.]+-)?pro(?![a-z])",
)

ALL = exchanges(NAME)
REQUESTS = [exchange for exchange in ALL if exchange.request_body_bytes is not None]
BODIES = [exchange for exchange in ALL if exchange.kind == "body" and exchange.status < 300 and not exchange.stream]
ERRORS = [exchange for exchange in ALL if exchange.status >= 300]
STREAMS = [exchange for exchange in ALL if exchange.stream and exchange.status < 300]
"""Event streams, and a few of the JSON arrays that Google sends without ``alt=sse``."""


def target(model: str = MODEL, profile: Profile | None = None) -> Target:
    """The row the origin above stands for."""
    return Target(provider="google", model=model, dialect=NAME, scope="s1", profile=profile or PROFILE)


def request_body(exchange: Exchange) -> JsonObject:
    """The recorded request with its literals and its key order."""
    assert exchange.request_body_bytes is not None
    return loads_object(exchange.request_body_bytes)


def stream_bytes(exchange: Exchange) -> bytes:
    """The recorded stream as it came."""
    return exchange.response_body


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


def sdk_chunks(stream: bytes) -> list[types.GenerateContentResponse]:
    """The chunks as the official SDK types them, on its own way from the wire, where unknown fields are left out."""
    parser = ChunkParser()
    pieces = [*parser.feed(stream), *parser.close()]
    texts = [piece if isinstance(piece, str) else event_of(piece).data for piece in pieces]
    chunks = [_GenerateContentResponse_from_mldev(loads(text)) for text in texts]
    return [types.GenerateContentResponse._from_response(response=chunk, kwargs={}) for chunk in chunks]


def sdk_answer(stream: bytes) -> dict[str, Any]:
    """What a stream amounts to by the SDK's types: texts, calls, signatures, the reason and the last usage."""
    answer: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "signatures": [], "finish": None, "usage": None}
    for chunk in sdk_chunks(stream):
        answer["usage"] = chunk.usage_metadata or answer["usage"]
        for candidate in chunk.candidates or []:
            if candidate.finish_reason is not None:
                answer["finish"] = candidate.finish_reason.value
            for part in (candidate.content.parts if candidate.content else None) or []:
                _add_part(answer, part)
    return answer


def _add_part(answer: dict[str, Any], part: types.Part) -> None:
    if part.thought_signature is not None:
        answer["signatures"].append(part.thought_signature)
    if part.text:
        answer["thoughts" if part.thought else "text"] += part.text
    call = part.function_call
    if call is None:
        return
    if call.name:
        answer["calls"].append((call.name, call.id, dict(call.args or {})))
    for piece in call.partial_args or []:
        _add_piece(answer["calls"][-1][2], piece)


def _add_piece(args: dict[str, Any], piece: types.PartialArg) -> None:
    """Strings at the root of the arguments are all that was recorded."""
    key = (piece.json_path or "").removeprefix("$.")
    args[key] = args.get(key, "") + (piece.string_value or "")


def signature_bytes(text: str) -> bytes:
    """A signature as the SDK holds it."""
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))


def answer(*parts: Any, reason: str | None = "STOP", **fields: Any) -> Any:
    """A body, or a chunk, with one candidate of these parts."""
    candidate: Any = {"content": {"parts": list(parts), "role": "model"}, "finishReason": reason, "index": 0}
    return {"candidates": [{key: value for key, value in candidate.items() if value is not None}], **fields}


def events_of(*chunks: Any) -> list[StreamEvent]:
    """The events of a stream of these chunks."""
    return decoded([b"".join(b"data: " + dumps(chunk) + b"\r\n\r\n" for chunk in chunks)])


def error_of(*chunks: Any) -> RouterError:
    """The error that a stream of these chunks ends with."""
    last = events_of(*chunks)[-1]
    assert isinstance(last, StreamError)
    return last.error


def read(body: Any) -> Response:
    """A plain answer."""
    return DIALECT.decode_response(body, ORIGIN)
