"""A request's body as a JSON object, read within limits."""

from collections.abc import Mapping

from providers.spec.errors import InvalidRequestError
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, check_depth, loads, type_name
from router.asgi import HttpCall
from router.config import Limits


async def read_body(call: HttpCall, limits: Limits) -> bytes:
    """The body of a call that says it is JSON, or says nothing of it.

    Raises InvalidRequestError (400, or 415 for a body that says it is something else), RequestTooLargeError (413), and
    CallerGoneError where the caller leaves before the end of it.
    """
    _check_headers(call.headers)
    body = await call.body(limits.max_body_bytes)
    if not body:
        raise InvalidRequestError("the body is empty; expected a JSON object")
    return body


def json_object(body: bytes, limits: Limits) -> JsonObject:
    """The JSON object in a body. Raises InvalidRequestError, and RequestTooLargeError where it is nested too deeply."""
    try:
        value = loads(body)
    except JsonError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body must be a JSON object, not {type_name(value)}")
    check_depth(value, limits.max_depth)
    return value


def _check_headers(headers: Mapping[str, str]) -> None:
    """A body that does not say what it is is taken for JSON; one that says it is something else is not.

    The latter also keeps web pages of other origins out: what they may send without asking is never JSON.
    """
    media_type = headers.get("content-type", "")
    if media_type != "application/json":
        media_type = media_type.partition(";")[0].strip().lower()
        if media_type not in ("", "application/json") and not (
            media_type.startswith("application/") and media_type.endswith("+json")
        ):
            raise InvalidRequestError("the content type must be application/json", status=415)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise InvalidRequestError("the body must not be compressed (content-encoding)", status=415)
