"""A provider that answers what a test gives it, in the pieces that the test cuts, and keeps the bytes it was sent."""

from collections.abc import Sequence

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class Canned(msgspec.Struct):
    """One answer."""

    pieces: Sequence[bytes]
    status: int = 200
    media_type: str = "application/json"
    cut: bool = False
    """The connection is gone after the last piece."""
    headers: dict[str, str] = {}


class CannedProvider:
    """Plays one answer on every path until it is given another."""

    def __init__(self) -> None:
        self.answer = Canned([b"{}"])
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=["POST"])])

    def whole(self, body: bytes, *, status: int = 200) -> None:
        """Answer with this body."""
        self.answer = Canned([body], status=status)

    def events(self, *pieces: bytes, cut: bool = False) -> None:
        """Answer with a stream, one piece after another."""
        self.answer = Canned(pieces, media_type="text/event-stream", cut=cut)

    async def _serve(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.headers.append(dict(request.headers))
        self.paths.append(request.url.path)
        return _Played(self.answer)


class _Played(StreamingResponse):
    def __init__(self, answer: Canned) -> None:
        self._answer = answer
        super().__init__(
            iter(()), status_code=answer.status, media_type=answer.media_type, headers=dict(answer.headers)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not self._answer.cut:
            # Without it the server drops the connection.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
