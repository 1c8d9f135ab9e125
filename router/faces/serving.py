"""What every face does alike: take a request in, run it, answer it whole or as a stream."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from providers.spec.dialect import Dialect, FaceContext, StreamEncoder
from providers.spec.errors import InvalidRequestError, RouterError
from providers.spec.events import PartDelta, ResponseStart, StreamEnd, StreamError, StreamEvent, UsageUpdate
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from providers.wire.state_ids import has_marks, without_state_ids
from router.asgi import EVENTS, HttpCall
from router.asked import Asked
from router.faces.relay import Relay
from router.logs import RequestRecord
from router.options import read_options
from router.pipeline import Answer, Pipeline, StreamedAnswer
from router.said import headers_of_said

Pieces: TypeAlias = AsyncGenerator[bytes, None]


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect as callers speak it."""

    dialect: Dialect
    id_prefix: str
    """Begins the id of an answer whose provider gave none."""
    objects: bool = False
    """Arguments of calls are objects in it."""
    headers: tuple[str, ...] = ()
    """Request headers that belong to the dialect and go to its own provider."""
    relay: Callable[[], Relay] = Relay
    """What a relayed stream passes through."""
    follows: bool = False
    """An error within a stream repeats what was said before it, so the encoder has to have seen what was relayed."""
    check: Callable[[JsonObject], RouterError | None] | None = None
    """Refuses what this router cannot serve in the dialect, by name; gives the error for what only a provider of the
    dialect itself can serve."""


def asked_of(
    face: Face, body: JsonObject, raw: bytes | None, headers: Mapping[str, str], *, model: str = "", within: str = ""
) -> Asked:
    """The request in a body; its ``router`` object is taken out and checked.

    ``model``: where the face names it outside the body. ``within``: where the body stands in what the caller sent, of
    which its places are told. Raises InvalidRequestError with the JSON path.
    """
    told = body.pop("router", None)
    given = read_options(told, headers)
    elsewhere = None if face.check is None else face.check(body)
    request = face.dialect.decode_request(body)
    if has_marks(raw):
        request = without_state_ids(request)
    if model:
        request = msgspec.structs.replace(request, model=model)
    if not request.model:
        raise InvalidRequestError("model: required (provider/model, or an alias)", path="model")
    if not request.messages:
        raise InvalidRequestError("messages: at least one message is required", path="messages")
    own = {name: value for name in face.headers if (value := headers.get(name))}
    return Asked(
        face.dialect,
        request=request,
        objects=face.objects,
        given=given,
        body=body,
        raw=raw if told is None else None,
        headers=own,
        elsewhere=elsewhere,
        within=within,
    )


def asked_plainly(face: Face, raw: bytes, headers: Mapping[str, str], depth: int) -> Asked | None:
    """The request in a body that is spelled as nearly every client does; ``None`` for any other, right or wrong.

    ``depth``: how deep a body may be nested. Raises InvalidRequestError for a wrong header of the router's.
    """
    plain = face.dialect.read_plain(raw, depth)
    if plain is None:
        return None
    given = read_options(None, headers)
    own = {name: value for name in face.headers if (value := headers.get(name))}
    return Asked(face.dialect, plain=plain, raw=raw, objects=face.objects, given=given, headers=own)


async def answer(call: HttpCall, pipeline: Pipeline, face: Face, asked: Asked) -> None:
    """Answer a request, streamed where it asks for that. Raises RouterError and CallerGoneError."""
    if asked.stream:
        await answer_stream(call, pipeline, face, asked)
        return
    record = call.record
    record.model, record.stream = asked.model, False
    with call.while_there():
        whole = await pipeline.run(asked)
    record.provider, record.usage, record.said = whole.target.provider, whole.response.usage, whole.said
    content = whole.raw if whole.relayed else dumps(encoded(face, asked, whole))
    await call.answer(content, headers=headers_of_said(whole.said))


async def answer_stream(
    call: HttpCall,
    pipeline: Pipeline,
    face: Face,
    asked: Asked,
    *,
    shape: Callable[[Pieces], Pieces] | None = None,
    media_type: bytes = EVENTS,
) -> None:
    """Answer with a stream. ``shape`` makes something else of the events. Raises RouterError and CallerGoneError."""
    record = call.record
    record.model, record.stream = asked.model, True
    with call.while_there():
        streamed = await pipeline.stream(asked)
        record.provider, record.said = streamed.target.provider, streamed.said
        pieces = written(face, asked, streamed, record)
        try:
            await call.stream(
                pieces if shape is None else shape(pieces),
                headers_of_said(streamed.said),
                media_type,
                is_over=bool if shape else lambda: streamed.is_over,
                is_late=streamed.is_late,
                keep_alive=pipeline.keep_alive,
            )
        finally:
            await streamed.aclose()


def encoded(face: Face, asked: Asked, answer: Answer) -> JsonObject:
    """A whole answer in the face's dialect."""
    response = answer.response
    context = face_context(face, asked, answer.target.model, answer.said, response_id=response.id)
    return face.dialect.encode_response(response, context)


def face_context(face: Face, asked: Asked, model: str, said: JsonObject, *, response_id: str = "") -> FaceContext:
    """What a face adds to an answer of its own accord. ``response_id``: what the provider called it, if it did."""
    return FaceContext(
        response_id=response_id or face.id_prefix + secrets.token_hex(12),
        model=model,
        created=int(time.time()),
        router=said,
        stream_usage=asked.stream_usage,
    )


def written(face: Face, asked: Asked, answer: StreamedAnswer, record: RequestRecord) -> Pieces:
    """The bytes of a stream: the provider's own where they are relayed, else written anew."""
    encoder = face.dialect.stream_encoder(face_context(face, asked, answer.target.model, answer.said))
    feed = encoder.feed
    relay = face.relay() if answer.relayed else None

    def write(events: Sequence[StreamEvent], raw: bytes) -> bytes:
        _note(events, record, relay)
        if relay is None:
            return b"".join([feed(event) for event in events])
        return _relayed(relay, events, raw, answer.said) + _error(encoder, events, follows=face.follows)

    return answer.pieces(write)


def _relayed(relay: Relay, events: Sequence[StreamEvent], raw: bytes, said: JsonObject) -> bytes:
    match events[-1] if events else None:
        case StreamEnd():
            return relay.end(raw, said)
        case StreamError():
            return relay.fail(raw)
        case _:
            return relay.feed(raw)


def _error(encoder: StreamEncoder, events: Sequence[StreamEvent], *, follows: bool) -> bytes:
    """The router's word on an error, which stands in for the provider's."""
    if follows:
        for event in events[:-1]:
            encoder.feed(event)
    last = events[-1] if events else None
    if last is None or not (follows or isinstance(last, StreamError)):
        return b""
    told = encoder.feed(last)
    return told if isinstance(last, StreamError) else b""


def _note(events: Sequence[StreamEvent], record: RequestRecord, relay: Relay | None) -> None:
    for event in events:
        if type(event) is PartDelta:
            continue
        match event:
            case UsageUpdate():
                record.usage = event.usage
            case StreamError():
                record.error = event.error.type
            case ResponseStart() if relay is not None:
                relay.response_id = event.id
            case _:
                pass
