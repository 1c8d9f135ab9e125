"""Errors between OpenAI's shape and ours."""

import html
import re
from typing import Final

from providers.spec.errors import ProviderError, RouterError
from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, loads

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
}
"""The unified type by status: OpenAI's own types say less (``invalid_request_error`` for a wrong key)."""

_CODE_STATUS: Final = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "internal_error": 500,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "vector_store_timeout": 504,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
}
"""Status of an error that came inside a 200, by its code (OpenAI's list of ``ResponseError`` codes, and those seen)."""

_RETRYABLE: Final = frozenset({408, 409, 429})
"""Beside all of 5xx; OpenAI's own client retries these."""

_FINAL: Final = frozenset({"insufficient_quota"})
"""Codes that no retry helps, whatever their status (ERROR-04)."""

_LONGEST: Final = 500
"""How much of a page that is not JSON is shown."""


def decode_error(status: int, body: bytes) -> RouterError:
    """An error answer, with the provider's status and message. Never raises."""
    try:
        value: Json = loads(body)
    except JsonError:
        return _error(status, {}, _page_text(body), None)
    whole = value[0] if isinstance(value, list) and value else value
    outer: JsonObject = whole if isinstance(whole, dict) else {}
    inner = outer.get("error")
    fields = inner if isinstance(inner, dict) else outer
    texts = (fields.get("message"), inner, outer.get("detail"), whole)
    return _error(status, fields, next((text for text in map(_text, texts) if text), ""), value)


def error_in_answer(value: JsonObject) -> ProviderError | None:
    """The error a 200 holds: an error body, or an answer that failed; ``None`` where it holds none."""
    error = value.get("error")
    if isinstance(error, dict):
        return _error(None, error, _text(error.get("message")), value)
    if value.get("status") == "failed":
        return _error(None, {}, "the provider says that the answer failed, and not why", value)
    return None


def error_event(value: JsonObject) -> ProviderError:
    """The error of an ``error`` event: its fields stand in it, or in an object of their own (STREAM-14)."""
    inner = value.get("error")
    fields = inner if isinstance(inner, dict) else value
    return _error(None, fields, _text(fields.get("message")), value)


def encode_error(error: RouterError) -> JsonObject:
    """Our error in OpenAI's shape; what its clients do not know they ignore."""
    inner: JsonObject = {
        "message": error.message,
        "type": error.type,
        "param": error.path,
        "code": error.code,
        "retryable": error.retryable,
    }
    if error.provider is not None:
        inner["provider"] = error.provider
    return {"error": inner}


def failure(error: RouterError) -> JsonObject:
    """The ``error`` object of a response that failed."""
    known = error.code if error.code in _CODE_STATUS else None
    return {
        "code": known or ("rate_limit_exceeded" if error.status == 429 else "server_error"),
        "message": error.message,
    }


def _error(status: int | None, fields: JsonObject, message: str, raw: Json) -> ProviderError:
    code, kind = _text(fields.get("code")), _text(fields.get("type"))
    if kind == "error":
        kind = ""
    known = status if status is not None else _status_of(code, kind)
    unified = _TYPE.get(known, "api_error" if known >= 500 else "invalid_request_error")
    param = fields.get("param")
    return ProviderError(
        message or f"the provider answered with HTTP {known} and no message",
        status=known,
        type=unified,
        code=code or kind or None,
        path=param if isinstance(param, str) else None,
        retryable=code not in _FINAL and (known in _RETRYABLE or known >= 500),
        raw=raw,
    )


def _status_of(code: str, kind: str) -> int:
    if code in _CODE_STATUS:
        return _CODE_STATUS[code]
    return next((status for status, name in _TYPE.items() if name == kind), 502)


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _page_text(body: bytes) -> str:
    """What a page that is not JSON says: its title, else its text."""
    text = body[: 64 * _LONGEST].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    shown = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(html.unescape(shown).split())[:_LONGEST]
