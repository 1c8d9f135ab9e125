"""``POST /v1/chat/completions``: the OpenAI chat face."""

import secrets
import time
from collections.abc import AsyncGenerator

from fastapi import Request as HttpRequest
from fastapi.responses import Response as HttpResponse

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import FaceContext
from providers.spec.errors import InvalidRequestError
from providers.spec.events import StreamError, UsageUpdate
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps, type_name
from router.faces.connection import EventStream, unless_gone
from router.logs import RequestRecord
from router.pipeline import Answer, Pipeline, StreamedAnswer

CHAT = DIALECTS["openai-chat"]


def decoded(body: JsonObject) -> Request:
    """The canonical request in a chat body; its ``router`` object is taken out and checked.

    Raises InvalidRequestError with the JSON path.
    """
    check_options(body.pop("router", None))
    request = CHAT.decode_request(body)
    if not request.model:
        raise InvalidRequestError("model: required (provider/model, or an alias)", path="model")
    if not request.messages:
        raise InvalidRequestError("messages: at least one message is required", path="messages")
    return request


def check_options(options: Json) -> None:
    """Raise InvalidRequestError for options this version does not know: ignoring one would be a silent loss."""
    if options is None:
        return
    if not isinstance(options, dict):
        raise InvalidRequestError(f"router: expected an object, got {type_name(options)}", path="router")
    for name in options:
        raise InvalidRequestError(f"router.{name}: not an option of this router", path=f"router.{name}")


def said(target: Target, report: Report) -> JsonObject:
    """The ``router`` object of an answer: who answered, and what had to be changed."""
    about: JsonObject = {"provider": target.provider, "model": target.model}
    if report.adjustments:
        about["adjustments"] = [adjustment.as_json() for adjustment in report.adjustments]
    return about


def face_context(request: Request, target: Target, report: Report) -> FaceContext:
    """What the chat face adds to an answer of its own accord."""
    return FaceContext(
        response_id=f"chatcmpl-{secrets.token_hex(12)}",
        model=target.model,
        created=int(time.time()),
        router=said(target, report),
        stream_usage=bool(request.stream_usage),
    )


async def answer_chat(http: HttpRequest, pipeline: Pipeline, body: JsonObject) -> HttpResponse:
    """Answer one chat body, streamed where it asks for that. Raises RouterError and CallerGoneError."""
    request = decoded(body)
    record = http.state.record
    record.model, record.stream = request.model, bool(request.stream)
    if request.stream:
        streamed = await unless_gone(http, pipeline.stream(request))
        record.provider = streamed.target.provider
        return EventStream(_streamed(request, streamed, record), streamed.aclose)
    answer = await unless_gone(http, pipeline.run(request))
    record.provider, record.usage = answer.target.provider, answer.response.usage
    return HttpResponse(dumps(encoded(request, answer)), media_type="application/json")


def encoded(request: Request, answer: Answer) -> JsonObject:
    """A whole answer as a chat completion."""
    return CHAT.encode_response(answer.response, face_context(request, answer.target, answer.report))


async def _streamed(request: Request, answer: StreamedAnswer, record: RequestRecord) -> AsyncGenerator[bytes, None]:
    encoder = CHAT.stream_encoder(face_context(request, answer.target, answer.report))
    async for batch in answer.batches():
        for event in batch:
            if isinstance(event, UsageUpdate):
                record.usage = event.usage
            elif isinstance(event, StreamError):
                record.error = event.error.type
        pieces = b"".join(encoder.feed(event) for event in batch)
        if pieces:
            yield pieces
