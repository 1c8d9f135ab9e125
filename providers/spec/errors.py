"""Everything that can go wrong, as one tree.

RouterError
├── InvalidRequestError        the caller's request is wrong; ``path`` says where
│   └── ForcedChoiceError      a call is forced while the model thinks, and the provider takes only one of the two
├── AuthenticationError        the caller's own key is missing or wrong
├── UnknownModelError          no such provider, alias or model
├── RequestTooLargeError       a limit of the router was passed
├── UnsupportedError           the target has no way to say it and policy forbids leaving it out
├── ProviderError              the provider answered with an error; ``status`` and ``message`` are its own
├── ProviderProtocolError      the provider's answer breaks its own grammar, or a stream ended early
├── InvalidToolCallError       the model wrote a call that does not fit its tool, and policy rejects it
├── ProviderTimeoutError       connect, first byte, pause between events or total took too long
├── ProviderConnectionError    the provider could not be reached, or the connection broke
└── InternalError              a fault of the router itself
"""

from typing import ClassVar

from providers.spec.values import Json


class RouterError(Exception):
    """Base of every error the router answers with. ``message`` is public: no secrets, no prompts.

    ``type`` and ``status`` are the unified kind and HTTP status; ``code`` is the provider's own code where it gave one.
    """

    default_status: ClassVar[int] = 500
    default_type: ClassVar[str] = "internal_error"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | None = None,
        path: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
        request_id: str | None = None,
        raw: Json = None,
    ) -> None:
        super().__init__(message)
        self.message = message or self.default_type
        self.status = self.default_status if status is None else status
        self.type = type or self.default_type
        self.code = code
        self.path = path
        """JSON path of the offending value in the caller's body, such as ``messages[2].tool_calls[0].id``."""
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        """Seconds to wait, as the provider said."""
        self.provider = provider
        self.request_id = request_id
        """The provider's id of its answer."""
        self.raw = raw
        """The provider's error as it came."""


class InvalidRequestError(RouterError):
    """The caller's request is wrong; sending it again will not help."""

    default_status = 400
    default_type = "invalid_request_error"


class ForcedChoiceError(InvalidRequestError):
    """A call is forced while the model thinks, and the provider refuses the two together, or leaves thinking out."""


class AuthenticationError(RouterError):
    """The caller's own key is missing or wrong."""

    default_status = 401
    default_type = "authentication_error"


class UnknownModelError(RouterError):
    """The request names no provider, alias or model that is configured."""

    default_status = 404
    default_type = "not_found_error"


class RequestTooLargeError(RouterError):
    """The body is larger or nested deeper than the router is set to take."""

    default_status = 413
    default_type = "request_too_large"


class UnsupportedError(RouterError):
    """The target has no way to say what the request asks for."""

    default_status = 422
    default_type = "unsupported_error"


class ProviderError(RouterError):
    """The provider answered with an error. Status, message and code are its own."""

    default_status = 502
    default_type = "api_error"


class ProviderProtocolError(RouterError):
    """The provider's answer is not what its dialect says it must be: broken JSON, a stream without its end."""

    default_status = 502
    default_type = "provider_protocol_error"
    default_retryable = True


class InvalidToolCallError(RouterError):
    """The model wrote a call that does not fit the request's own tools, and policy does not let it through."""

    default_status = 502
    default_type = "invalid_tool_call"
    default_retryable = True


class ProviderTimeoutError(RouterError):
    """The provider was too slow."""

    default_status = 504
    default_type = "timeout_error"
    default_retryable = True


class ProviderConnectionError(RouterError):
    """The provider could not be reached, or the connection broke before the answer began."""

    default_status = 502
    default_type = "connection_error"
    default_retryable = True


class InternalError(RouterError):
    """A fault of the router itself; the log has it under the request id."""
