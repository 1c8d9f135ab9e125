"""Reads the JSON body of a request, within a bound."""

from __future__ import annotations

from starlette.requests import Request

from loop_client.jsontext import JsonObject, loads
from loop_client.server.problems import InvalidRequest


async def read_json_object(request: Request, most_bytes: int) -> JsonObject:
    """The body as a JSON object.

    The content type has to be JSON: a page of another origin can send that only after the browser has asked
    (CORS preflight), so cookies cannot be used behind their owner's back.

    Raises:
        InvalidRequest: too large, not JSON, or not an object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise InvalidRequest("content-type: application/json is expected", "UNSUPPORTED_MEDIA_TYPE", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise InvalidRequest(f"the body is larger than {most_bytes} bytes", "TOO_LARGE", 413)
    try:
        value = loads(bytes(body))
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body is not a JSON object")
    return value
