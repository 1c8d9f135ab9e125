"""Reads what an OpenAI-compatible server says when it fails."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from typing import Any, Final

from loop_client.errors import ModelHTTPError, ModelStreamError
from loop_client.jsontext import loads

_LONGEST_MESSAGE: Final = 2000
_RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
_AWAY_STATUSES: Final = frozenset({429, 502, 503, 504, 529})
"""Whoever answers so takes nothing more, or stands before somebody who is not there. 529 is Anthropic's overload."""
_ASKED: Final = frozenset({"provider_protocol_error", "invalid_tool_call", "timeout_error"})
"""Codes with which a router says that the model was asked, and that its answer was of no use or late."""
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-goog-request-id", "apim-request-id")


def http_error(status: int, headers: Mapping[str, str], body: bytes, secret: str | None) -> ModelHTTPError:
    """The error for a refused request. The secret (an API key) is cut out of what the server says."""
    try:
        content = loads(body)
    except ValueError:
        content = None
    error = _error_object(content)
    code = _code(error)
    said = _message(error) or (body.decode("utf-8", errors="replace") if content is None else "")
    message = said.strip()[:_LONGEST_MESSAGE] or "no explanation was given"
    if secret:
        message = message.replace(secret, "[key]")
    return ModelHTTPError(
        f"the server refused the request with status {status}: {message}",
        retryable=status in _RETRYABLE_STATUSES or status >= 500,
        status=status,
        retry_after=_retry_after(headers),
        request_id=next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None),
        provider_code=code,
        away=status in _AWAY_STATUSES and code not in _ASKED,
    )


def stream_error(error: Any) -> ModelStreamError:
    """The error for an ``error`` member inside an answer that began with status 200 (STREAM-14, STREAM-16)."""
    content = _error_object({"error": error})
    said = _message(content).strip()[:_LONGEST_MESSAGE] or "no explanation was given"
    status = content.get("status_code", content.get("code"))
    is_final = isinstance(status, int) and 400 <= status < 500 and status not in _RETRYABLE_STATUSES
    retryable = content.get("retryable")
    return ModelStreamError(
        f"the server reported an error in the middle of the answer: {said}",
        retryable=retryable if isinstance(retryable, bool) else not is_final,
        provider_code=_code(content),
    )


def _error_object(content: Any) -> dict[str, Any]:
    if isinstance(content, list) and content:
        content = content[0]  # Google's compatible front wraps its error in a list
    error = content.get("error", content) if isinstance(content, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else {}


def _message(error: dict[str, Any]) -> str:
    said = next((error[name] for name in ("message", "detail") if isinstance(error.get(name), str)), "")
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    # OpenRouter says "Provider returned error" and puts the cause here (ERROR-06).
    return f"{said}: {raw}" if isinstance(raw, str) and raw else said


def _code(error: dict[str, Any]) -> str | None:
    for name in ("code", "type", "status"):
        if isinstance(error.get(name), (str, int)):
            return str(error[name])
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; the header holds seconds, milliseconds or a date (RFC 9110, section 10.2.3)."""
    if milliseconds := _number(headers.get("retry-after-ms")):
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
