"""Errors between Google's shape and ours."""

import re
from collections.abc import Iterator
from typing import Final

from providers.spec.errors import ProviderError, RouterError
from providers.spec.values import Json, JsonObject
from providers.wire.failures import page_text, text_of, unsaid
from providers.wire.json import JsonError, loads

_STATUS: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Google's canonical codes with their HTTP statuses (https://cloud.google.com/apis/design/errors)."""

_WORD: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}

_TYPE: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_BY_CODE: Final = {"API_KEY_INVALID": "authentication_error"}
"""Codes that say more than their status does: a bad key comes as a 400 (ERROR-04)."""

_RETRYABLE: Final = frozenset({408, 409, 429})
"""Beside all of 5xx."""


def decode_error(status: int, body: bytes) -> RouterError:
    """An error answer, with the provider's status and message. Never raises."""
    try:
        value: Json = loads(body)
    except JsonError:
        return _error(status, None, None, page_text(body), None, None)
    return _from_value(status, value)


def error_in_answer(value: Json) -> ProviderError | None:
    """The error that a 200, or a chunk of a stream, holds (STREAM-14, STREAM-16); ``None`` where it holds none."""
    whole = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(whole, dict) or not isinstance(whole.get("error"), dict):
        return None
    return _from_value(None, value)


def encode_error(error: RouterError) -> JsonObject:
    """Our error in Google's shape; what has no field of its own stands in ``details``."""
    facts = {"type": error.type, "path": error.path, "provider": error.provider, "request_id": error.request_id}
    metadata: JsonObject = {name: value for name, value in facts.items() if value is not None}
    metadata["retryable"] = "true" if error.retryable else "false"
    details: list[Json] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code or error.type,
            "domain": "router",
            "metadata": metadata,
        }
    ]
    if error.retry_after is not None:
        delay = f"{error.retry_after:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    word = _WORD.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": error.status, "message": error.message, "status": word, "details": details}}


def _from_value(status: int | None, value: Json) -> ProviderError:
    # The OpenAI-compatible front and Vertex wrap their errors in a list.
    whole = value[0] if isinstance(value, list) and value else value
    outer: JsonObject = whole if isinstance(whole, dict) else {}
    error = outer.get("error")
    inner: JsonObject = error if isinstance(error, dict) else outer
    texts = (inner.get("message"), error, outer.get("message"), outer.get("detail"))
    message = next((text for text in map(text_of, texts) if text), "")
    word = inner.get("status")
    known = status if status is not None else _status_of(inner)
    code = _reason(inner) or (word if isinstance(word, str) else None)
    return _error(known, code, word if isinstance(word, str) else None, message, _delay(inner), value)


def _status_of(error: JsonObject) -> int:
    code, word = error.get("code"), error.get("status")
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599:
        return code
    return _STATUS.get(word, 502) if isinstance(word, str) else 502


def _error(
    status: int, code: str | None, word: str | None, message: str, retry_after: float | None, raw: Json
) -> ProviderError:
    fallback = "api_error" if status >= 500 else "invalid_request_error"
    kind = _BY_CODE.get(code or "") or _TYPE.get(status) or _TYPE.get(_STATUS.get(word or "", 0), fallback)
    return ProviderError(
        message or unsaid(status, raw),
        status=status,
        type=kind,
        code=code,
        retryable=status in _RETRYABLE or status >= 500,
        retry_after=retry_after,
        raw=raw,
    )


def _details(error: JsonObject, kind: str) -> Iterator[JsonObject]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type")).endswith(kind):
            yield detail


def _reason(error: JsonObject) -> str | None:
    for detail in _details(error, "google.rpc.ErrorInfo"):
        reason = detail.get("reason")
        if isinstance(reason, str):
            return reason
    return None


def _delay(error: JsonObject) -> float | None:
    """Seconds of RetryInfo, which is written ``"20s"`` (ERROR-05)."""
    for detail in _details(error, "google.rpc.RetryInfo"):
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", str(detail.get("retryDelay")))
        if found is not None:
            return float(found[1])
    return None
