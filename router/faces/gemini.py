"""``POST /v1beta/models/{model}:generateContent`` and ``:streamGenerateContent``: the Gemini face."""

from collections.abc import AsyncGenerator, Mapping
from urllib.parse import unquote

import msgspec
from fastapi import Request as HttpRequest
from fastapi.responses import Response as HttpResponse

from providers.dialects import DIALECTS
from providers.spec.errors import InvalidRequestError, UnknownModelError
from providers.spec.values import JsonObject
from providers.wire.sse import SseParser
from router.faces.connection import EventStream, unless_gone
from router.faces.serving import Face, answered, asked_of, written
from router.pipeline import Pipeline
from router.plan import Asked
from router.said import headers_of_said

GEMINI = Face(dialect=DIALECTS["google-generate-content"], id_prefix="", objects=True)

_METHODS = ("generateContent", "streamGenerateContent")


def asked_of_path(path: str, body: JsonObject, raw: bytes, headers: Mapping[str, str]) -> Asked:
    """The request of ``{model}:{method}`` and a body. Raises UnknownModelError for another method."""
    model, _, method = unquote(path).rpartition(":")
    if method not in _METHODS or not model:
        raise UnknownModelError(f"no such method {method!r}; there are {' and '.join(_METHODS)}", path="method")
    named = body.get("model")
    if named is not None and not isinstance(named, str):
        raise InvalidRequestError("model: expected a string", path="model")
    asked = asked_of(GEMINI, body, raw, headers, model=model.removeprefix("models/"))
    stream = method == "streamGenerateContent"
    return msgspec.structs.replace(asked, request=msgspec.structs.replace(asked.request, stream=stream or None))


async def answer_gemini(http: HttpRequest, pipeline: Pipeline, asked: Asked) -> HttpResponse:
    """Answer a request: whole, as server-sent events (``alt=sse``), or as one JSON array that grows.

    Raises RouterError and CallerGoneError.
    """
    if not asked.request.stream or http.query_params.get("alt") == "sse":
        return await answered(http, pipeline, GEMINI, asked)
    record = http.state.record
    record.model, record.stream = asked.request.model, True
    streamed = await unless_gone(http, pipeline.stream(asked))
    record.provider, record.said = streamed.target.provider, streamed.said
    chunks = _as_array(written(GEMINI, asked, streamed, record))
    return EventStream(chunks, streamed.aclose, headers_of_said(streamed.said), media_type="application/json")


async def _as_array(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The data of server-sent events as the members of one array."""
    parser = SseParser()
    opened = b"["
    try:
        async for chunk in events:
            members = [event.data.encode() for event in parser.feed(chunk)]
            if members:
                yield opened + b",\r\n".join(members)
                opened = b",\r\n"
        yield b"]" if opened != b"[" else b"[]"
    finally:
        await events.aclose()
