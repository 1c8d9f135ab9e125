"""Examples of every error."""

from copy import copy
from typing import Any, Final

from providers.spec.errors import (
    AuthenticationError,
    InternalError,
    InvalidRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderTimeoutError,
    RequestTooLargeError,
    RouterError,
    UnknownModelError,
    UnsupportedError,
)
from router.asked import placed_within, tell_place
from router.documentation.examples import Examples
from router.errors import OPENAI_SHAPE, Shape
from router.faces.envelope import INPUT, refused

_SHOWN: Final[tuple[tuple[str, RouterError], ...]] = (
    (
        "A wrong type",
        InvalidRequestError("messages[0].role: expected a string, got number", path="messages[0].role"),
    ),
    (
        "No key",
        AuthenticationError("a router key is required: Authorization: Bearer, or x-api-key, or x-goog-api-key"),
    ),
    (
        "An unknown provider",
        UnknownModelError(
            "no provider 'opennai' is configured: set its key in the environment or add [providers.opennai] to the "
            "configuration. Providers: scripted",
            path="model",
        ),
    ),
    ("Too large", RequestTooLargeError("the body is larger than 20971520 bytes (limits.max_body_bytes)")),
    ("Not JSON", InvalidRequestError("the content type must be application/json", status=415)),
    ("Not to be said", UnsupportedError("tools[1]: this provider has no free-text tools", path="tools[1]")),
    (
        "Too often",
        ProviderError(
            "Rate limit reached", status=429, type="rate_limit_error", provider="openai", retryable=True,
            code="rate_limit_exceeded",
        ),
    ),
    ("A fault", InternalError("internal error; the log has it under this request id")),
    ("Not there", ProviderConnectionError("could not connect to ollama (ConnectError)", provider="ollama")),
    (
        "Overloaded",
        ProviderError("Overloaded", status=503, type="overloaded_error", provider="anthropic", retryable=True),
    ),
    (
        "Too slow",
        ProviderTimeoutError("the provider took too long: waited for the first byte (300 s)", provider="openai"),
    ),
)  # fmt: skip


def errors_in(shape: Shape, within: str = "") -> dict[int, Examples]:
    """One example for each status, in a dialect's shape; ``within``: where the request stands in what is sent."""
    by_status: dict[int, Examples] = {}
    for summary, shown in _SHOWN:
        error = copy(shown)
        tell_place(error, placed_within(within, error.path or ""))
        value: Any = shape(error)
        by_status[error.status] = {"error": {"summary": summary, "value": value}}
    return by_status


ERRORS: Final = errors_in(OPENAI_SHAPE)
ENVELOPE_ERRORS: Final = errors_in(refused, within=INPUT)
