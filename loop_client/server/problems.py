"""What the service answers when it cannot do as asked: a status, a code for programs, and a sentence for people."""

from __future__ import annotations

from starlette.responses import Response

from loop_client.jsontext import dump_bytes


class Problem(Exception):
    """A request that is answered with an error. The message is shown to whoever sent it."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def response(self) -> Response:
        """The error as ``{"error": {"code", "message"}}``."""
        body = dump_bytes({"error": {"code": self.code, "message": self.message}})
        return Response(body, self.status, headers=self.headers, media_type="application/json")


class Unauthorized(Problem):
    """Raised by an authentication hook: the request carries no valid credentials."""

    def __init__(self, message: str = "valid credentials are required") -> None:
        super().__init__(401, "UNAUTHORIZED", message, headers={"www-authenticate": "Bearer"})


class Forbidden(Problem):
    """Raised by a hook: the caller is known and may not do this."""

    def __init__(self, message: str = "not allowed") -> None:
        super().__init__(403, "FORBIDDEN", message)


class InvalidRequest(Problem):
    """The request is malformed; the message names the place."""

    def __init__(self, message: str, code: str = "INVALID_REQUEST", status: int = 400) -> None:
        super().__init__(status, code, message)
