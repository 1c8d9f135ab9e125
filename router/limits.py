"""A request's body as a JSON object, read within limits."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from providers.spec.errors import InvalidRequestError, RequestTooLargeError
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, check_depth, loads, type_name
from router.config import Limits
from router.faces.connection import CallerGoneError

_MOST_DIGITS = 18
"""Of a length that is worth reading as a number."""


async def read_json_object(request: Request, limits: Limits) -> tuple[JsonObject, bytes]:
    """The JSON object in the body, and the bytes it stands in.

    Raises InvalidRequestError (400, or 415 for a body that does not say it is JSON) and RequestTooLargeError (413),
    and CallerGoneError where the caller leaves before the end of it. Never holds more than the limit, plus what
    the server has read ahead.
    """
    _check_headers(request)
    body = await _read(request, limits.max_body_bytes)
    if not body:
        raise InvalidRequestError("the body is empty; expected a JSON object")
    try:
        value = loads(body)
    except JsonError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body must be a JSON object, not {type_name(value)}")
    check_depth(value, limits.max_depth)
    return value, body


def _check_headers(request: Request) -> None:
    """A body that does not say what it is is taken for JSON; one that says it is something else is not.

    The latter also keeps web pages of other origins out: what they may send without asking is never JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/json") and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise InvalidRequestError("the content type must be application/json", status=415)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise InvalidRequestError("the body must not be compressed (content-encoding)", status=415)


async def _read(request: Request, most: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _MOST_DIGITS or int(announced) > most):
        raise _too_large(most)
    body = bytearray()
    try:
        async for chunk in request.stream():
            if len(body) + len(chunk) > most:
                raise _too_large(most)
            body += chunk
    except ClientDisconnect:
        raise CallerGoneError from None
    return bytes(body)


def _too_large(most: int) -> RequestTooLargeError:
    return RequestTooLargeError(f"the body is larger than {most} bytes (limits.max_body_bytes)")
