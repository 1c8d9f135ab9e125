"""``POST /v1beta/models/{model}:generateContent`` and ``:streamGenerateContent``: the Gemini face."""

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from providers.dialects import DIALECTS
from providers.spec.errors import InvalidRequestError, UnknownModelError
from providers.spec.values import JsonObject
from providers.wire.sse import SseParser
from router.asgi import JSON, HttpCall
from router.asked import Asked
from router.faces.serving import Face, Pieces, answer, answer_stream, asked_of
from router.pipeline import Pipeline

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
    return asked.saying(msgspec.structs.replace(asked.request, stream=stream or None), raw=asked.raw)


async def answer_gemini(call: HttpCall, pipeline: Pipeline, asked: Asked) -> None:
    """Answer a request: whole, as server-sent events (``alt=sse``), or as one JSON array that grows.

    Raises RouterError and CallerGoneError.
    """
    if not asked.stream or call.query("alt") == "sse":
        await answer(call, pipeline, GEMINI, asked)
        return
    await answer_stream(call, pipeline, GEMINI, asked, shape=_as_array, media_type=JSON)


async def _as_array(events: Pieces) -> Pieces:
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
