"""Everything the loop client raises, drawn as one tree.

LoopClientError
├── ConfigurationError        what the caller set up cannot work
│   └── ToolDefinitionError   a function that cannot become a tool
├── ToolError                 raised by a tool: its text is for the model to read
└── RunError                  the run ended without an answer
    ├── ModelConnectionError  the server could not be reached, or the connection broke
    ├── ModelTimeoutError     no connection, no first event, or no next event in time
    ├── ModelHTTPError        the server refused the request
    ├── ModelStreamError      the answer is broken: cut, malformed, or an error in the middle
    ├── EmptyAnswerError      the model ended its turn with neither text nor a call
    ├── LimitReached          a limit ended the run, and was to be an error
    ├── HookError             a hook of the caller failed
    └── ToolSourceError       a source of tools could not be opened

``answers.AnswerRefused`` stands beside ``RunError``: an answer to a waiting call was not taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop_client.result import RunResult


class LoopClientError(Exception):
    """Base of every error of this package."""


class ConfigurationError(LoopClientError):
    """What the caller set up cannot work; the text says what to change."""


class ToolDefinitionError(ConfigurationError):
    """A function cannot become a tool; the text names the function and the parameter."""


class ToolError(LoopClientError):
    """Raised by a tool to tell the model what went wrong.

    The text goes to the model as it is. Of any other exception only the name of its class does, because its text may
    hold what the model must not see.
    """


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What is known about a failed run, in a form that can be stored."""

    code: str
    """What kind of failure: ``connection``, ``timeout``, ``http_error``, ``stream_error``, ``empty_answer``,
    ``limit_reached``, ``hook`` or ``tool_source``."""
    message: str
    """For people; never empty."""
    retryable: bool = False
    """Whether the same request may succeed later."""
    status: int | None = None
    """HTTP status, where the server refused."""
    retry_after: float | None = None
    """Seconds the server asked to wait."""
    request_id: str | None = None
    """The server's name for the request, for its operator."""
    provider_code: str | None = None
    """The server's own code or type of the error."""


class RunError(LoopClientError):
    """The run ended without an answer. ``detail`` says why; ``result`` holds the history up to there."""

    code = "run_error"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        provider_code: str | None = None,
        away: bool = False,
    ) -> None:
        super().__init__(message)
        self.detail = ErrorDetail(self.code, message, retryable, status, retry_after, request_id, provider_code)
        self.away = away
        """Whether the server was not there, or took nothing more: the model was not asked."""
        self.result: RunResult | None = None
        """Set by ``LoopClient.ask``: the partial run."""


class ModelConnectionError(RunError):
    """The server could not be reached, or the connection broke before the answer was whole."""

    code = "connection"


class ModelTimeoutError(RunError):
    """The server did not connect, begin to answer, or go on answering in time."""

    code = "timeout"


class ModelHTTPError(RunError):
    """The server refused the request; ``detail`` has status, retry-after and request id."""

    code = "http_error"


class ModelStreamError(RunError):
    """The answer is broken: cut, malformed, or ended by an error in the middle."""

    code = "stream_error"


class EmptyAnswerError(RunError):
    """The model ended its turn with neither text nor a tool call."""

    code = "empty_answer"


class LimitReached(RunError):
    """A limit of the run was reached, and the limits say that this is an error."""

    code = "limit_reached"


class HookError(RunError):
    """A hook of the caller raised, or gave something that cannot be used."""

    code = "hook"


class ToolSourceError(RunError):
    """A source of tools could not be opened."""

    code = "tool_source"
