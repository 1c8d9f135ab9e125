"""Errors between Anthropic's shape and ours."""

from typing import Final

from providers.spec.errors import ProviderError, RouterError
from providers.spec.values import Json, JsonObject
from providers.wire.failures import page_text, text_of, unsaid
from providers.wire.json import JsonError, loads

_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 504,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}
"""Status of an error that came inside a 200, by its type (Anthropic's list of errors)."""

_TYPE: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_RETRYABLE: Final = frozenset({408, 409, 429})
"""Beside all of 5xx. 409 is a lock time-out there; Anthropic's own client retries it."""


def decode_error(status: int, body: bytes) -> RouterError:
    """An error answer, with the provider's status and message. Never raises; 529 stays 529 (ERROR-03)."""
    try:
        value: Json = loads(body)
    except JsonError:
        return _error(status, None, page_text(body), None, None)
    return _from_value(status, value)


def error_in_answer(value: JsonObject) -> ProviderError | None:
    """The error a 200 or an event holds (STREAM-14, STREAM-16); ``None`` where it holds none."""
    if value.get("type") != "error" and not isinstance(value.get("error"), dict):
        return None
    return _from_value(None, value)


def encode_error(error: RouterError) -> JsonObject:
    """Our error in Anthropic's shape; what its clients do not know they ignore."""
    inner: JsonObject = {"type": _wire_type(error), "message": error.message, "retryable": error.retryable}
    for name, value in (("code", error.code), ("path", error.path), ("provider", error.provider)):
        if value is not None:
            inner[name] = value
    details = _details(error.raw)
    if details is not None:
        inner["details"] = details
    body: JsonObject = {"type": "error", "error": inner}
    if error.request_id is not None:
        body["request_id"] = error.request_id
    return body


def _details(raw: Json) -> JsonObject | None:
    """``error.details`` of an error in this dialect: its clients act on the ``error_code`` in it."""
    error = raw.get("error") if isinstance(raw, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return details if isinstance(details, dict) and "error_code" in details else None


def _wire_type(error: RouterError) -> str:
    if error.type in _STATUS:
        return error.type
    return _TYPE.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")


def _from_value(status: int | None, value: Json) -> ProviderError:
    # Vertex wraps its errors in a list.
    whole = value[0] if isinstance(value, list) and value else value
    outer: JsonObject = whole if isinstance(whole, dict) else {}
    error = outer.get("error")
    inner: JsonObject = error if isinstance(error, dict) else outer
    texts = (inner.get("message"), error, outer.get("detail"))
    message = next((text for text in map(text_of, texts) if text), "")
    kind = inner.get("type") if inner is not outer else None
    return _error(status, kind if isinstance(kind, str) else None, message, outer, value)


def _error(status: int | None, kind: str | None, message: str, outer: JsonObject | None, raw: Json) -> ProviderError:
    known = status if status is not None else _STATUS.get(kind or "", 502)
    request_id = outer.get("request_id") if outer is not None else None
    unified = kind if kind in _STATUS else _TYPE.get(known, "api_error" if known >= 500 else "invalid_request_error")
    return ProviderError(
        message or unsaid(known, raw),
        status=known,
        type=unified,
        code=kind,
        retryable=known in _RETRYABLE or known >= 500,
        request_id=request_id if isinstance(request_id, str) else None,
        raw=raw,
    )
