"""Whose error it was: names the provider, adds what the answer's headers say, removes secrets."""

import email.utils
import math
import time
from collections.abc import Mapping

from providers.spec.dialect import Dialect
from providers.spec.errors import (
    ProviderConnectionError,
    ProviderError,
    ProviderProtocolError,
    ProviderTimeoutError,
    RouterError,
)
from providers.upstreams.base import ProviderRow, UpstreamAnswer
from providers.upstreams.secrets import scrub

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-goog-request-id")
_OF_PROVIDER = (ProviderError, ProviderProtocolError, ProviderTimeoutError, ProviderConnectionError)


def error_of_answer(dialect: Dialect, answer: UpstreamAnswer, body: bytes) -> RouterError:
    """An error answer as our error, with its headers' request id and time to wait (which win over the body's)."""
    error = dialect.decode_error(answer.status, body)
    told = retry_after(answer.headers)
    if told is not None:
        error.retry_after = told
    if error.request_id is None:
        error.request_id = next((value for name in _REQUEST_ID_HEADERS if (value := answer.headers.get(name))), None)
    return error


def attributed(error: RouterError, row: ProviderRow) -> RouterError:
    """The same error: one of the provider's gets its name, and its text loses the row's secrets."""
    if isinstance(error, _OF_PROVIDER):
        error.provider = row.name
        secrets = [secret for secret in (row.api_key, *row.headers.values()) if secret]
        error.message = scrub(error.message, secrets)
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the ``retry-after-ms`` or ``retry-after`` header (seconds or a date), or ``None``."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = _seconds(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
