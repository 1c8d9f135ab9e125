"""Errors in OpenAI's shape, which both of its dialects and every host that imitates it use."""

from typing import Final

from providers.spec.errors import ProviderError, RouterError
from providers.spec.values import Json, JsonObject
from providers.wire.failures import LONGEST, page_text, text_of, unsaid
from providers.wire.json import JsonError, dumps_text, loads

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
    "rate_limit_error": 429,
    "overloaded_error": 503,
    "tool_use_failed": 400,
}
"""Status of an error that came inside a 200, by its code (OpenAI's list of ``ResponseError`` codes, and those seen)."""

_RETRYABLE: Final = frozenset({408, 409, 429})
"""Beside all of 5xx; OpenAI's own client retries these."""

_MODEL_ERRORS: Final = frozenset({"tool_use_failed"})
"""Codes for what the model did wrong: asking again may help, though the status says that the request was (ERROR-07)."""

_FINAL: Final = frozenset({"insufficient_quota"})
"""Codes that no retry helps, whatever their status (ERROR-04)."""


def decode_error(status: int, body: bytes) -> RouterError:
    """An error answer, with the provider's status and message. Never raises."""
    try:
        value: Json = loads(body)
    except JsonError:
        return error_of(status, {}, page_text(body), None)
    return _from_value(status, value)


def _from_value(status: int | None, value: Json) -> ProviderError:
    # Google's chat front wraps it in a list.
    whole = value[0] if isinstance(value, list) and value else value
    outer: JsonObject = whole if isinstance(whole, dict) else {}
    inner = outer.get("error")
    fields = inner if isinstance(inner, dict) else outer
    texts = (fields.get("message"), inner, outer.get("detail"), outer.get("message"), whole)
    message = next((text for text in map(text_of, texts) if text), "")
    return error_of(status, fields, message, value)


def error_in(value: JsonObject) -> ProviderError | None:
    """The error that a body or an event of a 200 holds under ``error`` (STREAM-14, STREAM-16); ``None`` where none."""
    if not isinstance(value.get("error"), dict | str) or not value["error"]:
        return None
    return _from_value(None, value)


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
    generation = failed_generation(error.raw)
    if generation is not None:
        inner["failed_generation"] = generation
    return {"error": inner}


def failed_generation(raw: Json) -> str | None:
    """What the model wrote where it failed to write a call (Groq, ERROR-07)."""
    inner = raw.get("error") if isinstance(raw, dict) else None
    generation = inner.get("failed_generation") if isinstance(inner, dict) else None
    return generation if isinstance(generation, str) else None


def error_of(status: int | None, fields: JsonObject, message: str, raw: Json) -> ProviderError:
    """An error by the fields of OpenAI's ``error`` object. ``status`` is ``None`` where it came inside a 200."""
    code, kind = _code_of(fields.get("code")), text_of(fields.get("type"))
    if kind == "error":
        kind = ""
    known = status if status is not None else _status_of(code, kind)
    unified = _TYPE.get(known, "api_error" if known >= 500 else "invalid_request_error")
    if known in {503, 529} and (code in {"slow_down", "server_is_overloaded"} or "overloaded" in kind):
        unified = "overloaded_error"
    param = fields.get("param")
    return ProviderError(
        _with_cause(message, fields) or unsaid(known, raw),
        status=known,
        type=unified,
        code=code or kind or None,
        path=param if isinstance(param, str) else None,
        retryable=code not in _FINAL and (known in _RETRYABLE or known >= 500 or code in _MODEL_ERRORS),
        raw=raw,
    )


def code_status(code: str | None) -> int | None:
    """The status of one of OpenAI's own error codes; ``None`` for any other."""
    return _CODE_STATUS.get(code or "")


def _with_cause(message: str, fields: JsonObject) -> str:
    """ERROR-06: what an aggregator's message hides, with the name of the host behind it."""
    metadata = fields.get("metadata")
    if not isinstance(metadata, dict):
        return message
    cause, host = metadata.get("raw"), text_of(metadata.get("provider_name"))
    told = cause if isinstance(cause, str) else "" if cause is None else dumps_text(cause)
    if not told:
        return f"{message} ({host})" if host else message
    return f"{message} ({host or 'the host behind it'}: {told[:LONGEST]})"


def _code_of(value: Json) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(value)


def _status_of(code: str, kind: str) -> int:
    if code.isdecimal() and 400 <= int(code[:4]) < 600:
        return int(code)
    if code in _CODE_STATUS:
        return _CODE_STATUS[code]
    if kind in _CODE_STATUS:
        return _CODE_STATUS[kind]
    return next((status for status, name in _TYPE.items() if name == kind), 502)
